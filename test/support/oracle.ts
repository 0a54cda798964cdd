// A second reading of the protocol for the tests: keys, proofs and the five messages out of node:crypto alone, no
// line shared with lib. It judges what the engine sends and takes, and makes what a party that knows (or guesses)
// the secret could send.
import { createCipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { isIPv6 } from 'node:net';
import type { TransportAddress } from '../../lib/wire/address.js';

export type Suite = 'HMAC-SHA-256' | 'AES-256';
export const suites: readonly Suite[] = ['HMAC-SHA-256', 'AES-256'];

export interface LatchLine {
  readonly tag: string;
  readonly secret: Buffer;
  readonly suites: string | undefined;
  readonly suite: string | undefined;
  readonly word: Buffer | undefined;
}

/** Every a=latch of a description with the a=latch-challenge of the same section, in order. */
export function readLatchLines(sdp: string): LatchLine[] {
  return sdp.split(/^m=/m).flatMap((section) => {
    const line = /^a=latch:1 (\S+) (\S+)(.*?)\r?$/m.exec(section);
    if (line === null) return [];
    const parameters = line[3] ?? '';
    const word = /^a=latch-challenge:(\S+)/m.exec(section)?.[1];
    return {
      tag: line[1] ?? '',
      secret: Buffer.from(line[2] ?? '', 'base64url'),
      suites: / suites=(\S+)/.exec(parameters)?.[1],
      suite: / suite=(\S+)/.exec(parameters)?.[1],
      word: word === undefined ? undefined : Buffer.from(word, 'base64url'),
    };
  });
}

export interface Keys {
  readonly integrity: Buffer;
  readonly proof: Buffer;
  readonly suite: Suite;
}

export function deriveKeys(offer: LatchLine, answer: LatchLine): Keys {
  const okm = Buffer.from(
    hkdfSync(
      'sha256',
      Buffer.concat([offer.secret, answer.secret]),
      'latch-v1',
      `${offer.tag}:${answer.tag}:${offer.suites}:${answer.suite}`,
      64,
    ),
  );
  return { integrity: okm.subarray(0, 32), proof: okm.subarray(32), suite: answer.suite as Suite };
}

/** What both ends of one transport know, seen with the server as verifier. */
export interface Generation extends Keys {
  readonly verifierTag: string;
  readonly proverTag: string;
  readonly word: Buffer;
}

export function makeProof(
  keys: Keys,
  tags: { proverTag: string; verifierTag: string },
  component: 1 | 2,
  word: Uint8Array,
): Buffer {
  const message = Buffer.concat([
    Buffer.from(`latch-proof\0${tags.proverTag}:${tags.verifierTag}\0`, 'latin1'),
    Buffer.from([component]),
    word,
  ]);
  if (keys.suite === 'HMAC-SHA-256') return createHmac('sha256', keys.proof).update(message).digest();
  const cipher = createCipheriv('aes-256-ecb', keys.proof, null).setAutoPadding(false);
  return Buffer.concat([
    cipher.update(createHash('sha256').update(message).digest().subarray(0, 16)),
    cipher.final(),
  ]);
}

const cookie = Buffer.from('2112a442', 'hex');
const types = { request: 0x0001, indication: 0x0011, success: 0x0101 } as const;
const attributeTypes = { username: 0x0006, mapped: 0x0020, challenge: 0xc1a0, proof: 0xc1a1 } as const;

function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(value.length, 2);
  bytes.set(value, 4);
  return bytes;
}

function encodeMapped(address: TransportAddress, transaction: Uint8Array): Buffer {
  const mask = Buffer.concat([cookie, transaction]);
  const ip = isIPv6(address.address)
    ? ipv6Bytes(address.address)
    : Buffer.from(address.address.split('.').map(Number));
  const value = Buffer.alloc(4 + ip.length);
  value[1] = ip.length === 4 ? 1 : 2;
  value.writeUInt16BE(address.port ^ 0x2112, 2);
  for (let i = 0; i < ip.length; i++) value[4 + i] = (ip[i] ?? 0) ^ (mask[i] ?? 0);
  return value;
}

function ipv6Bytes(text: string): Buffer {
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] =>
    part
      .split(':')
      .filter(Boolean)
      .map((group) => parseInt(group, 16));
  const left = groups(head);
  const right = groups(tail ?? '');
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function seal(type: number, transaction: Uint8Array, attributes: readonly Buffer[], key: Uint8Array): Buffer {
  const body = Buffer.concat(attributes);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(type, 0);
  cookie.copy(header, 4);
  header.set(transaction, 8);
  header.writeUInt16BE(body.length + 36, 2);
  const mac = createHmac('sha256', key).update(header).update(body).digest();
  header.writeUInt16BE(body.length + 44, 2);
  const message = Buffer.concat([header, body, attribute(0x001c, mac)]);
  const print = Buffer.alloc(4);
  print.writeUInt32BE((crc32(message) ^ 0x5354554e) >>> 0);
  return Buffer.concat([message, attribute(0x8028, print)]);
}

