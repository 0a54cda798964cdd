// Copies of packets lie side by side in larger pieces of memory, and none in another.
import assert from 'node:assert/strict';
import { allocateCopy, copyBytes } from '../../lib/room/copy-memory.js';

describe('room: memory for copies', () => {
  it('what one copy is written says nothing in another, nor in what it was copied from', () => {
    const sizes = Array.from({ length: 500 }, (_, i) => [0, 12, 172, 1200, 8192, 8193, 65_000][i % 7]!);
    const originals = sizes.map((size, i) => new Uint8Array(size).fill(i));
    const copies = originals.map((bytes, i) =>
      i % 2 ? copyBytes(bytes) : allocateCopy(bytes.length).fill(i),
    );
    for (const [i, copy] of copies.entries()) assert.deepEqual(copy, originals[i]);
    for (const copy of copies) copy.fill(255);
    for (const [i, bytes] of originals.entries()) assert.deepEqual(bytes, new Uint8Array(sizes[i]!).fill(i));
  });
});
