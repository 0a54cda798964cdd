// Datagrams: what class they are, and every reader of STUN, latch, ICE, RTP and RTCP. Each input is read as it is, and
// once more as the body of a STUN message that is sealed rightly, because no mutation finds a checksum.
import { classifyPacket, type PacketClass } from '../../../lib/wire/packet-class.js';
import { fingerprintOf } from '../../../lib/wire/fingerprint.js';
import { parseIceMessage } from '../../../lib/wire/ice-message.js';
import { parseIp } from '../../../lib/wire/address.js';
import {
  encodeChallenge,
  encodeHello,
  encodeKeepalive,
  encodeResponse,
  encodeWelcome,
  parseLatchMessage,
} from '../../../lib/wire/latch-message.js';
import type { LatchMessage } from '../../../lib/wire/latch-message.js';
import { parseRtcp, readRtcpSsrc } from '../../../lib/wire/rtcp.js';
import { parseRtp, readRtpSsrc } from '../../../lib/wire/rtp.js';
import type { WireError } from '../../../lib/wire/result.js';
import { isStunHeader, parseStun } from '../../../lib/wire/stun.js';
import { parseErrorCode } from '../../../lib/wire/stun-attributes.js';
import { IcePhone } from '../../support/ice-phone.js';
import { makeRtp, makeSenderReport } from '../../support/media.js';
import * as oracle from '../../support/oracle.js';
import { hold, latin1 } from '../target.js';
import type { Target } from '../target.js';
import { datagramsOf } from './recorded.js';

const G: oracle.Generation = {
  verifierTag: 'verifierTag1',
  proverTag: 'proverTag22',
  word: Buffer.alloc(16, 1),
  integrity: Buffer.alloc(32, 2),
  proof: Buffer.alloc(32, 3),
  suite: 'HMAC-SHA-256',
};
const noHmac = (): Uint8Array => new Uint8Array(32);

function* seeds(root: string): Iterable<Uint8Array> {
  const transaction = oracle.makeTransaction(7, Buffer.alloc(8, 4));
  const challenge = { transaction, word: Buffer.alloc(16, 5) };
  yield oracle.makeHello(G, 1, transaction);
  yield oracle.makeHello({ ...G, suite: 'AES-256' }, 2, transaction);
  yield oracle.makeKeepalive(G, transaction);
  yield oracle.makeChallenge(G, transaction, challenge.word);
  yield oracle.makeWelcome(G, transaction, { address: '198.51.100.7', port: 4000 });
  yield oracle.makeResponse(G, 1, challenge, { address: '2001:db8::7', port: 4000 });
  const phone = new IcePhone('fuzz');
  yield phone.check({ isNominating: true, transaction });
  yield phone.check({ role: 'controlled', transaction });
  yield phone.answer({ transaction, username: '', isControlled: false }, { address: '192.0.2.1', port: 9 });
  yield makeRtp({ ssrc: 1, sequence: 2, timestamp: 3 });
  yield makeSenderReport(1, 1000, 2);
  yield Uint8Array.of(0x80, 0, 0, 0);
  yield* datagramsOf(root, ['nat-rebinding/server.pcap', 'baresip/call.pcap'], 40);
}

function run(bytes: Uint8Array): void {
  read(bytes);
  read(seal(bytes));
}

/** The input as a STUN message with the cookie, its true length, an integrity of some bytes, and the right checksum. */
function seal(bytes: Uint8Array): Uint8Array {
  const isIce = (bytes[1] ?? 0) >= 0x80;
  const body = bytes.subarray(20, 1400);
  const size = body.length & ~3;
  const integrity = isIce ? 24 : 36;
  const message = new Uint8Array(20 + size + integrity + 8);
  message.set(bytes.subarray(0, 20));
  message[0] = (bytes[0] ?? 0) & 1;
  message[1] = (bytes[1] ?? 0) & 0x11;
  message.set(body.subarray(0, size), 20);
  const view = new DataView(message.buffer);
  view.setUint16(2, message.length - 20);
  view.setUint32(4, 0x2112a442);
  view.setUint16(20 + size, isIce ? 0x0008 : 0x001c);
  view.setUint16(22 + size, integrity - 4);
  const at = message.length - 8;
  view.setUint16(at, 0x8028);
  view.setUint16(at + 2, 4);
  view.setUint32(at + 4, fingerprintOf(message, at));
  return message;
}

function read(bytes: Uint8Array): void {
  const before = latin1(bytes);
  const kind = classifyPacket(bytes);
  const stun = parseStun(bytes);
  const latch = parseLatchMessage(bytes);
  const ice = parseIceMessage(bytes);
  for (const result of [stun, latch, ice]) if (!result.ok) checkError(result.error, bytes.length);
  hold((kind === 'stun') === isStunHeader(bytes), 'the class does not agree with the header');
  if (stun.ok) {
    hold(kind === 'stun', 'a sound STUN message of another class');
    hold(stun.value.attributes.length <= 64, 'more attributes than are read');
    for (const { offset, value } of stun.value.attributes) {
      hold(offset + 4 + value.length <= bytes.length, 'an attribute past the end');
      parseErrorCode(value);
    }
  }
  hold(!(latch.ok && ice.ok), 'one message of two protocols');
  if (latch.ok) checkLatch(bytes, latch.value);
  if (ice.ok) {
    hold(stun.ok, 'an ICE message that is no STUN');
    checkEveryBit(bytes, (changed) => parseIceMessage(changed).ok);
    if (ice.value.kind === 'check')
      hold(!/:/.test(ice.value.username.sender + ice.value.username.recipient), 'a fragment with a colon');
    else hold(parseIp(ice.value.mapped.address) !== undefined, 'a mapped address that is none');
  }
  checkMedia(bytes, kind);
  hold(latin1(bytes) === before, 'the input was changed');
  checkElsewhere(bytes, latch.ok);
}

