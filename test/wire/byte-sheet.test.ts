// Runs of bytes lie side by side in larger memory, and none in another.
import assert from 'node:assert/strict';
import { ByteSheet, PACKETS } from '../../lib/wire/byte-sheet.js';

describe('wire: sheets of bytes', () => {
  for (const [name, sheet, sizes] of [
    ['small ones', ByteSheet.small(), [0, 4, 16, 32, 120, 512, 513, 9000]],
    ['packets', new ByteSheet(PACKETS), [0, 12, 172, 1200, 8192, 8193, 65_000]],
  ] as const)
    it(`${name}: all zero, each as long as it was asked for, and what is written into one says nothing in another`, () => {
      const runs = Array.from({ length: 500 }, (_, i) => sheet.take(sizes[i % sizes.length]!));
      for (const [i, run] of runs.entries())
        assert.deepEqual(run, new Uint8Array(sizes[i % sizes.length]!), String(i));
      for (const [i, run] of runs.entries()) run.fill(i);
      for (const [i, run] of runs.entries())
        assert.deepEqual(run, new Uint8Array(run.length).fill(i), String(i));
    });

  it('many lie in one piece of memory, and a large one in none of them', () => {
    const sheet = ByteSheet.small();
    const [one, other, large, next] = [32, 32, 600, 32].map((sizeBytes) => sheet.take(sizeBytes));
    assert.equal(one!.buffer, other!.buffer);
    assert.notEqual(large!.buffer, one!.buffer);
    assert.equal(next!.buffer, one!.buffer);
  });
});
