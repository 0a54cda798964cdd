// P4 over random sequences: who knows the secret cannot aim media at an address that does not answer.
import assert from 'node:assert/strict';
import { holdOver } from '../support/sequences.js';

describe('P4 over random sequences', () => {
  it('who knows the secret cannot aim media at a victim', function () {
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
          betray: 6,
          lie: 4,
          spoof: 3,
          replay: 1,
        },
      },
      4_000_000,
    );
    assert.ok(totals.verified > 1000 && totals.attackerSent > 10_000, JSON.stringify(totals));
  });
});
