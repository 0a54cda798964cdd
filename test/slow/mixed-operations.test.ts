// 1,000,000 random operations over calls of every kind of protection on one port (protocol.md 5.1), fifty times what `npm test` plays.
import assert from 'node:assert/strict';
import { playMixedApart } from '../support/mixed-play.js';

describe('1,000,000 operations over mixed sessions on one port', () => {
  it('break no rule', async function () {
    this.timeout(1_200_000);
    const totals = await playMixedApart({ operations: 1_000_000, seed: 20_261_128 }, 2);
    assert.equal(totals.operations, 1_000_000);
    assert.ok(totals.delivered > 25_000 && totals.proofs > 25_000, JSON.stringify(totals));
    assert.ok(totals.rarestShare >= 0.01, JSON.stringify(totals));
  });
});
