// 100,000 random operations over calls of every kind of protection on one port (protocol.md 5.1), five times what `npm test` plays.
import assert from 'node:assert/strict';
import { playMixed } from '../support/mixed-play.js';

describe('100,000 operations over mixed sessions on one port', () => {
  it('break no rule', function () {
    this.timeout(1_200_000);
    const totals = playMixed({ operations: 100_000, seed: 20_261_128 });
    assert.ok(totals.delivered > 2500 && totals.proofs > 2500, JSON.stringify(totals));
    assert.ok(totals.rarestShare >= 0.01, JSON.stringify(totals));
  });
});
