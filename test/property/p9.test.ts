// P9 over random sequences: there is no learning window.
import assert from 'node:assert/strict';
import { holdOver } from '../support/sequences.js';

describe('P9 over random sequences', () => {
  it('there is no learning window: starts, re-offers, holds, new keys and ends under attack', function () {
    this.timeout(60_000);
    const totals = holdOver(
      {
        sequences: 1000,
        options: (prng) => ({ callers: 1, isShared: prng.chance(0.3) }),
        weights: {
          pass: 5,
          talk: 6,
          rebind: 1,
          line: 1,
          reoffer: 4,
          hold: 3,
          renew: 4,
          'failed reoffer': 2,
          close: 2,
          'call again': 3,
          spray: 3,
          follow: 4,
          replay: 2,
          race: 1,
        },
      },
      9_000_000,
    );
    assert.ok(totals.delivered > 2000 && totals.attackerSent > 10_000, JSON.stringify(totals));
  });
});
