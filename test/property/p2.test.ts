// P2 over random sequences: nothing recorded moves anything, replayed or raced.
import assert from 'node:assert/strict';
import { holdOver } from '../support/sequences.js';

describe('P2 over random sequences', () => {
  it('nothing recorded moves anything, replayed or raced', function () {
    this.timeout(60_000);
    const totals = holdOver(
      {
        sequences: 1000,
        options: (prng) => ({ callers: 1, isShared: prng.chance(0.3) }),
        weights: {
          pass: 6,
          wait: 1,
          talk: 8,
          rebind: 2,
          renumber: 1,
          line: 1,
          reoffer: 1,
          hold: 1,
          renew: 1,
          close: 1,
          'call again': 1,
          replay: 8,
          race: 4,
          follow: 1,
        },
      },
      2_000_000,
    );
    assert.ok(totals.delivered > 4000 && totals.attackerSent > 20_000, JSON.stringify(totals));
  });
});
