// P8 over random sequences: calls are told apart.
import assert from 'node:assert/strict';
import { holdOver } from '../support/sequences.js';

describe('P8 over random sequences', () => {
  it('clients behind the same NAT, with the same addresses, on one port or several, are told apart', function () {
    this.timeout(60_000);
    const totals = holdOver(
      {
        sequences: 1000,
        options: (prng) => ({ callers: 2 + prng.integer(3), isShared: prng.chance(0.7) }),
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
          follow: 2,
          replay: 1,
        },
      },
      8_000_000,
    );
    assert.ok(totals.verified > 3000 && totals.delivered > 4000, JSON.stringify(totals));
  });
});
