// protocol.md 8.1 and 5.9: a recorded check stays recognised for the whole generation, in bounded memory.
import assert from 'node:assert/strict';
import { MAX_CHECKS, SeenChecks } from '../../lib/core/proof/seen-checks.js';
import { Prng } from '../support/prng.js';

describe('ICE: checks that have come before (protocol.md 8.1)', () => {
  const makes: readonly [string, (prng: Prng, i: number) => Uint8Array][] = [
    ['random transactions', (prng) => prng.bytes(12)],
    [
      'transactions that count up',
      (_, i) => {
        const bytes = new Uint8Array(12);
        new DataView(bytes.buffer).setUint32(8, i);
        return bytes;
      },
    ],
  ];
  for (const [name, make] of makes)
    it(`${name}: each is fresh once, and never again`, () => {
      const seen = new SeenChecks();
      const prng = new Prng(5);
      const all = Array.from({ length: 20_000 }, (_, i) => make(prng, i));
      const fresh = all.filter((transaction) => seen.add(transaction)).length;
      assert.ok(fresh >= 19_995, `${fresh} of 20,000 were fresh`);
      assert.ok(all.every((transaction) => !seen.add(transaction)));
    });

  it('memory is bounded; what comes when the table is full is stale', () => {
    const seen = new SeenChecks();
    const prng = new Prng(6);
    assert.ok(seen.sizeBytes <= 1024);
    const all = Array.from({ length: MAX_CHECKS + 1000 }, () => prng.bytes(12));
    for (const transaction of all) seen.add(transaction);
    assert.ok(seen.sizeBytes <= 8 * MAX_CHECKS);
    assert.equal(seen.add(prng.bytes(12)), false);
    assert.ok(all.every((transaction) => !seen.add(transaction)));
  });
});
