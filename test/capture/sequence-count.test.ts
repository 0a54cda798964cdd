import assert from 'node:assert/strict';
import { SequenceCount } from '../../lib/capture/sequence-count.js';

function count(numbers: readonly number[]): { packets: number; lost: number } {
  const sequence = new SequenceCount();
  for (const number of numbers) sequence.add(number & 0xffff);
  return { packets: sequence.packets, lost: sequence.lost };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('capture: sequence numbers', () => {
  it('counts what is missing, over wraps too, and forgives disorder', () => {
    assert.deepEqual(count([]), { packets: 0, lost: 0 });
    assert.deepEqual(count([5]), { packets: 1, lost: 0 });
    assert.deepEqual(count([1, 2, 4, 5]), { packets: 4, lost: 1 });
    assert.deepEqual(count([1, 2, 4, 3, 5]), { packets: 5, lost: 0 });
    assert.deepEqual(count(range(65_500, 65_600)), { packets: 100, lost: 0 });
    assert.deepEqual(count([65_534, 65_535, 1]), { packets: 3, lost: 1 });
    assert.deepEqual(count([65_535, 0, 65_534, 1]), { packets: 4, lost: -1 });
    assert.deepEqual(count(range(0, 3 * 65_536)), { packets: 196_608, lost: 0 });
  });

  it('a packet that comes twice makes up for a lost one (RFC 3550 section 6.4.1)', () => {
    assert.deepEqual(count([1, 2, 2, 2]), { packets: 4, lost: -2 });
  });

  it('one number from elsewhere is no restart, two in a row are, and the loss before it stays', () => {
    assert.deepEqual(count([1, 2, 30_000, 3, 4]), { packets: 5, lost: 0 });
    assert.deepEqual(count([1, 3, 30_000, 30_001, 30_003]), { packets: 5, lost: 2 });
  });
});
