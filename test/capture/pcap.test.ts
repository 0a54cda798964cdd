import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readDatagrams } from '../../lib/capture/index.js';
import { concat, frames, hex, pcapHeader, pcapRecord } from './bytes.js';

const record = pcapRecord({ bytes: frames.rawIpv4 });

describe('capture: pcap', () => {
  for (const isLittleEndian of [true, false])
    for (const isNano of [true, false])
      it(`reads ${isNano ? 'nanoseconds' : 'microseconds'}, ${isLittleEndian ? 'little' : 'big'}-endian`, () => {
        const bytes = frames.rawIpv4;
        const file = concat(
          pcapHeader({ isLittleEndian, isNano, linkType: 101 }),
          pcapRecord({ isLittleEndian, seconds: 1_795_358_095, fraction: 250_000, bytes }),
          pcapRecord({ isLittleEndian, seconds: 1_795_358_096, fraction: 1000, bytes }),
        );
        const found = readDatagrams(file);
        const scale = isNano ? 1e6 : 1e3;
        const times = [1_795_358_095_000 + 250_000 / scale, 1_795_358_096_000 + 1000 / scale];
        for (const round of ['first', 'second'])
          assert.deepEqual(
            Array.from(found, ({ timeMs }) => timeMs),
            times,
            `${round} iteration`,
          );
        assert.deepEqual([found.packets, found.skipped, found.error], [2, {}, undefined]);
      });

  it('reads an array that does not begin at its buffer', () => {
    const shifted = concat(hex('ffffff'), pcapHeader(), record).subarray(3);
    assert.equal([...readDatagrams(shifted)].length, 1);
  });

  it('takes the link type out of a field that also tells of frame check sequences', () => {
    const file = concat(pcapHeader({ linkType: 0x2400_0001 }), pcapRecord({ bytes: frames.ethernetIpv4 }));
    assert.equal([...readDatagrams(file)].length, 1);
  });

  for (const [what, bytes, code] of [
    ['nothing', hex(''), 'truncated'],
    ['three bytes', hex('d4c3b2'), 'truncated'],
    ['a header of 23 bytes', pcapHeader().subarray(0, 23), 'truncated'],
    ['a WAV file', new TextEncoder().encode('RIFF____WAVEfmt _________'), 'magic'],
    ['another magic', concat(hex('a1b2c3d5'), new Uint8Array(20)), 'magic'],
    ['a link layer that is not known', concat(pcapHeader({ linkType: 127 }), record), 'link-type'],
  ] as const)
    it(`refuses ${what}: ${code}`, () => {
      const found = readDatagrams(bytes);
      assert.deepEqual([...found], []);
      assert.equal(found.packets, 0);
      assert.equal(found.error?.code, code);
      assert.equal(found.error.offset, 0);
    });

  it('gives the good part and the offset at every truncation', () => {
    const file = concat(
      pcapHeader(),
      record,
      pcapRecord({ bytes: frames.rawIpv6 }),
      pcapRecord({ bytes: hex('') }),
    );
    const ends = [24, 24 + 48, 24 + 48 + 68, 24 + 48 + 68 + 16];
    assert.equal(file.length, ends.at(-1));
    for (let size = 24; size <= file.length; size++) {
      const found = readDatagrams(file.subarray(0, size));
      const whole = ends.filter((end) => end <= size);
      assert.equal(found.packets, whole.length - 1, `${size} bytes`);
      const last = whole.at(-1);
      if (size === last) {
        assert.equal(found.error, undefined, `${size} bytes`);
      } else {
        assert.equal(found.error?.code, 'truncated', `${size} bytes`);
        assert.equal(found.error.offset, last);
        assert.ok(found.error.message.includes(`offset ${last}`));
      }
    }
  });

  it('stops at a record that claims more than any capture keeps', () => {
    const wild = pcapRecord({ bytes: hex('05') });
    new DataView(wild.buffer).setUint32(8, 262_145, true);
    const found = readDatagrams(concat(pcapHeader(), record, wild, new Uint8Array(300_000)));
    assert.equal([...found].length, 1);
    assert.deepEqual([found.error?.code, found.error?.offset], ['record-size', 24 + 48]);
  });

  it('never throws on random bytes after a sound header, and always ends', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 12, 14, 101, 108, 113, 228, 229, 276),
        fc.uint8Array({ maxLength: 300 }),
        (linkType, tail) => {
          const file = concat(pcapHeader({ linkType }), tail);
          for (const datagram of readDatagrams(file)) assert.ok(datagram.payload.length <= tail.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('survives every single flipped bit of a capture', () => {
    const file = concat(
      pcapHeader({ linkType: 1 }),
      pcapRecord({ bytes: frames.ethernetIpv4 }),
      pcapRecord({ bytes: frames.ethernetIpv6 }),
    );
    assert.equal([...readDatagrams(file)].length, 2);
    for (let bit = 0; bit < file.length * 8; bit++) {
      const flipped = file.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const result = readDatagrams(flipped);
      assert.ok([...result].length <= 2);
      if (result.error) assert.ok(result.error.offset <= file.length);
    }
  });
});
