// From the counts of all runs to a table: median and worst of each setting, and where latchkey is not the best. Pure.
import type { Loss, Tally } from './tally.js';

/** Of one call. */
export interface Result {
  readonly setting: string;
  readonly scene: string;
  readonly tally: Tally;
}

/** The names of the scenes that one table shows. */
export interface Scenes {
  readonly attacked: { readonly name: string };
  readonly quiet?: { readonly name: string };
}

export interface Column {
  readonly title: string;
  /** The scene whose calls it shows. */
  readonly scene: string;
  readonly valueOf: (tally: Tally) => number | Loss;
}

export interface Row {
  readonly setting: string;
  readonly cells: readonly Cell[];
}

/** The values of one setting in one column, ascending: from the best to the worst. */
export type Cell = readonly (number | Loss)[];

/** The columns of one table: a call under attack, and one without where there is one. */
export function columnsOf({ attacked, quiet }: Scenes): readonly Column[] {
  const losses = (scene: string, when: string): Column[] => [
    { title: `to the caller${when}`, scene, valueOf: ({ lossToCaller }) => lossToCaller },
    { title: `from the caller${when}`, scene, valueOf: ({ lossFromCaller }) => lossFromCaller },
  ];
  return [
    { title: 'stolen', scene: attacked.name, valueOf: ({ stolen }) => stolen },
    { title: 'injected', scene: attacked.name, valueOf: ({ injected }) => injected },
    { title: 'refused', scene: attacked.name, valueOf: ({ refused }) => refused },
    ...losses(attacked.name, ', attacked'),
    ...(quiet ? losses(quiet.name, ', no attack') : []),
  ];
}

/** One row for each setting, in the order in which they first took their turn. */
export function rowsOf(results: readonly Result[], columns: readonly Column[]): readonly Row[] {
  const settings = [...new Set(results.map(({ setting }) => setting))];
  return settings.map((setting) => ({
    setting,
    cells: columns.map(({ scene, valueOf }) =>
      results
        .filter((result) => result.setting === setting && result.scene === scene)
        .map((result) => valueOf(result.tally))
        .sort((a, b) => rank(a) - rank(b)),
    ),
  }));
}

/** The median, and the worst where that is another one. */
export function textOf(cell: Cell): string {
  const [median, worst] = [medianOf(cell), cell.at(-1)];
  if (median === undefined || worst === undefined) return 'not measured';
  const [first, second] = [sayValue(median), sayValue(worst)];
  return first === second ? first : `${first} (worst ${second})`;
}

/** What others do better than `setting`, by the median: one sentence for each column. */
export function betterThan(
  setting: string,
  rows: readonly Row[],
  columns: readonly Column[],
): readonly string[] {
  const own = rows.find((row) => row.setting === setting);
  return columns.flatMap(({ title }, i) => {
    const ours = own && medianOf(own.cells[i]!);
    if (ours === undefined) return [];
    const better = rows.filter(({ cells }) => {
      const theirs = medianOf(cells[i]!);
      return theirs !== undefined && rank(theirs) < rank(ours);
    });
    const names = better.map((row) => `${row.setting} (${sayValue(medianOf(row.cells[i]!)!)})`);
    return names.length === 0 ? [] : [`${title}: ${sayValue(ours)}, better: ${names.join('; ')}`];
  });
}

/** Why this setting does not hold; empty where it does: nothing stolen, nothing of the attacker's passed on, media back in every call. */
export function failuresOf(setting: string, results: readonly Result[]): readonly string[] {
  return results
    .filter((result) => result.setting === setting)
    .flatMap(({ scene, tally: { stolen, injected, refused, lossToCaller, lossFromCaller } }) => {
      const isBack = lossToCaller.kind === 'gap' && lossFromCaller.kind === 'gap';
      if (stolen + injected + refused === 0 && isBack) return [];
      const losses = `to the caller ${sayValue(lossToCaller)}, from the caller ${sayValue(lossFromCaller)}`;
      return [`${scene}: ${stolen} stolen, ${injected} injected, ${refused} refused, lost: ${losses}`];
    });
}

export function sayValue(value: number | Loss): string {
  if (typeof value === 'number') return String(value);
  switch (value.kind) {
    case 'gap':
      return `${value.ms} ms`;
    case 'to-the-end':
      return 'to the end';
    case 'before':
      return 'all before';
  }
}

/** Of an even number of values the worse of the two in the middle. */
export function medianOf<T>(sorted: readonly T[]): T | undefined {
  return sorted[sorted.length >> 1];
}

function rank(value: number | Loss): number {
  if (typeof value === 'number') return value;
  switch (value.kind) {
    case 'gap':
      return value.ms;
    case 'to-the-end':
      return 1e9;
    case 'before':
      return 2e9;
  }
}
