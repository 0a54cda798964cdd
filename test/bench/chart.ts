// Charts as SVG: bars with their spread, and lines over a logarithmic axis. Plain text out, no library: two kinds are all that is
// drawn. Colours follow the reader's light or dark, also where the file is an image in a page.
import type { Spread } from './statistics.js';

export interface Bar extends Spread {
  readonly label: string;
}

export interface BarGroup {
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Line {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const WIDTH = 760;
const LABEL_WIDTH = 250;
const RIGHT = 70;
const ROW = 22;
const TITLE = 34;
const PLOT_HEIGHT = 260;
const SERIES = 8;
/** Of a label from the one above, at least. */
const LABEL_HEIGHT = 16;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .axis { stroke: #8c959f; }
  .grid { stroke: #d1d9e0; }
  .spread { stroke: #1f2328; stroke-width: 1.5; }
  .line { fill: none; stroke-width: 2.5; }
  ${colours(['#6e7781', '#0969da', '#bc4c00', '#1a7f37', '#8250df', '#bf3989', '#9a6700', '#1b7c83'])}
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .grid { stroke: #3d444d; }
    .spread { stroke: #f0f6fc; }
    ${colours(['#9198a1', '#4493f8', '#db6d28', '#3fb950', '#ab7df8', '#db61a2', '#d29922', '#39c5cf'])}
  }`;

/** Horizontal bars in groups, each with the least and the most of its rounds. All have one scale from 0. */
export function barChart(title: string, groups: readonly BarGroup[]): string {
  const bars = groups.flatMap((group) => group.bars);
  const labels = [...new Set(bars.map(({ label }) => label))];
  const most = niceAbove(Math.max(0, ...bars.map((bar) => bar.most)));
  const toX = (value: number) => LABEL_WIDTH + (value / most) * (WIDTH - LABEL_WIDTH - RIGHT);
  const parts: string[] = [];
  let y = TITLE;
  for (const group of groups) {
    parts.push(`<text class="title" x="0" y="${y + 15}">${escaped(group.title)}</text>`);
    y += ROW;
    for (const bar of group.bars) {
      parts.push(barOf(bar, y, toX, labels.indexOf(bar.label) % SERIES));
      y += ROW;
    }
    y += ROW / 2;
  }
  const grid = ticksTo(most).map(
    (value) =>
      `<path class="grid" d="M${toX(value)} ${TITLE}V${y}"/>` +
      `<text x="${toX(value)}" y="${y + 16}" text-anchor="middle">${value}</text>`,
  );
  return svg(title, y + 28, [...grid, ...parts]);
}

function barOf(bar: Bar, y: number, toX: (value: number) => number, series: number): string {
  const middle = y + ROW / 2;
  const width = Math.max(0, toX(bar.median) - LABEL_WIDTH);
  return (
    `<text x="${LABEL_WIDTH - 8}" y="${middle + 4}" text-anchor="end">${escaped(bar.label)}</text>` +
    `<rect class="fill${series}" x="${LABEL_WIDTH}" y="${y + 3}" width="${rounded(width)}" height="${ROW - 6}" rx="2"/>` +
    `<path class="spread" d="M${rounded(toX(bar.least))} ${middle}H${rounded(toX(bar.most))}"/>` +
    `<text x="${rounded(toX(bar.most)) + 6}" y="${middle + 4}">${bar.median.toFixed(2)}</text>`
  );
}

/** Lines over an axis of powers of ten, from 0 up. */
export function lineChart(title: string, axis: string, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const [left, right] = [60, WIDTH - 190];
  const xs = points.map(({ x }) => Math.log10(x));
  const [lowest, highest] = [Math.min(...xs), Math.max(...xs)];
  const most = niceAbove(Math.max(0, ...points.map(({ y }) => y)));
  const toX = (x: number) =>
    rounded(left + ((Math.log10(x) - lowest) / (highest - lowest || 1)) * (right - left));
  const toY = (y: number) => rounded(TITLE + 10 + (1 - y / most) * PLOT_HEIGHT);
  const grid = ticksTo(most).map(
    (value) =>
      `<path class="grid" d="M${left} ${toY(value)}H${right}"/>` +
      `<text x="${left - 8}" y="${toY(value) + 4}" text-anchor="end">${value}</text>`,
  );
  const marks = [...new Set(points.map(({ x }) => x))].map(
    (x) => `<text x="${toX(x)}" y="${toY(0) + 20}" text-anchor="middle">${x.toLocaleString('en')}</text>`,
  );
  const drawn = lines.map((line, i) => {
    const path = line.points.map(({ x, y }) => `${toX(x)} ${toY(y)}`).join('L');
    return `<path class="line stroke${i % SERIES}" d="M${path}"/>`;
  });
  const labels = apart(
    lines.map(({ label, points }) => ({ label, y: toY(points.at(-1)?.y ?? 0) })),
    ({ label, y }) => `<text x="${right + 8}" y="${y + 4}">${escaped(label)}</text>`,
  );
  const under = `<text x="${(left + right) / 2}" y="${toY(0) + 42}" text-anchor="middle">${escaped(axis)}</text>`;
  return svg(title, toY(0) + 54, [...grid, ...marks, ...drawn, ...labels, under]);
}

/** From below up, each as far from the one under it as it needs to be read. */
function apart<T extends { readonly y: number }>(all: readonly T[], draw: (one: T) => string): string[] {
  let under = Infinity;
  return [...all]
    .sort((a, b) => b.y - a.y)
    .map((one) => {
      under = Math.min(one.y, under - LABEL_HEIGHT);
      return draw({ ...one, y: under });
    });
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="0" y="18">${escaped(title)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function colours(values: readonly string[]): string {
  return values
    .map((value, i) => `.fill${i} { fill: ${value}; } .stroke${i} { stroke: ${value}; }`)
    .join(' ');
}

/** The next of 1, 2, 5 times a power of ten: an axis ends there. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 5, 10].map((factor) => factor * power).find((nice) => nice >= value) ?? 10 * power;
}

function ticksTo(most: number): number[] {
  return Array.from({ length: 6 }, (_, i) => Number(((most * i) / 5).toPrecision(3)));
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
