// The jitter buffer in beats of 20 ms: what comes out when, whatever order and time things come in.
import assert from 'node:assert/strict';
import { JitterBuffer } from '../../lib/audio/jitter-buffer.js';

const SILENCE = 0xff;
const DELAY_MS = 60;

/** The packet number n of a stream whose payload is n throughout. */
function packet(n: number, { ssrc = 1, first = 1000, octets = 160 } = {}) {
  const timestamp = (first + n * octets) >>> 0;
  return [{ ssrc, timestamp }, new Uint8Array(octets).fill(n)] as const;
}

/** The frame as one number: what it is filled with. */
function heard(buffer: JitterBuffer): number | undefined {
  const frame = buffer.take();
  if (!frame) return undefined;
  assert.equal(frame.length, 160);
  assert.deepEqual([...new Set(frame)], [frame[0]]);
  return frame[0];
}

/** At each beat first the packets that came meanwhile, then a frame. */
function play(buffer: JitterBuffer, arrivals: readonly (readonly number[])[]): (number | undefined)[] {
  return arrivals.map((numbers) => {
    for (const n of numbers) buffer.put(...packet(n));
    return heard(buffer);
  });
}

describe('audio: the jitter buffer', () => {
  let buffer: JitterBuffer;
  beforeEach(() => {
    buffer = new JitterBuffer({ delayMs: DELAY_MS, silence: SILENCE });
  });

  it('gives nothing before the first packet, then silence for its delay, then what came', () => {
    assert.deepEqual(play(buffer, [[], [1], [2], [3], [4], [5]]), [
      undefined,
      SILENCE,
      SILENCE,
      SILENCE,
      1,
      2,
    ]);
  });

  it('puts what was reordered in its place, hears a duplicate once, and what was lost as silence', () => {
    const frames = play(buffer, [[1], [3, 2], [2, 2], [5], [6], [7, 1], [], []]);
    assert.deepEqual(frames, [SILENCE, SILENCE, SILENCE, 1, 2, 3, SILENCE, 5]);
    assert.equal(buffer.late, 1);
  });

  it('takes a packet that is up to its delay late, and drops and counts one that is later', () => {
    assert.deepEqual(play(buffer, [[1], [], [3], [4], [2], [5]]).slice(3), [1, 2, 3]);
    assert.equal(buffer.late, 0);
    assert.deepEqual(play(buffer, [[], [], [], [6]]), [4, 5, SILENCE, SILENCE]);
    assert.equal(buffer.late, 1);
  });

  it('goes on where timestamps wrap', () => {
    const first = 2 ** 32 - 320;
    const frames = [0, 1, 2, 3, 4, 5].map((n) => {
      buffer.put(...packet(n, { first }));
      return heard(buffer);
    });
    assert.deepEqual(frames, [SILENCE, SILENCE, SILENCE, 0, 1, 2]);
  });

  it('makes frames of 20 ms of packets of 30 ms and of 10 ms', () => {
    for (const octets of [240, 80]) {
      const own = new JitterBuffer({ delayMs: DELAY_MS, silence: SILENCE });
      const out: number[] = [];
      for (let n = 0, ms = 0; ms < 300; ms += 20) {
        for (; n * octets < (ms + 20) * 8; n++) own.put(...packet(n, { octets }));
        out.push(...(own.take() ?? []));
      }
      const sound = out.slice(DELAY_MS * 8);
      assert.equal(sound.length, 12 * 160);
      assert.ok(sound.every((octet, i) => octet === Math.floor(i / octets)));
    }
  });

  it('begins anew at another source', () => {
    play(buffer, [[1], [2], [3], [4]]);
    const frames = [10, 11, 12, 13].map((n) => {
      buffer.put(...packet(n, { ssrc: 2, first: 5_000_000 }));
      return heard(buffer);
    });
    assert.deepEqual(frames, [SILENCE, SILENCE, SILENCE, 10]);
    assert.equal(buffer.restarts, 1);
  });

  it('follows timestamps that jump ahead at once, and those that jump back after five packets', () => {
    play(buffer, [[1], [2], [3], [4]]);
    for (const [first, silent] of [
      [500_000, 3],
      [9000, 7],
    ] as const) {
      const frames = Array.from({ length: silent + 1 }, (_, n) => {
        buffer.put(...packet(n, { first }));
        return heard(buffer);
      });
      assert.equal(frames[silent], silent - 3);
    }
    assert.equal(buffer.restarts, 2);
  });

  it('follows a clock that runs slower, and one that runs faster, and stays within a second', () => {
    for (const ticks of [159, 161]) {
      const own = new JitterBuffer({ delayMs: DELAY_MS, silence: SILENCE });
      let silent = 0;
      let age = 0;
      for (let n = 0; n < 2000; n++) {
        own.put({ ssrc: 1, timestamp: n * ticks }, new Uint8Array(ticks).fill(n % 200));
        const last = own.take()!.at(-1)!;
        if (last === SILENCE) silent++;
        else age = Math.max(age, (n - last + 200) % 200);
      }
      assert.ok(silent < 150, `${silent} frames of silence`);
      assert.ok(age <= 6, `${age} packets behind`);
    }
  });

  it('catches up where the first packet was held up on its way', () => {
    const frames = play(buffer, [[1, 2, 3, 4, 5, 6, 7, 8], ...Array.from({ length: 60 }, (_, i) => [9 + i])]);
    assert.equal(frames.at(-1), 68 - 3);
    assert.equal(buffer.hurried, 1);
  });

  it('skips what a long stall has missed, however long it was', () => {
    play(buffer, [[1], [2], [3], [4]]);
    buffer.skip(2);
    assert.deepEqual(play(buffer, [[5]]), [4]);
    buffer.skip(5_000_000);
    const first = 1000 + 5_000_007 * 160;
    buffer.put(...packet(0, { first }));
    assert.deepEqual([heard(buffer), heard(buffer), heard(buffer)], [SILENCE, SILENCE, 0]);
  });

  it('keeps no more than a second, whatever is sent', () => {
    buffer.put({ ssrc: 1, timestamp: 0 }, new Uint8Array(65_000).fill(7));
    const octets = Array.from({ length: 100 }, () => [...buffer.take()!]).flat();
    assert.equal(octets.filter((octet) => octet === 7).length, 8192 - DELAY_MS * 8);
    assert.equal(octets.at(-1), SILENCE);
  });
});
