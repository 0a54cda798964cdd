// docs/performance.md and its charts, from what was measured. Text out: it reads no clock and no machine.
import { barChart, lineChart } from './chart.js';
import type { BarGroup, Line } from './chart.js';
import type { PacketProfile } from './packet-profile.js';
import { costOf, longestOf, lossOf, ratioOf } from './rounds.js';
import type { Sample, TrialResult } from './rounds.js';
import { median } from './statistics.js';
import type { Spread } from './statistics.js';
import { TARGETS } from './targets.js';
import type { Measured } from './targets.js';
import { GROWTH_SESSIONS } from './trials.js';
import type { Variant } from './variant.js';

/** A figure of what runs in one process alone. */
export interface EngineRow {
  readonly what: string;
  readonly value: string;
  readonly note: string;
}

export interface Report extends Measured {
  readonly engine: readonly EngineRow[];
  /** Calls set up over TLS. */
  readonly setups: readonly EngineRow[];
  readonly variants: readonly Pick<Variant, 'name' | 'title'>[];
  readonly conditions: readonly (readonly [string, string])[];
  readonly rounds: number;
}

export const CHARTS = { ratios: 'performance-ratios.svg', growth: 'performance-growth.svg' } as const;
const YARDSTICK = 'c';
/** Beside docs/performance.md. */
export const PROFILE = 'performance-profile.md';
/** Of a profile: the others have a row together. */
const FUNCTIONS_SHOWN = 12;

/** By file name, for docs/images. */
export function chartsOf({ trials, variants }: Report): Record<string, string> {
  const others = trials.filter(({ trial }) => !trial.name.startsWith('growth-'));
  const groups = others.map((result): BarGroup => {
    const bars = [...result.samples.keys()].flatMap((name) => {
      const ratio = name === YARDSTICK ? undefined : ratioOf(result, name, YARDSTICK);
      return ratio ? [{ label: plain(titleOf(variants, name)), ...ratio }] : [];
    });
    return { title: result.trial.title, bars };
  });
  return {
    [CHARTS.ratios]: barChart('CPU per delivered packet, C with recvmmsg and sendmmsg = 1', groups),
    [CHARTS.growth]: lineChart(
      'CPU per delivered packet, in µs',
      'sessions on one port',
      growthLines(trials, variants),
    ),
  };
}

function growthLines(trials: readonly TrialResult[], variants: Report['variants']): Line[] {
  const names = new Set(trials.flatMap(({ samples }) => [...samples.keys()]));
  return [...names].flatMap((name) => {
    const points = GROWTH_SESSIONS.flatMap((x) => {
      const samples = trials.find(({ trial }) => trial.name === `growth-${x}`)?.samples.get(name);
      return samples ? [{ x, y: median(samples.map(costOf)) }] : [];
    });
    return points.length > 1 ? [{ label: plain(titleOf(variants, name)), points }] : [];
  });
}

/** docs/performance.md. */
export function documentOf(report: Report): string {
  const { trials, engine, setups, conditions, rounds, variants } = report;
  return [
    '# Performance',
    '',
    'Written by `npm run bench -- --write`: do not edit. It is measured on one machine, where the generator, the sink and the forwarder',
    'share the cores; so the ratios are what counts. In each round every variant has its turn in a process of its own, and the',
    'forwarder in C ([test/bench/native/forwarder.c](../test/bench/native/forwarder.c)) is the yardstick: the ratio is to its cost in the same',
    `round, the median of ${rounds} rounds, with the least and the most. Cost is the CPU of all threads of the forwarding process, divided by`,
    'the packets that the listeners received. Every forwarder has one UDP port but rtpengine, which has one for each peer.',
    'Paths are proved by latch before, as in a call; flat out there are 256 packets under way.',
    `What a packet spends its time on, and why more sessions cost more: [a profile](${PROFILE}).`,
    'Where the longest pause is told, it is that of the event loop of the forwarder, to 5 ms, and the longest gap is how long a listener waited for the',
    'next packet of one who sends one every 20 ms: both of any round.',
    '',
    '## What it must show',
    '',
    table(
      ['', 'at most', 'measured', 'least and most', ''],
      TARGETS.map(({ what, most, read }) => [what, String(most), ...targetCells(read(report), most)]),
    ),
    '',
    `![CPU per delivered packet as a ratio to C](images/${CHARTS.ratios})`,
    '',
    '## Trial by trial',
    '',
    ...trials.flatMap((result) => [`### ${result.trial.title}`, '', trialTable(result, variants), '']),
    '## How the cost grows',
    '',
    `![CPU per delivered packet by the number of sessions](images/${CHARTS.growth})`,
    '',
    '## Calls set up',
    '',
    table(
      ['', '', ''],
      setups.map(({ what, value, note }) => [what, value, note]),
    ),
    '',
    '## In one process',
    '',
    table(
      ['', '', ''],
      engine.map(({ what, value, note }) => [what, value, note]),
    ),
    '',
    ...measuredOn(conditions),
  ].join('\n');
}

