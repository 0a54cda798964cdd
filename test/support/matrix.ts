// The grid that every promise is held against: three ways to map by three ways to filter (RFC 4787), and both
// suites of proof.
import { behaviours } from './nat.js';
import type { Behaviour } from './nat.js';
import { suites } from './oracle.js';
import type { Suite } from './oracle.js';

export interface GridPoint {
  readonly mapping: Behaviour;
  readonly filtering: Behaviour;
  readonly suite: Suite;
  readonly seed: number;
}

export const natGrid: readonly Omit<GridPoint, 'suite'>[] = behaviours.flatMap((mapping, row) =>
  behaviours.map((filtering, column) => ({ mapping, filtering, seed: 100 + 10 * row + column })),
);

export const grid: readonly GridPoint[] = suites.flatMap((suite) =>
  natGrid.map((point) => ({ ...point, suite })),
);

/** Defines one test for each point of the grid, named by it. */
export function itOnGrid(title: string, test: (point: GridPoint) => void): void {
  for (const point of grid)
    it(`${title} [${point.suite}, ${point.mapping} mapping, ${point.filtering} filtering]`, () =>
      test(point));
}