/** A transaction as a prover makes them: the counter, then random bytes. */
export function makeTransaction(counter: number, random: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(counter >>> 0);
  bytes.set(random.subarray(0, 8), 4);
  return bytes;
}

export const makeHello = (
  g: Generation,
  component: 1 | 2,
  transaction: Uint8Array,
  word: Uint8Array = g.word,
): Buffer =>
  seal(
    types.request,
    transaction,
    [
      attribute(attributeTypes.username, Buffer.from(`${g.verifierTag}:${g.proverTag}`)),
      attribute(attributeTypes.proof, makeProof(g, g, component, word)),
    ],
    g.integrity,
  );

export const makeKeepalive = (g: Generation, transaction: Uint8Array): Buffer =>
  seal(
    types.indication,
    transaction,
    [attribute(attributeTypes.username, Buffer.from(`${g.verifierTag}:${g.proverTag}`))],
    g.integrity,
  );

export const makeChallenge = (g: Generation, transaction: Uint8Array, word: Uint8Array): Buffer =>
  seal(
    types.request,
    transaction,
    [
      attribute(attributeTypes.username, Buffer.from(`${g.proverTag}:${g.verifierTag}`)),
      attribute(attributeTypes.challenge, word),
    ],
    g.integrity,
  );

export const makeWelcome = (g: Generation, transaction: Uint8Array, mapped: TransportAddress): Buffer =>
  seal(
    types.success,
    transaction,
    [attribute(attributeTypes.mapped, encodeMapped(mapped, transaction))],
    g.integrity,
  );

export const makeResponse = (
  g: Generation,
  component: 1 | 2,
  challenge: { transaction: Uint8Array; word: Uint8Array },
  seen: TransportAddress,
): Buffer =>
  seal(
    types.success,
    challenge.transaction,
    [
      attribute(attributeTypes.mapped, encodeMapped(seen, challenge.transaction)),
      attribute(attributeTypes.proof, makeProof(g, g, component, challenge.word)),
    ],
    g.integrity,
  );

export interface Reading {
  readonly kind: 'hello' | 'keepalive' | 'challenge' | 'welcome' | 'response' | 'other';
  readonly transaction: Buffer;
  readonly username: string;
  readonly word: Buffer | undefined;
  readonly proof: Buffer | undefined;
}

/** Whether this is STUN with the cookie: everything of the protocol is, and no media is. */
export const isStun = (bytes: Uint8Array): boolean =>
  bytes.length >= 20 && (bytes[0] ?? 255) < 4 && cookie.equals(bytes.subarray(4, 8));

/** Reads one of the five messages, unjudged. Undefined for what is no STUN at all. */
export function readMessage(input: Uint8Array): Reading | undefined {
  if (!isStun(input)) return undefined;
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.length);
  const found = new Map<number, Buffer>();
  for (let offset = 20; offset + 4 <= bytes.length;) {
    const sizeBytes = bytes.readUInt16BE(offset + 2);
    found.set(bytes.readUInt16BE(offset), bytes.subarray(offset + 4, offset + 4 + sizeBytes));
    offset += 4 + Math.ceil(sizeBytes / 4) * 4;
  }
  const proof = found.get(attributeTypes.proof);
  const word = found.get(attributeTypes.challenge);
  const type = bytes.readUInt16BE(0);
  const kind = ((): Reading['kind'] => {
    if (type === types.request)
      return word !== undefined ? 'challenge' : proof !== undefined ? 'hello' : 'other';
    if (type === types.indication) return 'keepalive';
    if (type === types.success) return proof !== undefined ? 'response' : 'welcome';
    return 'other';
  })();
  return {
    kind,
    transaction: bytes.subarray(8, 20),
    username: found.get(attributeTypes.username)?.toString('latin1') ?? '',
    word,
    proof,
  };
}

/** Judges integrity over the received bytes. */
export function isIntegrityValid(input: Uint8Array, key: Uint8Array): boolean {
  const bytes = Buffer.from(input);
  if (bytes.length < 64) return false;
  const end = bytes.length - 8 - 36;
  if (bytes.readUInt16BE(end) !== 0x001c) return false;
  bytes.writeUInt16BE(end - 20 + 36, 2);
  return createHmac('sha256', key)
    .update(bytes.subarray(0, end))
    .digest()
    .equals(bytes.subarray(end + 4, end + 36));
}