/** docs/performance-profile.md. */
export function profileDocumentOf(
  { sessions, few, many, functions }: PacketProfile,
  conditions: Report['conditions'],
): string {
  const [fewText, manyText] = [sessions.few, sessions.many].map((count) => count.toLocaleString('en'));
  const shown = functions.slice(0, FUNCTIONS_SHOWN);
  const others = functions.slice(FUNCTIONS_SHOWN);
  const sum = (of: 'few' | 'many') => others.reduce((all, one) => all + one[of], 0);
  const added = functions.map((one) => one.many - one.few);
  const ns = (value: number) => value.toFixed(0);
  return [
    '# Where the time of a packet goes',
    '',
    'Written by `npm run bench -- --profile --write`: do not edit. An RTP packet of 172 bytes goes from a socket through a room of two and out of',
    'the socket, which only takes and gives: nothing of the kernel is in it. The packets are of sessions by chance, and each is proved by latch. What the profiler of V8 says,',
    `by function, in nanoseconds a packet: among ${fewText} sessions on one port, and among ${manyText}.`,
    '',
    table(
      ['', `among ${fewText}`, `among ${manyText}`],
      [
        ...shown.map((one) => [`\`${one.name}\``, ns(one.few), ns(one.many)]),
        [`${others.length} others`, ns(sum('few')), ns(sum('many'))],
        ['all', ns(few), ns(many)],
      ],
    ),
    '',
    `The same functions run in both, on the same number of packets: what is added, ${ns(many - few)} ns, is time in which they wait for memory. It is spread over all of`,
    `them; no function has more than ${((100 * Math.max(...added)) / (many - few)).toFixed(0)} % of it. Each session has its own objects, and ${manyText} of them do not fit into the cache of a core;`,
    'the forwarder in C touches three places a packet, and grows too (see [the benchmark](performance.md)).',
    '',
    ...measuredOn(conditions),
  ].join('\n');
}

function measuredOn(conditions: Report['conditions']): string[] {
  const rows = conditions.map(([what, value]) => [what, value]);
  return ['## Measured on', '', table(['', ''], rows), ''];
}

function targetCells(spread: Spread | undefined, most: number): string[] {
  if (!spread) return ['not measured', '', ''];
  return [spread.median.toFixed(2), rangeOf(spread), spread.median <= most ? 'met' : '**not met**'];
}

function trialTable(result: TrialResult, variants: Report['variants']): string {
  const columns = [
    ...['', 'CPU µs', 'ratio to C', 'least and most', 'packets/s', 'lost', 'median ms', 'p99 ms'],
    'in another order',
    ...(result.trial.watchesPauses ? ['longest pause ms', 'longest gap ms'] : []),
  ];
  const rows = [...result.samples].map(([name, samples]) => {
    const middle = (of: (sample: Sample) => number) => median(samples.map(of));
    const ratio = ratioOf(result, name, YARDSTICK);
    const { pauseMs, gapMs } = longestOf(samples);
    return [
      titleOf(variants, name),
      middle(costOf).toFixed(2),
      ratio?.median.toFixed(2) ?? '',
      ratio ? rangeOf(ratio) : '',
      Math.round(middle(({ report }) => report.arrived / report.seconds)).toLocaleString('en'),
      `${(100 * middle(lossOf)).toFixed(2)} %`,
      middle(({ report }) => report.latencyUs.median / 1000).toFixed(2),
      middle(({ report }) => report.latencyUs.p99 / 1000).toFixed(2),
      middle(({ report }) => report.reordered).toFixed(0),
      ...(result.trial.watchesPauses ? [pauseMs?.toFixed(0) ?? '', gapMs.toFixed(0)] : []),
    ];
  });
  const refused = [...result.refusals].map(([name, why]) => [titleOf(variants, name), why]);
  return table(columns, [...rows, ...refused]);
}

function rangeOf({ least, most }: Spread): string {
  return `${least.toFixed(2)} to ${most.toFixed(2)}`;
}

function titleOf(variants: Report['variants'], name: string): string {
  return variants.find((variant) => variant.name === name)?.title ?? name;
}

/** A chart knows no Markdown. */
function plain(title: string): string {
  return title.replaceAll('`', '');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${head.map((_, i) => (cells[i] ?? '').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
