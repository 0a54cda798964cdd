import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseDatagram, readDatagrams } from '../../lib/capture/index.js';
import { concat, frames, hex, pcapHeader, pcapRecord } from './bytes.js';

const ipv4 = {
  source: { address: '192.0.2.1', port: 40_000 },
  destination: { address: '203.0.113.1', port: 42_000 },
  payload: hex('74657374'),
};
const ipv6 = {
  ...ipv4,
  source: { address: '2001:db8::1', port: 40_000 },
  destination: { address: '2001:db8::2', port: 42_000 },
};

/** The frame with the byte at an offset changed. */
function altered(frame: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = frame.slice();
  copy[offset] = value;
  return copy;
}

describe('capture: parseDatagram', () => {
  for (const [what, linkType, frame, expected] of [
    ['raw IPv4', 101, frames.rawIpv4, ipv4],
    ['raw IPv4 under BSD numbers (12)', 12, frames.rawIpv4, ipv4],
    ['raw IPv4 under BSD numbers (14)', 14, frames.rawIpv4, ipv4],
    ['IPv4 with options', 101, frames.rawIpv4Options, ipv4],
    ['raw IPv6', 101, frames.rawIpv6, ipv6],
    ['IPv6 with hop-by-hop and destination options', 101, frames.rawIpv6Extensions, ipv6],
    ['Ethernet, padded to 60 bytes', 1, frames.ethernetIpv4, ipv4],
    ['Ethernet with IPv6', 1, frames.ethernetIpv6, ipv6],
    ['Ethernet with a VLAN tag', 1, frames.ethernetVlan, ipv4],
    ['Linux cooked', 113, frames.cooked, ipv4],
  ] as const) {
    it(`reads ${what}`, () => assert.deepEqual(parseDatagram(linkType, frame), expected));

    it(`finds no datagram in any truncation of ${what}`, () => {
      const needed = frame.length - (frame === frames.ethernetIpv4 ? 14 : 0);
      for (let size = 0; size < needed; size++)
        assert.equal(parseDatagram(linkType, frame.subarray(0, size)), undefined, `${size} bytes`);
    });
  }

  for (const [what, linkType, frame] of [
    ['an unknown link type', 147, frames.rawIpv4],
    ['ARP', 1, altered(frames.ethernetIpv4, 13, 6)],
    ['two VLAN tags', 1, altered(altered(frames.ethernetVlan, 16, 0x81), 17, 0)],
    ['IP version 5', 101, altered(frames.rawIpv4, 0, 0x55)],
    ['an IPv4 header of 16 bytes', 101, altered(frames.rawIpv4, 0, 0x44)],
    ['a total length below the header', 101, altered(frames.rawIpv4, 3, 19)],
    ['the first of two fragments', 101, altered(frames.rawIpv4, 6, 0x20)],
    ['a later fragment', 101, altered(frames.rawIpv4, 7, 1)],
    ['TCP over IPv4', 101, altered(frames.rawIpv4, 9, 6)],
    ['ICMPv6', 101, altered(frames.rawIpv6, 6, 58)],
    ['an IPv6 fragment', 101, altered(frames.rawIpv6, 6, 44)],
    ['an extension header past the end', 101, altered(frames.rawIpv6Extensions, 41, 200)],
    ['a UDP length below its header', 101, altered(frames.rawIpv4, 25, 7)],
    ['a UDP length past the packet', 101, altered(frames.rawIpv4, 25, 13)],
  ] as const)
    it(`passes over ${what}`, () => assert.equal(parseDatagram(linkType, frame), undefined));

  it('lets the UDP length rule when IP carries more', () => {
    const found = parseDatagram(101, altered(frames.rawIpv4, 25, 10));
    assert.deepEqual(found?.payload, hex('7465'));
  });

  it('gives payloads as views, so that a big capture is not copied', () => {
    const found = parseDatagram(101, frames.rawIpv4);
    assert.equal(found?.payload.buffer, frames.rawIpv4.buffer);
  });

  it('is total over random frames', () => {
    const first = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x00);
    fc.assert(
      fc.property(
        fc.constantFrom(1, 101, 113),
        first,
        fc.uint8Array({ maxLength: 120 }),
        (linkType, lead, tail) => {
          const found = parseDatagram(linkType, concat(Uint8Array.of(lead), tail));
          assert.ok(!found || found.payload.length <= tail.length - 27);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('capture: readDatagrams', () => {
  it('gives datagrams with their times and passes over all else', () => {
    const file = concat(
      pcapHeader({ linkType: 1 }),
      pcapRecord({ seconds: 2, fraction: 500, bytes: frames.ethernetIpv4 }),
      pcapRecord({ seconds: 3, bytes: altered(frames.ethernetIpv4, 13, 6) }),
      pcapRecord({ seconds: 4, bytes: frames.ethernetIpv6 }),
    );
    const found = readDatagrams(file);
    assert.deepEqual(
      [...found],
      [
        { timeMs: 2000.5, ...ipv4 },
        { timeMs: 4000, ...ipv6 },
      ],
    );
    assert.equal(found.error, undefined);
  });

  it('gives the good part of a damaged capture and says where the damage begins', () => {
    const good = concat(pcapHeader(), pcapRecord({ bytes: frames.rawIpv4 }));
    const found = readDatagrams(concat(good, pcapRecord({ bytes: frames.rawIpv6 }).subarray(0, 30)));
    assert.equal([...found].length, 1);
    assert.equal(found.error?.code, 'truncated');
    assert.equal(found.error.offset, good.length);
  });

  it('says that it does not know a link type instead of finding nothing in it', () => {
    const found = readDatagrams(concat(pcapHeader({ linkType: 127 }), pcapRecord({ bytes: frames.rawIpv4 })));
    assert.deepEqual([...found], []);
    assert.equal(found.error?.code, 'link-type');
  });

  it('is empty with an error for what is no capture', () => {
    const found = readDatagrams(hex('52494646'));
    assert.deepEqual([...found], []);
    assert.equal(found.error?.code, 'truncated');
  });
});
