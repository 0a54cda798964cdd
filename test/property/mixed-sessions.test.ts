// Rules 5.1, 5.4, 5.5, 5.6, 5.7 and 6.2 over random sequences with calls of every kind of protection on one port, and
// attackers that know everything but keys: unproven never displaces proven.
import assert from 'node:assert/strict';
import { playMixed } from '../support/mixed-play.js';

describe('mixed sessions on one port', () => {
  it('20,000 random operations: nothing is stolen, injected or sent where nobody has proven himself', function () {
    this.timeout(120_000);
    const totals = playMixed({ operations: 20_000, seed: 1 });
    assert.ok(totals.delivered > 500 && totals.proofs > 500 && totals.locks > 80, JSON.stringify(totals));
    assert.ok(totals.rarestShare >= 0.01, JSON.stringify(totals));
  });
});
