// The part of the benchmark that moves media: trial by trial, and its tables on the console.
import type { NativePrograms } from './native.js';
import { costOf, longestOf, lossOf, measureTrial, ratioOf } from './rounds.js';
import type { RoundsOptions, TrialResult } from './rounds.js';
import { median } from './statistics.js';
import type { Trial } from './trials.js';
import { allVariants } from './variants.js';

const YARDSTICK = 'c';

export interface MediaOptions extends Pick<RoundsOptions, 'rounds' | 'warmMs' | 'measureMs'> {
  readonly programs: NativePrograms;
  readonly trials: readonly Trial[];
  /** Only these, besides the yardstick. */
  readonly only?: readonly string[] | undefined;
}

export async function measureMedia({
  programs,
  trials,
  only,
  ...timing
}: MediaOptions): Promise<TrialResult[]> {
  const all = allVariants(programs);
  const results: TrialResult[] = [];
  for (const trial of trials) {
    const isWanted = (name: string) => only === undefined || name === YARDSTICK || only.includes(name);
    const wanted = trial.variants.filter(isWanted);
    const variants = wanted.flatMap((name) => all.find((one) => one.name === name) ?? []);
    const result = await measureTrial(programs, trial, variants, { ...timing, onTurn: tellTurn });
    tellTurn('');
    print(result);
    results.push(result);
  }
  return results;
}

/** In place of the line before. */
function tellTurn(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
}

function print(result: TrialResult): void {
  const { trial, samples, refusals } = result;
  console.log(`\n${trial.title} (${trial.name})`);
  const columns = [
    ...['CPU µs', 'ratio to C, its spread', 'packets/s', 'lost', 'p50 ms', 'p99 ms', 'reordered'],
    ...(trial.watchesPauses ? ['pause ms', 'gap ms'] : []),
  ];
  console.log(
    ['', ...columns].map((text, i) => (i === 0 ? text.padEnd(12) : text.padStart(widthOf(i)))).join(''),
  );
  for (const [name, own] of samples) {
    const middle = (of: (sample: (typeof own)[number]) => number) => median(own.map(of));
    const ratio = ratioOf(result, name, YARDSTICK);
    const { pauseMs, gapMs } = longestOf(own);
    const cells = [
      middle(costOf).toFixed(2),
      ratio ? `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)}-${ratio.most.toFixed(2)})` : '',
      middle(({ report }) => report.arrived / report.seconds).toFixed(0),
      `${(100 * middle(lossOf)).toFixed(2)} %`,
      middle(({ report }) => report.latencyUs.median / 1000).toFixed(2),
      middle(({ report }) => report.latencyUs.p99 / 1000).toFixed(2),
      middle(({ report }) => report.reordered).toFixed(0),
      ...(trial.watchesPauses ? [pauseMs?.toFixed(0) ?? '', gapMs.toFixed(0)] : []),
    ];
    console.log([name.padEnd(12), ...cells.map((cell, i) => cell.padStart(widthOf(i + 1)))].join(''));
  }
  for (const [name, why] of refusals) console.log(`${name.padEnd(12)}  ${why}`);
}

function widthOf(column: number): number {
  return column === 2 ? 24 : 12;
}
