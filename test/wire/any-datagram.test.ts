// Whatever arrives, the parsers answer: they never throw, never read what is not there, and agree with each other.
import assert from 'node:assert/strict';
import {
  classifyPacket,
  encodeHello,
  encodeResponse,
  isLatchIntegrityValid,
  parseLatchMessage,
  parseRtcp,
  parseRtp,
  parseStun,
  readRtcpSsrc,
  readRtpPayloadType,
  readRtpSsrc,
} from '../../lib/wire/index.js';
import { isFingerprintValid } from '../../lib/wire/fingerprint.js';
import { Prng } from '../support/prng.js';
import { equal, hmacSha256 } from './digests.js';
import { RFC_MESSAGES } from './rfc-messages.js';
import { readSharedFolder, requireShared } from './shared-material.js';

const key = Buffer.alloc(32, 1);

/** Runs all parsers, and checks what must hold between their answers; gives what the datagram was. */
function examine(bytes: Uint8Array): { stun: boolean; latch: boolean; rtp: boolean; rtcp: boolean } {
  const packetClass = classifyPacket(bytes);
  const stun = parseStun(bytes);
  const latch = parseLatchMessage(bytes);
  const rtp = parseRtp(bytes);
  const rtcp = parseRtcp(bytes);

  for (const result of [stun, latch, rtp, rtcp]) {
    if (result.ok) continue;
    const { code, offset, message } = result.error;
    assert.match(code, /^[a-z-]+$/);
    assert.ok(message.length > 0 && offset >= 0 && offset <= bytes.length, `${code} at ${offset}`);
  }
  if (stun.ok) {
    assert.equal(packetClass, 'stun');
    assert.equal(stun.value.transaction.length, 12);
    assert.ok(stun.value.attributes.length + stun.value.ignoredCount <= 64);
    for (const { value, offset } of stun.value.attributes) {
      assert.ok(offset >= 20 && offset + 4 + value.length <= bytes.length);
    }
    isFingerprintValid(stun.value);
  } else {
    assert.equal(latch.ok, false);
  }
  if (latch.ok) isLatchIntegrityValid(latch.value, key, hmacSha256, equal);
  if (packetClass === 'rtp') {
    assert.equal(readRtpSsrc(bytes), Buffer.from(bytes).readUInt32BE(8));
    assert.ok(readRtpPayloadType(bytes) < 128);
  }
  if (packetClass === 'rtcp') assert.equal(readRtcpSsrc(bytes), Buffer.from(bytes).readUInt32BE(4));
  if (rtp.ok) {
    assert.ok(packetClass === 'rtp' || packetClass === 'rtcp');
    assert.ok(rtp.value.headerSizeBytes + rtp.value.paddingSizeBytes <= bytes.length);
  }
  if (rtcp.ok && bytes.length >= 8) assert.equal(packetClass, 'rtcp');
  return { stun: stun.ok, latch: latch.ok, rtp: rtp.ok, rtcp: rtcp.ok };
}

/** A STUN header whose length fits, then attributes of known types and mostly fitting lengths. */
function stunLike(prng: Prng): Uint8Array {
  const types = [0x0006, 0x0008, 0x001c, 0x0020, 0x0024, 0x8022, 0x8028, 0xc1a0, 0xc1a1, 0x7777];
  const sizes = new Map([
    [0x0008, 20],
    [0x001c, 32],
    [0x0020, 8],
    [0x8028, 4],
    [0xc1a0, 16],
    [0xc1a1, 32],
  ]);
  const body: number[] = [];
  for (let count = prng.integer(8); count > 0; count--) {
    const type = prng.pick(types);
    const size = prng.chance(0.8) ? (sizes.get(type) ?? prng.integer(20)) : prng.integer(40);
    const padded = prng.chance(0.95) ? (size + 3) & ~3 : size;
    body.push(type >> 8, type & 0xff, size >> 8, size & 0xff, ...prng.bytes(padded));
  }
  const length = prng.chance(0.95) ? body.length : prng.integer(0x10000);
  const type = prng.pick([0x0001, 0x0011, 0x0101, 0x0111, prng.integer(0x4000)]);
  const header = [
    type >> 8,
    type & 0xff,
    length >> 8,
    length & 0xff,
    0x21,
    0x12,
    0xa4,
    0x42,
    ...prng.bytes(12),
  ];
  return Uint8Array.from([...header, ...body]);
}

function rtpLike(prng: Prng): Uint8Array {
  const bytes = prng.bytes(prng.integer(80));
  if (bytes.length > 0) bytes[0] = 0x80 | (bytes[0]! & 0x3f);
  if (bytes.length > 3 && prng.chance(0.5)) {
    bytes[1] = 192 + prng.integer(32);
    bytes[2] = 0;
    bytes[3] = prng.chance(0.5) ? (bytes.length >> 2) - 1 : prng.integer(20);
  }
  return bytes;
}

