import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { PcapWriter, readDatagrams } from '../../lib/capture/index.js';
import { concat, hex } from './bytes.js';

const datagram: CapturedDatagram = {
  timeMs: 1_795_358_095_123.456,
  source: { address: '192.0.2.1', port: 40_000 },
  destination: { address: '203.0.113.1', port: 42_000 },
  payload: hex('74657374'),
};

function write(...datagrams: readonly CapturedDatagram[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => parts.push(bytes));
  for (const one of datagrams) writer.write(one);
  return concat(...parts);
}

describe('capture: PcapWriter', () => {
  it('writes a file header at once, and one record for each datagram', () => {
    const sizes: number[] = [];
    const writer = new PcapWriter((bytes) => sizes.push(bytes.length));
    assert.deepEqual(sizes, [24]);
    writer.write(datagram);
    assert.deepEqual(sizes, [24, 16 + 20 + 8 + 4]);
  });

  it('writes these bytes for IPv4', () => {
    const expected = `
      d4c3b2a1 0200 0400 00000000 00000000 00000400 65000000
      8ffd026b 40e20100 20000000 20000000
      4500 0020 0000 4000 4011 3cca c0000201 cb007101
      9c40 a410 000c d9a7 74657374`;
    assert.deepEqual(write(datagram), hex(expected));
  });

  it('never sends a UDP checksum of zero, which would mean none (RFC 768)', () => {
    const checksumOf = (payload: Uint8Array) => write({ ...datagram, payload }).subarray(66, 68);
    // A payload equal to the checksum of zeros brings the sum to all ones, and the checksum to zero.
    const payload = checksumOf(Uint8Array.of(0, 0));
    assert.notDeepEqual(payload, hex('0000'));
    assert.deepEqual(checksumOf(payload), hex('ffff'));
  });

  const ip = fc.oneof(fc.ipV4(), fc.constantFrom('2001:db8::1', '::1', 'fe80::1', '::', 'fc00::dead:beef'));
  const end = fc.record({ address: ip, port: fc.nat(65_535) }, { noNullPrototype: true });
  const any = fc.record(
    {
      timeMs: fc.nat(2 ** 32 * 1e3 - 1).chain((ms) => fc.nat(999).map((us) => ms + us / 1000)),
      source: end,
      destination: end,
      payload: fc.uint8Array({ maxLength: 1500 }),
    },
    { noNullPrototype: true },
  );

  it('reads back what it wrote, mixed families included', () => {
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), (datagrams) => {
        const file = readDatagrams(write(...datagrams));
        assert.equal(file.error, undefined);
        const found = [...file];
        assert.equal(found.length, datagrams.length);
        for (const [i, one] of found.entries()) {
          const { timeMs, frame, ...rest } = one;
          assert.equal(frame, i + 1);
          const { timeMs: writtenMs, ...written } = datagrams[i]!;
          assert.equal(Math.round(timeMs * 1000), Math.round(writtenMs * 1000));
          assert.deepEqual(rest, written);
        }
      }),
    );
  });

  it('carries empty and the largest payloads', () => {
    for (const size of [0, 65_507])
      assert.equal(
        [...readDatagrams(write({ ...datagram, payload: new Uint8Array(size) }))][0]?.payload.length,
        size,
      );
  });

  for (const [what, bad] of [
    ['a name for an address', { source: { address: 'localhost', port: 1 } }],
    ['a port past 65535', { destination: { address: '192.0.2.1', port: 65_536 } }],
    ['a port that is no integer', { destination: { address: '192.0.2.1', port: 1.5 } }],
    ['a time that is none', { timeMs: NaN }],
    ['a time before 1970', { timeMs: -1 }],
    ['a time after 2106', { timeMs: 2 ** 32 * 1000 }],
    ['a payload too large for UDP', { payload: new Uint8Array(65_508) }],
  ] as const)
    it(`refuses ${what} and writes nothing of it`, () => {
      const parts: Uint8Array[] = [];
      const writer = new PcapWriter((bytes) => parts.push(bytes));
      assert.throws(() => writer.write({ ...datagram, ...bad }), { code: 'LATCHKEY_OPTION' });
      assert.equal(parts.length, 1);
    });
});
