// Makes tests of scenarios: each is played and judged. CI plays those that are selected, `npm run test:lab -- --all` all.
import { skipBecause, whyNoClient } from '../clients/client-programs.js';
import { judge } from './judge.js';
import { whyNoLab } from './lab.js';
import { play } from './scenario.js';
import type { Scenario } from './scenario.js';

export const ALL = process.env.LATCHKEY_LAB === 'all';

/** A scenario that hangs is to fail in the time that the longest one takes twice. */
const TIMEOUT_MS = 60_000;

export function describeScenarios(title: string, scenarios: readonly Scenario[]): void {
  describe(title, function () {
    this.timeout(TIMEOUT_MS);
    for (const scenario of scenarios.filter(({ isSelected }) => ALL || isSelected)) {
      it(scenario.name, async function () {
        const programs = scenario.callers.flatMap(({ program = 'latchkey' }) =>
          program === 'latchkey' ? [] : [program],
        );
        skipBecause(this, whyNoLab() ?? whyNoClient(...programs));
        judge(await play(scenario));
      });
    }
  });
}