const TRANSACTION = new Uint8Array(12);
const SEEDS: readonly Uint8Array[] = [
  ...RFC_MESSAGES.map(({ bytes }) => bytes),
  encodeHello(
    { recipient: 'verifier01', sender: 'prover0001', proof: new Uint8Array(32), transaction: TRANSACTION },
    key,
    hmacSha256,
  ),
  encodeResponse(
    { mapped: { address: '::1', port: 1 }, proof: new Uint8Array(16), transaction: TRANSACTION },
    key,
    hmacSha256,
  ),
];

/** A good message with a few bytes changed, cut or put in. */
function mutated(prng: Prng): Uint8Array {
  const bytes = Array.from(prng.pick(SEEDS));
  for (let changes = prng.integer(4); changes >= 0; changes--) {
    const at = prng.integer(bytes.length + 1);
    const removed = prng.pick([0, 0, 1, 1, 4]);
    const put = Array.from(prng.bytes(prng.pick([0, 1, 1, 4])));
    bytes.splice(at, removed, ...put);
  }
  return Uint8Array.from(bytes);
}

describe('any datagram', () => {
  const kinds: [name: string, count: number, make: (prng: Prng) => Uint8Array][] = [
    ['random bytes', 40_000, (prng) => prng.bytes(prng.integer(prng.chance(0.02) ? 1600 : 120))],
    ['STUN headers with random attributes', 25_000, stunLike],
    ['RTP and RTCP headers with random bytes', 15_000, rtpLike],
    ['good messages with bytes changed', 20_000, mutated],
  ];
  for (const [i, [name, count, make]] of kinds.entries()) {
    it(`${count} of ${name}: no throw, and no contradiction`, () => {
      const prng = new Prng(5000 + i);
      const seen = { stun: 0, latch: 0, rtp: 0, rtcp: 0 };
      for (let n = 0; n < count; n++) {
        const found = examine(make(prng));
        for (const parser of ['stun', 'latch', 'rtp', 'rtcp'] as const) seen[parser] += Number(found[parser]);
      }
      // The makers must reach behind the first check, or the run proves nothing.
      if (make === stunLike) assert.ok(seen.stun > count / 4, `${seen.stun} STUN`);
      if (make === rtpLike)
        assert.ok(seen.rtp > count / 8 && seen.rtcp > count / 100, `${seen.rtp}, ${seen.rtcp}`);
      if (make === mutated)
        assert.ok(seen.stun > count / 100 && seen.latch > 0, `${seen.stun}, ${seen.latch}`);
    });
  }

  it('the corpora of pion, WebRTC and mediasoup, as they are and cut', function () {
    this.timeout(60_000);
    requireShared(this, 'material/webrtc_corpora');
    requireShared(this, 'material/pion_stun');
    const datagrams: Uint8Array[] = [];
    for (const folder of ['stun', 'rtp', 'rtcp', 'mediasoup_crash_reports']) {
      datagrams.push(...readSharedFolder(`material/webrtc_corpora/${folder}`).map(({ bytes }) => bytes));
    }
    for (const folder of ['FuzzMessage', 'FuzzSetters']) {
      for (const { bytes } of readSharedFolder(`material/pion_stun/${folder}`))
        datagrams.push(goBytes(bytes));
    }
    assert.ok(datagrams.length > 100);
    for (const bytes of datagrams) {
      examine(bytes);
      for (let size = 0; size < Math.min(bytes.length, 200); size++) examine(bytes.subarray(0, size));
      // The same as the body of a STUN message, so that the attributes are read too.
      const body = bytes.subarray(0, 1400 & ~3);
      const size = body.length & ~3;
      const whole = new Uint8Array(20 + size);
      whole.set([0, 1, size >> 8, size & 0xff, 0x21, 0x12, 0xa4, 0x42]);
      whole.set(body.subarray(0, size), 20);
      examine(whole);
    }
  });
});

/** The bytes of a Go fuzzing corpus file: its `[]byte("…")` literal, escapes undone. */
function goBytes(file: Buffer): Uint8Array {
  const literal = /\[\]byte\("(.*)"\)/s.exec(file.toString('latin1'))![1]!;
  const named: Record<string, number> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };
  const bytes: number[] = [];
  for (const [, hex, octal, letter, plain] of literal.matchAll(/\\x(..)|\\([0-7]{3})|\\(.)|([^\\])/gs)) {
    if (hex !== undefined) bytes.push(parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(parseInt(octal, 8));
    else if (letter !== undefined) bytes.push(named[letter] ?? letter.charCodeAt(0));
    else bytes.push(plain!.charCodeAt(0));
  }
  return Uint8Array.from(bytes);
}
