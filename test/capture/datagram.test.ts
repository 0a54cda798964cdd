import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readDatagrams } from '../../lib/capture/index.js';
import { concat, frames, hex, pcapHeader, pcapRecord } from './bytes.js';

const ipv4 = {
  timeMs: 0,
  frame: 1,
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

function readFrame(linkType: number, bytes: Uint8Array) {
  return readDatagrams(concat(pcapHeader({ linkType }), pcapRecord({ bytes })));
}

/** How many bytes the Ethernet frame is padded by. */
const PADDING = 14;

const layers = [
  ['raw IPv4', 101, frames.rawIpv4, ipv4],
  ['raw IPv4 under BSD numbers (12)', 12, frames.rawIpv4, ipv4],
  ['raw IPv4 under BSD numbers (14)', 14, frames.rawIpv4, ipv4],
  ['raw IPv4 alone (228)', 228, frames.rawIpv4, ipv4],
  ['IPv4 with options', 101, frames.rawIpv4Options, ipv4],
  ['IPv4 with an authentication header', 101, frames.rawIpv4Authenticated, ipv4],
  ['raw IPv6', 101, frames.rawIpv6, ipv6],
  ['raw IPv6 alone (229)', 229, frames.rawIpv6, ipv6],
  ['IPv6 with hop-by-hop and destination options', 101, frames.rawIpv6Extensions, ipv6],
  ['IPv6 with a fragment header around all of it', 101, frames.rawIpv6Atomic, ipv6],
  ['Ethernet, padded to 60 bytes', 1, frames.ethernetIpv4, ipv4],
  ['Ethernet with IPv6', 1, frames.ethernetIpv6, ipv6],
  ['Ethernet with a VLAN tag', 1, frames.ethernetVlan, ipv4],
  ['Ethernet with two VLAN tags', 1, frames.ethernetQinQ, ipv6],
  ['Linux cooked', 113, frames.cooked, ipv4],
  ['Linux cooked with a VLAN tag', 113, frames.cookedVlan, ipv4],
  ['Linux cooked v2', 276, frames.cooked2, ipv6],
  ['null, little-endian', 0, frames.nullLittle, ipv4],
  ['null, big-endian', 0, frames.nullBig, ipv6],
  ['loopback of OpenBSD', 108, frames.nullBig, ipv6],
  ['loopback, little-endian', 108, frames.nullLittle, ipv4],
] as const;

describe('capture: one frame', () => {
  for (const [what, linkType, frame, expected] of layers) {
    it(`reads ${what}`, () => assert.deepEqual([...readFrame(linkType, frame)], [expected]));

    it(`gives what is there of ${what} at every length`, () => {
      const whole = frame.length - (frame === frames.ethernetIpv4 ? PADDING : 0);
      for (let size = 0; size < frame.length; size++) {
        const found = readFrame(linkType, frame.subarray(0, size));
        const cutBytes = whole - size;
        const what = `${size} bytes`;
        if (cutBytes > 4) {
          assert.deepEqual([...found], [], what);
          assert.deepEqual(found.skipped, { cut: 1 }, what);
        } else {
          const payload = expected.payload.subarray(0, 4 - Math.max(0, cutBytes));
          assert.deepEqual([...found], [{ ...expected, payload, ...(cutBytes > 0 && { cutBytes }) }], what);
        }
      }
    });
  }

  for (const [what, linkType, frame, reason] of [
    ['ARP', 1, altered(frames.ethernetIpv4, 13, 6), 'not-ip'],
    ['ARP behind two VLAN tags', 1, altered(frames.ethernetQinQ, 21, 6), 'not-ip'],
    ['AppleTalk on loopback', 0, altered(frames.nullLittle, 0, 16), 'not-ip'],
    ['a family that is too large', 0, altered(frames.nullLittle, 3, 1), 'not-ip'],
    ['IP version 5', 101, altered(frames.rawIpv4, 0, 0x55), 'malformed'],
    ['an IPv4 header of 16 bytes', 101, altered(frames.rawIpv4, 0, 0x44), 'malformed'],
    ['a total length below the header', 101, altered(frames.rawIpv4, 3, 19), 'malformed'],
    ['no room for the UDP header', 101, altered(frames.rawIpv4, 3, 27), 'malformed'],
    ['a UDP length of 7', 101, altered(frames.rawIpv4, 25, 7), 'malformed'],
    ['a UDP length past the packet', 101, altered(frames.rawIpv4, 25, 13), 'malformed'],
    ['an IPv6 header that leads past the end', 101, altered(frames.rawIpv6Extensions, 41, 9), 'malformed'],
    ['the first of two fragments', 101, altered(frames.rawIpv4, 6, 0x20), 'fragment'],
    ['a later fragment', 101, altered(frames.rawIpv4, 7, 1), 'fragment'],
    ['an IPv6 fragment', 101, altered(frames.rawIpv6Atomic, 43, 1), 'fragment'],
    ['ICMP', 101, altered(frames.rawIpv4, 9, 1), 'protocol'],
    ['ICMPv6', 101, altered(frames.rawIpv6, 6, 58), 'protocol'],
    ['IPv6 in ESP', 101, altered(frames.rawIpv6, 6, 50), 'protocol'],
    ['an IPv6 header chain in IPv4', 101, altered(frames.rawIpv4, 9, 60), 'protocol'],
    ['TCP, cut', 101, altered(frames.rawIpv4, 9, 6), 'malformed'],
  ] as const)
    it(`counts ${what} as ${reason}`, () => {
      const found = readFrame(linkType, frame);
      assert.deepEqual([...found], []);
      assert.deepEqual([found.packets, found.skipped], [1, { [reason]: 1 }]);
      assert.equal(found.error, undefined);
    });

  it('reads a packet of which the network card had not said the length yet', () => {
    const unsaid = altered(altered(frames.rawIpv4, 2, 0), 3, 0);
    assert.deepEqual([...readFrame(101, unsaid)], [ipv4]);
    assert.deepEqual([...readFrame(101, altered(frames.rawIpv6, 5, 0))], [ipv6]);
  });

  it('ends a chain of IPv6 headers that never ends', () => {
    const chain = concat(frames.rawIpv6, new Uint8Array(1000));
    chain.fill(0, 40);
    chain.set(hex('03e8 00'), 4);
    assert.deepEqual(readFrame(101, chain).skipped, { malformed: 1 });
  });

  it('gives views of the capture, not copies', () => {
    const file = concat(pcapHeader(), pcapRecord({ bytes: frames.rawIpv4 }));
    assert.equal([...readDatagrams(file)][0]?.payload.buffer, file.buffer);
  });

  it('is total over random frames', () => {
    const first = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x00, 0x02);
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 101, 108, 113, 276),
        first,
        fc.uint8Array({ maxLength: 120 }),
        (linkType, lead, tail) => {
          const found = readFrame(linkType, concat(Uint8Array.of(lead), tail));
          const skipped = Object.values(found.skipped).reduce((sum, count) => sum + count, 0);
          assert.equal([...found].length + skipped, 1);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('capture: readDatagrams', () => {
  it('gives datagrams with their times and counts all else', () => {
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
        { ...ipv4, timeMs: 2000.5 },
        { ...ipv6, timeMs: 4000, frame: 3 },
      ],
    );
    assert.deepEqual([found.packets, found.skipped, found.error], [3, { 'not-ip': 1 }, undefined]);
  });

  it('tells addresses apart that share a place in memory, and mostly gives the same object for the same address', () => {
    // More addresses than are remembered, each twice in a row.
    const packets = Array.from({ length: 40_000 }, (_, i) => {
      const frame = frames.rawIpv4.slice();
      frame.set([10, i >> 16, (i >> 8) & 255, i & 255], 12);
      return pcapRecord({ bytes: frame });
    });
    const found = [...readDatagrams(Buffer.concat([pcapHeader(), ...packets.flatMap((one) => [one, one])]))];
    assert.equal(found.length, 80_000);
    let same = 0;
    for (const [i, { source }] of found.entries()) {
      const n = i >> 1;
      if (source.address !== `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
        assert.fail(`packet ${i}: ${source.address}`);
      if (i % 2 === 1 && source === found[i - 1]!.source) same++;
    }
    assert.ok(same > 39_900, `${same} of 40000`);
  });
});
