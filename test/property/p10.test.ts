// P10 over random sequences: a call is never protected less than by latch unless the policy allows it and an event has
// said so.
import assert from 'node:assert/strict';
import type { Play } from '../support/play.js';
import { holdOver } from '../support/sequences.js';

function silentDowngrade(play: Play): string | undefined {
  for (const { pair, isOpen } of play.casts) {
    if (!isOpen) continue;
    const { id, protection } = pair.server.session;
    if (protection !== 'none' && protection !== 'evidence' && protection !== 'legacy') continue;
    if (play.options.policy === 'require') return `${protection} though the policy requires latch`;
    if (!play.downgraded.has(id)) return `${protection} and no event said so`;
    const allowed = { require: 'nothing', prefer: 'evidence', legacy: 'evidence', blind: 'legacy' } as const;
    const { policy = 'prefer' } = play.options;
    const isLate = policy === 'legacy' && protection === 'legacy';
    if (protection !== allowed[policy] && !isLate) return `${protection} is not the policy ${policy}`;
  }
  return undefined;
}

describe('P10 over random sequences', () => {
  it('no call is downgraded against the policy, or in silence', function () {
    this.timeout(60_000);
    let downgraded = 0;
    const totals = holdOver(
      {
        sequences: 1000,
        options: (prng) => ({
          callers: 1 + prng.integer(2),
          isShared: prng.chance(0.3),
          policy: prng.pick(['require', 'prefer', 'legacy', 'blind']),
        }),
        weights: {
          pass: 5,
          talk: 5,
          rebind: 1,
          reoffer: 2,
          renew: 2,
          'failed reoffer': 2,
          hold: 1,
          close: 1,
          'call again': 1,
          strip: 2,
          spray: 2,
          guess: 2,
          replay: 2,
          junk: 1,
        },
        violation: silentDowngrade,
        after: (play) => {
          downgraded += play.downgraded.size;
          return undefined;
        },
      },
      10_000_000,
    );
    assert.ok(
      downgraded > 200 && totals.verified > 500,
      `${downgraded} downgraded, ${JSON.stringify(totals)}`,
    );
  });
});
