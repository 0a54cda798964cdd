import assert from 'node:assert/strict';
import { classifyPacket, type PacketClass } from '../../lib/wire/index.js';
import { RFC_MESSAGES, SAMPLE_REQUEST } from './rfc-messages.js';

const packet = (first: number, second: number, size: number) => {
  const bytes = new Uint8Array(size);
  bytes.set([first, second].slice(0, size));
  return bytes;
};

describe('packet class', () => {
  const ranges: [from: number, to: number, size: number, expected: PacketClass][] = [
    [0, 15, 100, 'other'], // without the cookie nothing is STUN
    [16, 19, 20, 'zrtp'],
    [20, 63, 13, 'dtls'],
    [64, 79, 4, 'turn-channel'],
    [64, 79, 3, 'other'],
    [80, 127, 20, 'quic'],
    [128, 191, 12, 'rtp'],
    [128, 191, 11, 'other'],
    [192, 255, 20, 'quic'],
  ];
  for (const [from, to, size, expected] of ranges) {
    it(`calls first bytes ${from} to ${to} in ${size} bytes ${expected} (RFC 9443)`, () => {
      for (let first = from; first <= to; first++) {
        assert.equal(classifyPacket(packet(first, 0, size)), expected, `${first}`);
      }
    });
  }

  it('tells RTCP from RTP by the second byte (RFC 5761 section 4)', () => {
    for (let first = 128; first <= 191; first++) {
      for (let second = 0; second < 256; second++) {
        const isRtcp = second >= 192 && second <= 223;
        assert.equal(classifyPacket(packet(first, second, 12)), isRtcp ? 'rtcp' : 'rtp');
        assert.equal(classifyPacket(packet(first, second, 8)), isRtcp ? 'rtcp' : 'other');
        assert.equal(classifyPacket(packet(first, second, 7)), 'other');
      }
    }
  });

  it('calls an empty datagram and four-byte scans other', () => {
    assert.equal(classifyPacket(new Uint8Array(0)), 'other');
    for (const first of [0x00, 0x80, 0x0d]) assert.equal(classifyPacket(packet(first, 0, 4)), 'other');
    assert.equal(classifyPacket(Uint8Array.of(0x80)), 'other');
    assert.equal(classifyPacket(Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a)), 'other');
  });

  it('calls the messages of RFC 5769 and RFC 8489 STUN', () => {
    for (const { bytes } of RFC_MESSAGES) assert.equal(classifyPacket(bytes), 'stun');
  });

  it('wants all of a STUN header: 20 bytes, the cookie, a length that is a multiple of four', () => {
    const bytes = Uint8Array.from(SAMPLE_REQUEST.bytes);
    for (let size = 0; size < 20; size++) assert.equal(classifyPacket(bytes.subarray(0, size)), 'other');
    assert.equal(classifyPacket(bytes.subarray(0, 20)), 'stun');
    for (let at = 4; at < 8; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 1;
      assert.equal(classifyPacket(changed), 'other');
    }
    for (const low of [1, 2, 3]) {
      const changed = Uint8Array.from(bytes);
      changed[3]! |= low;
      assert.equal(classifyPacket(changed), 'other');
    }
    const changed = Uint8Array.from(bytes);
    changed[0] = 4;
    assert.equal(classifyPacket(changed), 'other');
  });

  it('takes no UDPTL packet for STUN: sequence numbers 0 to 1023 begin with the same bytes', () => {
    // ITU-T T.38 annex D: sequence, primary IFP (a CED indicator), then no redundant packets.
    for (let sequence = 0; sequence < 1024; sequence++) {
      const short = Uint8Array.of(sequence >> 8, sequence & 0xff, 0x01, 0x02, 0x00, 0x00);
      const long = new Uint8Array(64);
      long.set(short);
      assert.equal(classifyPacket(short), 'other');
      assert.equal(classifyPacket(long), 'other');
    }
  });
});
