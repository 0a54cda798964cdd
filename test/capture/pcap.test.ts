import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parsePcap, readDatagrams } from '../../lib/capture/index.js';
import { concat, frames, hex, pcapHeader, pcapRecord } from './bytes.js';

describe('capture: parsePcap', () => {
  for (const isLittleEndian of [true, false])
    for (const isNano of [true, false])
      it(`reads ${isNano ? 'nanoseconds' : 'microseconds'}, ${isLittleEndian ? 'little' : 'big'}-endian`, () => {
        const file = concat(
          pcapHeader({ isLittleEndian, isNano, linkType: 101 }),
          pcapRecord({ isLittleEndian, seconds: 1_795_358_095, fraction: 250_000, bytes: hex('0102') }),
          pcapRecord({
            isLittleEndian,
            seconds: 1_795_358_096,
            fraction: 1000,
            bytes: hex(''),
            original: 60,
          }),
        );
        const parsed = parsePcap(file);
        assert.ok(parsed.ok);
        assert.equal(parsed.value.linkType, 101);
        assert.equal(parsed.value.error, undefined);
        const scale = isNano ? 1e6 : 1e3;
        const expected = [
          { timeMs: 1_795_358_095_000 + 250_000 / scale, bytes: hex('0102'), originalSizeBytes: 2 },
          { timeMs: 1_795_358_096_000 + 1000 / scale, bytes: hex(''), originalSizeBytes: 60 },
        ];
        assert.deepEqual([...parsed.value.records], expected);
        assert.deepEqual([...parsed.value.records], expected, 'a second iteration begins again');
      });

  it('reads an array that does not begin at its buffer', () => {
    const file = concat(pcapHeader(), pcapRecord({ bytes: hex('aabb') }));
    const shifted = concat(hex('ffffff'), file).subarray(3);
    const parsed = parsePcap(shifted);
    assert.ok(parsed.ok);
    assert.deepEqual(
      Array.from(parsed.value.records, (record) => record.bytes),
      [hex('aabb')],
    );
  });

  it('takes the link type out of a field that also tells of frame check sequences', () => {
    const parsed = parsePcap(pcapHeader({ linkType: 0x2400_0001 }));
    assert.ok(parsed.ok);
    assert.equal(parsed.value.linkType, 1);
  });

  for (const [what, bytes, code] of [
    ['nothing', hex(''), 'truncated'],
    ['a header of 23 bytes', pcapHeader().subarray(0, 23), 'truncated'],
    ['pcapng', hex('0a0d0d0a1c000000'), 'pcapng'],
    ['a WAV file', new TextEncoder().encode('RIFF____WAVEfmt _________'), 'magic'],
    ['another magic', concat(hex('a1b2c3d5'), new Uint8Array(20)), 'magic'],
  ] as const)
    it(`refuses ${what}: ${code}`, () => {
      const parsed = parsePcap(bytes);
      assert.ok(!parsed.ok);
      assert.equal(parsed.error.code, code);
    });

  it('gives the good part and the offset at every truncation', () => {
    const records = [hex('01'), hex('0203'), hex('')].map((bytes) => pcapRecord({ bytes }));
    const file = concat(pcapHeader(), ...records);
    const ends = [24, 41, 59, 75];
    for (let size = 24; size <= file.length; size++) {
      const parsed = parsePcap(file.subarray(0, size));
      assert.ok(parsed.ok);
      const whole = ends.filter((end) => end <= size);
      assert.equal([...parsed.value.records].length, whole.length - 1, `${size} bytes`);
      const last = whole.at(-1);
      if (size === last) {
        assert.equal(parsed.value.error, undefined, `${size} bytes`);
      } else {
        assert.equal(parsed.value.error?.code, 'truncated', `${size} bytes`);
        assert.equal(parsed.value.error.offset, last);
        assert.ok(parsed.value.error.message.includes(`offset ${last}`));
      }
    }
  });

  it('stops at a record that claims more than any capture keeps', () => {
    const wild = pcapRecord({ bytes: hex('05') });
    new DataView(wild.buffer).setUint32(8, 262_145, true);
    const parsed = parsePcap(
      concat(pcapHeader(), pcapRecord({ bytes: hex('04') }), wild, new Uint8Array(300_000)),
    );
    assert.ok(parsed.ok);
    assert.equal([...parsed.value.records].length, 1);
    assert.equal(parsed.value.error?.code, 'record-size');
    assert.equal(parsed.value.error.offset, 41);
  });

  it('never throws on random bytes after a sound header, and always ends', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 12, 14, 101, 113, 276),
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