/** RTP and RTCP, read whatever the class says. */
function checkMedia(bytes: Uint8Array, kind: PacketClass): void {
  const rtp = parseRtp(bytes);
  const rtcp = parseRtcp(bytes);
  for (const result of [rtp, rtcp]) if (!result.ok) checkError(result.error, bytes.length);
  if (kind === 'rtp')
    hold(readRtpSsrc(bytes) === new DataView(bytes.buffer, bytes.byteOffset).getUint32(8), 'SSRC');
  if (rtp.ok) {
    const { headerSizeBytes, paddingSizeBytes } = rtp.value;
    hold(headerSizeBytes + paddingSizeBytes <= bytes.length, 'header and padding are longer than the packet');
  }
  if (rtcp.ok) {
    let at = 0;
    for (const header of rtcp.value) {
      hold(header.offset === at && header.sizeBytes >= 4, 'RTCP packets do not follow each other');
      at += header.sizeBytes;
    }
    hold(at === bytes.length, 'RTCP packets do not fill the datagram');
    if (kind === 'rtcp')
      hold(readRtcpSsrc(bytes) === (rtcp.value[0]?.ssrc ?? readRtcpSsrc(bytes)), 'RTCP SSRC');
  }
}

function checkError({ code, offset, message }: WireError, length: number): void {
  hold(/^[a-z-]+$/.test(code), `a code like "${code}"`);
  hold(offset >= 0 && offset <= length, () => `an offset of ${offset} in ${length} bytes`);
  hold(/^[\x20-\x7e]+$/.test(message), 'a message that cannot be printed');
}

/** The same bytes in the middle of others are the same message. */
function checkElsewhere(bytes: Uint8Array, isLatch: boolean): void {
  const around = new Uint8Array(bytes.length + 7).fill(0xee);
  around.set(bytes, 3);
  hold(parseLatchMessage(around.subarray(3, 3 + bytes.length)).ok === isLatch, 'what lies around it counts');
}

function checkLatch(bytes: Uint8Array, message: LatchMessage): void {
  const reading = oracle.readMessage(bytes);
  hold(reading !== undefined, 'the second reading sees no STUN');
  checkEveryBit(bytes, (changed) => parseLatchMessage(changed).ok);
  const again = parseLatchMessage(encode(message));
  hold(again.ok && again.value.kind === message.kind, 'a message that was read cannot be written');
  for (const name of ['username', 'word', 'proof', 'mapped', 'counter'] as const) {
    const [is, was] = [again.value, message].map((one) => JSON.stringify((one as never)[name]));
    hold(is === was, `${name} is another after writing`);
  }
}

function encode(message: LatchMessage): Uint8Array {
  const { transaction } = message;
  const key = G.integrity;
  switch (message.kind) {
    case 'hello':
      return encodeHello({ ...message.username, proof: message.proof, transaction }, key, noHmac);
    case 'keepalive':
      return encodeKeepalive({ ...message.username, transaction }, key, noHmac);
    case 'challenge':
      return encodeChallenge({ ...message.username, word: message.word, transaction }, key, noHmac);
    case 'welcome':
      return encodeWelcome({ mapped: message.mapped, transaction }, key, noHmac);
    case 'response':
      return encodeResponse({ mapped: message.mapped, proof: message.proof, transaction }, key, noHmac);
  }
}

/** FINGERPRINT finds any single bit that is another: one of them is tried, chosen by the message. */
function checkEveryBit(bytes: Uint8Array, isTaken: (changed: Uint8Array) => boolean): void {
  const changed = bytes.slice();
  const sum = bytes.reduce((total, byte) => (total * 31 + byte) >>> 0, 7);
  changed[sum % bytes.length]! ^= 1 << ((sum >>> 16) & 7);
  hold(!isTaken(changed), 'a message with one bit changed is taken');
}

export const target: Target = {
  name: 'wire',
  maxBytes: 1600,
  dictionary: [
    Uint8Array.of(0x21, 0x12, 0xa4, 0x42),
    Uint8Array.of(0xc1, 0xa0, 0, 16),
    Uint8Array.of(0xc1, 0xa1, 0, 32),
    Uint8Array.of(0xc1, 0xa1, 0, 16),
    Uint8Array.of(0, 6, 0, 23),
    Uint8Array.of(0, 0x20, 0, 8, 0, 1),
    Uint8Array.of(0, 0x20, 0, 20, 0, 2),
    Uint8Array.of(0, 0x24, 0, 4),
    Uint8Array.of(0x80, 0x29, 0, 8),
    Uint8Array.of(0x80, 0x2a, 0, 8),
    Uint8Array.of(0, 0x25, 0, 0),
    Uint8Array.of(0x80, 200, 0, 6),
    Uint8Array.of(0x81, 203, 0, 1),
    'verifierTag1:proverTag22',
    'abcd:efgh',
  ],
  seeds,
  run,
  work: { base: 6000, perByte: 60 },
};
