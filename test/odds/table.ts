// The tables of the odds in Markdown, one a phone: a row an attack, and what it got from each server.
import type { Attack, Position } from './attack.js';
import type { Cell, Count } from './cell.js';
import type { Crowd } from './crowd.js';
import type { ServerKind } from './media-server.js';
import type { PhoneModel } from './phone.js';

export interface Row {
  readonly attack: Attack;
  /** In the order of the servers. */
  readonly cells: readonly Cell[];
}

const FROM: Readonly<Record<Position, string>> = {
  elsewhere: 'elsewhere',
  neighbour: 'same NAT',
  forged: 'forged',
};

type Column = readonly [title: string, of: (cell: Cell) => string];

const BRIEF: readonly Column[] = [
  ['stolen', ({ stolen, calls }) => counted(stolen, calls)],
  ['injected', ({ injected, calls }) => counted(injected, calls)],
];
/** Of a phone that never speaks nothing more can be told. */
const HARM: readonly Column[] = [
  [
    'no media in 1 s / 5 s',
    ({ over1s, over5s, calls }) => `${share(over1s, calls)} / ${share(over5s, calls)}`,
  ],
  ['lost at the rebinding', ({ lost, calls }) => share(lost, calls)],
];
const ASKED: readonly Column[] = [
  ['questions a call', ({ questions, calls }) => (questions / calls).toFixed(1)],
  [
    'contests: right / wrong / open',
    ({ contests: { right, wrong, unresolved } }) => `${right} / ${wrong} / ${unresolved}`,
  ],
  ['conflicts', ({ conflicts }) => String(conflicts)],
];

export function tableOf(phone: PhoneModel, servers: readonly ServerKind[], rows: readonly Row[]): string {
  const hasHarm = (phone.speaksAfterMs ?? 0) !== Infinity;
  const columns = servers.map(({ asks }) => [...BRIEF, ...(hasHarm ? HARM : []), ...(asks ? ASKED : [])]);
  const titles = columns.flatMap((own, i) => own.map(([title]) => `${servers[i]?.name ?? ''}: ${title}`));
  const lines = rows.map(({ attack, cells }) => [
    attack.position === 'elsewhere' && attack.name === 'nobody' ? '' : FROM[attack.position],
    attack.name,
    ...columns.flatMap((own, i) => own.map(([, of]) => (cells[i] ? of(cells[i]) : ''))),
  ]);
  const head = ['from', 'the attacker', ...titles];
  return markdown(head, lines);
}

/** One row a server. */
export function crowdTableOf(rows: readonly (readonly [server: ServerKind, crowd: Crowd])[]): string {
  const columns = [...BRIEF, ...HARM, ...ASKED];
  const head = ['', ...columns.map(([title]) => title), 'questions in the busiest second'];
  const lines = rows.map(([{ name }, { cell, askedInASecond }]) => [
    name,
    ...columns.map(([, of]) => of(cell)),
    String(askedInASecond),
  ]);
  return markdown(head, lines);
}

function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The share of the calls, and how many packets in each of these. */
function counted({ calls, packets }: Count, all: number): string {
  return calls === 0 ? '0' : `${share(calls, all)} (${Math.round(packets / calls)})`;
}

function share(calls: number, all: number): string {
  if (calls === 0) return '0';
  const percent = (100 * calls) / all;
  return `${percent >= 10 ? Math.round(percent) : Number(percent.toPrecision(2))} %`;
}

export const MARKERS = { begin: '<!-- odds -->', end: '<!-- /odds -->' } as const;

/** The document with this between the markers. */
export function insertOdds(document: string, text: string): string {
  const from = document.indexOf(MARKERS.begin);
  const to = document.indexOf(MARKERS.end);
  if (from < 0 || to < from) throw new Error(`the document has no ${MARKERS.begin} … ${MARKERS.end}`);
  return `${document.slice(0, from + MARKERS.begin.length)}\n\n${text}\n\n${document.slice(to)}`;
}
