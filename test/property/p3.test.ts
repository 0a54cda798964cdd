// P3 over random sequences: nobody is sent more than three times what they sent, but for the few of rule 5.7.
import assert from 'node:assert/strict';
import { holdOver } from '../support/sequences.js';

describe('P3 over random sequences', () => {
  it('nobody is sent more than three times what they sent', function () {
    this.timeout(60_000);
    const totals = holdOver(
      {
        sequences: 1000,
        options: (prng) => ({ callers: 1 + prng.integer(2), isShared: prng.chance(0.3) }),
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
          spoof: 6,
          lie: 3,
          betray: 2,
          replay: 2,
          spray: 2,
        },
      },
      3_000_000,
    );
    assert.ok(totals.verified > 1000 && totals.attackerSent > 10_000, JSON.stringify(totals));
  });
});
