// P1 over random sequences: no off-path attacker moves, copies or injects a single media packet.
import assert from 'node:assert/strict';
import { holdOver } from '../support/sequences.js';

describe('P1 over random sequences', () => {
  it('no off-path attacker moves, copies or injects a single packet', function () {
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
          spray: 4,
          follow: 4,
          junk: 2,
          guess: 2,
          flood: 1,
          'attack the caller': 2,
        },
      },
      1_000_000,
    );
    assert.ok(totals.delivered > 4000 && totals.attackerSent > 20_000, JSON.stringify(totals));
  });
});
