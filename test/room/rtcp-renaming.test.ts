import assert from 'node:assert/strict';
import fc from 'fast-check';
import { renameRtcp } from '../../lib/room/rtcp-renaming.js';
import { SsrcSwaps } from '../../lib/room/ssrc-swaps.js';

/** One RTCP packet of these 32-bit words after its header; `count` is the five bits of its first byte. */
function packet(type: number, count: number, ...words: number[]): number[] {
  const view = new DataView(new ArrayBuffer(4 + 4 * words.length));
  view.setUint32(0, ((0x80 | count) << 24) | (type << 16) | words.length);
  words.forEach((word, index) => view.setUint32(4 + 4 * index, word));
  return [...new Uint8Array(view.buffer)];
}

const REST = [0, 0, 0, 0, 0] as const;

/** Each type with the SSRC `x` in every place that has one, and `y` in those that have none. */
const TYPES: readonly [what: string, make: (x: number, y: number) => number[]][] = [
  ['SR', (x, y) => packet(200, 2, x, y, y, y, y, y, x, ...REST, x, ...REST)],
  ['RR', (x, y) => packet(201, 1, x, x, ...REST, y)],
  // Two chunks: a CNAME of one letter, and one of three with the zero in a word of its own.
  ['SDES', (x) => packet(202, 2, x, 0x01014100, x, 0x01044142, 0x43440000)],
  ['SDES, the zero alone in its word', (x, y) => packet(202, 2, x, 0x01024142, 0, x, 0, y)],
  ['BYE with a reason', (x, y) => packet(203, 2, x, x, y)],
  ['APP', (x, y) => packet(204, 0, x, y, y)],
  ['NACK', (x, y) => packet(205, 1, x, x, y)],
  ['TMMBR', (x, y) => packet(205, 3, x, x, x, y, x, y)],
  ['PLI', (x) => packet(206, 1, x, x)],
  ['FIR', (x, y) => packet(206, 4, x, 0, x, y)],
  ['REMB', (x, y) => packet(206, 15, x, 0, 0x52454d42, 0x02000000 | (y & 0xffff), x, x)],
  ['another AFB', (x, y) => packet(206, 15, x, x, y, y, y)],
  ['XR', (x, y) => packet(207, 0, x, 0x04000002, y, y, 0x05000006, x, y, y, x, y, y, 0x06000001, x)],
];

const X = 0x11111111;
const Y = 0x22222222;

describe('room: renaming in RTCP', () => {
  for (const [what, make] of TYPES) {
    it(`changes the SSRCs of ${what}, and nothing else`, () => {
      const swaps = new SsrcSwaps();
      swaps.add(X, Y);
      const [bytes, expected] = [make(X, 3), make(Y, 3)].map((one) => Uint8Array.from(one));
      assert.deepEqual(renameRtcp(bytes!, swaps), expected);
      // What is no SSRC stays, though it looks like one.
      assert.deepEqual(renameRtcp(Uint8Array.from(make(5, X)), swaps), Uint8Array.from(make(5, X)));
    });
  }

  it('finds all of them in a compound, and takes everything back when done again', () => {
    const swaps = new SsrcSwaps();
    swaps.add(X, Y);
    const part = fc.tuple(fc.nat(TYPES.length - 1), fc.constantFrom(X, Y, 3));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        const other = new Map([
          [X, Y],
          [Y, X],
        ]);
        const made = (of: (x: number) => number) =>
          Uint8Array.from(parts.flatMap(([type, x]) => TYPES[type]![1](of(x), 9)));
        const renamed = renameRtcp(
          made((x) => x),
          swaps,
        );
        assert.deepEqual(
          renamed,
          made((x) => other.get(x) ?? x),
        );
        assert.deepEqual(
          renameRtcp(renamed, swaps),
          made((x) => x),
        );
      }),
    );
  });

  it('a block of an extended report that has no length names nobody: what follows is the next block', () => {
    const swaps = new SsrcSwaps();
    // Renamed by mistake, the second block would have another type and another length.
    swaps.add(0xa0000001, 0x0d000001);
    const bytes = Uint8Array.from(packet(207, 0, 7, 0x02000000, 0xa0000001, 0xa0000001));
    assert.deepEqual(renameRtcp(bytes, swaps), bytes);
  });

  it('never throws, and never changes the size, or the bytes it was given', () => {
    const swaps = new SsrcSwaps();
    swaps.add(X, Y);
    const first = fc.constantFrom(0x80, 0x81, 0x9f, 0x84, 0x8f);
    const type = fc.integer({ min: 199, max: 210 });
    fc.assert(
      fc.property(first, type, fc.uint8Array({ maxLength: 60 }), (head, kind, body) => {
        const words = Math.floor(body.length / 4);
        const bytes = Uint8Array.from([head, kind, 0, words, ...body.subarray(0, 4 * words)]);
        const before = Uint8Array.from(bytes);
        assert.equal(renameRtcp(bytes, swaps).length, bytes.length);
        assert.deepEqual(bytes, before);
      }),
      { numRuns: 2000 },
    );
  });
});
