// The table at the end: a row for each thing that was measured, a column for each scene.
import type { Column } from './demo-event.js';

const LABEL_WIDTH = 40;
const COLUMN_WIDTH = 14;
const TITLES = { latched: 'latched', evidence: 'evidence', blind: 'blind' } as const;

interface Row {
  readonly label: string;
  readonly cell: (column: Column) => string;
}

const ROWS: readonly Row[] = [
  { label: 'the phones hold a key', cell: ({ result }) => yesOrNo(result.hasKeys) },
  { label: 'the impostor knows SSRCs and sequence', cell: ({ result }) => yesOrNo(result.knowsNumbers) },
  { label: 'the call was watched for', cell: ({ result }) => formatMs(result.seconds * 1000) },
  { label: 'packets that the impostor sent', cell: ({ result }) => formatCount(result.sent) },
  { label: 'packets stolen, on its own socket', cell: ({ result }) => formatCount(result.stolen) },
  { label: 'packets injected, heard by the callers', cell: ({ result }) => formatCount(result.injected) },
  { label: 'longest silence', cell: ({ result }) => formatMs(result.longestSilenceMs) },
  { label: 'after the NAT rebound, media is back in', cell: ({ rebinding }) => formatReturn(rebinding) },
];

/** Lines of at most 82 characters, without colours. The first is the heading. */
export function formatTable(columns: readonly Column[]): string[] {
  const heading = columns.map(({ result }) => TITLES[result.scene].padStart(COLUMN_WIDTH)).join('');
  const rows = ROWS.map(({ label, cell }) => {
    const cells = columns.map((column) => cell(column).padStart(COLUMN_WIDTH));
    return label.padEnd(LABEL_WIDTH) + cells.join('');
  });
  return [' '.repeat(LABEL_WIDTH) + heading, ...rows];
}

/** Thousands apart, whatever the locale. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Milliseconds below a second, else seconds with one decimal. */
export function formatMs(ms: number): string {
  const rounded = Math.round(ms);
  return rounded < 1000 ? `${rounded} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function yesOrNo(isSo: boolean): string {
  return isSo ? 'yes' : 'no';
}

function formatReturn(rebinding: Column['rebinding']): string {
  if (!rebinding) return '-';
  return rebinding.backMs === undefined ? 'never' : formatMs(rebinding.backMs);
}
