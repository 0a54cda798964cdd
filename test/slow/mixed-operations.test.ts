// A million random operations over calls of every kind of protection on one port (protocol.md 5.1), fifty times what `npm test` plays; as
// many as MIXED_OPERATIONS says where that is set, and others with another MIXED_SEED.
import assert from 'node:assert/strict';
import { playMixedApart } from '../support/mixed-play.js';

const operations = Number(process.env['MIXED_OPERATIONS'] ?? 1_000_000);
const seed = Number(process.env['MIXED_SEED'] ?? 20_261_128);

describe(`${operations.toLocaleString('en')} operations over mixed sessions on one port, seed ${seed}`, () => {
  it('break no rule', async function () {
    this.timeout(3_600_000);
    const totals = await playMixedApart({ operations, seed }, 2);
    const told = JSON.stringify(totals);
    assert.ok(totals.operations >= operations, told);
    assert.ok(totals.delivered > operations / 40 && totals.proofs > operations / 40, told);
    assert.ok(totals.rarestShare >= 0.01, told);
  });
});
