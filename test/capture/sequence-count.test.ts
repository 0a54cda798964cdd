import assert from 'node:assert/strict';
import { SequenceCount } from '../../lib/capture/sequence-count.js';
import { Prng } from '../support/prng.js';

/** Every 20 ms from 0 on. */
function count(numbers: readonly number[], everyMs = 20): { packets: number; lost: number; twice: number } {
  const sequence = new SequenceCount();
  for (const [i, number] of numbers.entries()) sequence.add(number & 0xffff, i * everyMs);
  return { packets: sequence.packets, lost: sequence.lost, twice: sequence.duplicates };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('capture: sequence numbers', () => {
  it('counts what is missing, over wraps too, and forgives disorder', () => {
    assert.deepEqual(count([]), { packets: 0, lost: 0, twice: 0 });
    assert.deepEqual(count([5]), { packets: 1, lost: 0, twice: 0 });
    assert.deepEqual(count([1, 2, 4, 5]), { packets: 4, lost: 1, twice: 0 });
    assert.deepEqual(count([1, 2, 4, 3, 5]), { packets: 5, lost: 0, twice: 0 });
    assert.deepEqual(count(range(65_500, 65_600)), { packets: 100, lost: 0, twice: 0 });
    assert.deepEqual(count([65_534, 65_535, 1]), { packets: 3, lost: 1, twice: 0 });
    assert.deepEqual(count(range(0, 3 * 65_536)), { packets: 196_608, lost: 0, twice: 0 });
  });

  it('counts what came twice apart from what is missing', () => {
    assert.deepEqual(count([1, 2, 2, 2]), { packets: 4, lost: 0, twice: 2 });
    assert.deepEqual(count([1, 2, 4, 2, 4]), { packets: 5, lost: 1, twice: 2 });
    const captured = range(1000, 1100).filter((number) => number % 10 !== 9);
    assert.deepEqual(
      count(
        captured.flatMap((one) => [one, one]),
        10,
      ),
      { packets: 180, lost: 9, twice: 90 },
    );
  });

  it('takes the lowest of the first for the base', () => {
    assert.deepEqual(count([101, 100, ...range(102, 200)]), { packets: 100, lost: 0, twice: 0 });
    assert.deepEqual(count([65_535, 0, 65_534, 1]), { packets: 4, lost: 0, twice: 0 });
    assert.deepEqual(count([5, 2, 6, 3, 7]), { packets: 5, lost: 1, twice: 0 });
    assert.deepEqual(count([0, 65_533, 1, 65_533]), { packets: 4, lost: 2, twice: 1 });
  });

  it('agrees with a set of numbers, whatever the disorder, losses and repeats', () => {
    const prng = new Prng(3);
    for (let round = 0; round < 200; round++) {
      const first = prng.uint32() & 0xffff;
      const sent = range(first, first + 400).flatMap((number) => {
        const chance = prng.uint32() % 20;
        return chance === 0 ? [] : chance === 1 ? [number, number] : [number];
      });
      // Each goes at most sixteen places back.
      const keyed = sent.map((number, i) => ({ number, at: i + (prng.uint32() % 16) }));
      const came = keyed.sort((a, b) => a.at - b.at).map(({ number }) => number);
      const distinct = new Set(came);
      const lost = Math.max(...distinct) - Math.min(...distinct) + 1 - distinct.size;
      assert.deepEqual(count(came), { packets: came.length, lost, twice: came.length - distinct.size });
    }
  });

  it('blocks of a file in any order are no loss: the time tells', () => {
    const sequence = new SequenceCount();
    for (const number of [...range(500, 1000), ...range(0, 500), ...range(1000, 1100)])
      sequence.add(number, number * 20);
    assert.deepEqual([sequence.lost, sequence.duplicates, sequence.restarts], [0, 0, 0]);
  });

  it('one number from elsewhere is no restart, two in a row are, and the loss before it stays', () => {
    assert.deepEqual(count([1, 2, 30_000, 3, 4]), { packets: 5, lost: 0, twice: 0 });
    assert.deepEqual(count([1, 3, 30_000, 30_001, 30_003]), { packets: 5, lost: 2, twice: 0 });
  });

  it('says when a source began anew, near where it was too', () => {
    for (const before of [20, 50, 99, 100, 200, 5000]) {
      const sequence = new SequenceCount();
      for (const [i, number] of [...range(0, before), ...range(0, 300)].entries())
        sequence.add(number, i * 20);
      assert.equal(sequence.restarts, 1, `after ${before}`);
      assert.equal(sequence.restartMs, before * 20);
      assert.deepEqual([sequence.lost, sequence.duplicates], [0, 0]);
    }
  });

  it('keeps a bounded number of gaps', () => {
    const sequence = new SequenceCount();
    for (const number of range(0, 20_000)) if (number % 2 === 0) sequence.add(number, number);
    assert.equal(sequence.lost, 9999);
    for (const number of range(0, 20_000)) if (number % 2 === 1) sequence.add(number, number);
    assert.ok(sequence.lost <= 9999);
  });
});
