/*
 * The five messages of protocol.md 4: hello, welcome, challenge, response, keepalive. Parsing checks
 * structure and FINGERPRINT; the integrity needs a key, which only the core can find, so a parsed
 * message is not yet to be believed. Nothing here decides what to answer.
 */
import type { TransportAddress } from './address.js';
import { asciiText } from './ascii.js';
import { readUint16, readUint32 } from './big-endian.js';
import { isFingerprintValid } from './fingerprint.js';
import { isIntegritySha256Valid, type EqualBytes, type Hmac } from './integrity.js';
import { refuse, succeed, type Result } from './result.js';
import {
  attributeValue,
  BINDING,
  nextAttributeOffset,
  parseStun,
  STUN_HEADER_SIZE_BYTES,
  type StunClass,
  type StunMessage,
} from './stun.js';
import { ATTRIBUTE, isComprehensionRequired } from './stun-attribute-types.js';
import {
  encodeXorMappedAddress,
  parseLatchChallenge,
  parseLatchProof,
  parseXorMappedAddress,
} from './stun-attributes.js';
import { encodeStun } from './stun-encoder.js';

/** USERNAME `recipient:sender`: the tag of the side that the message goes to, then the sender's. */
export interface Username {
  readonly recipient: string;
  readonly sender: string;
}

interface Parsed {
  /** 12 bytes; like `proof` and `word` a view into the datagram. */
  readonly transaction: Uint8Array;
  readonly stun: StunMessage;
}

/** Prover to verifier. `counter` is the first 4 bytes of the transaction; `proof` has 32 or 16 bytes. */
export interface HelloMessage extends Parsed {
  readonly kind: 'hello';
  readonly username: Username;
  readonly proof: Uint8Array;
  readonly counter: number;
}

/** Prover to verifier, to keep the mapping open. */
export interface KeepaliveMessage extends Parsed {
  readonly kind: 'keepalive';
  readonly username: Username;
  readonly counter: number;
}

/** Verifier to prover; `word` has 16 bytes. */
export interface ChallengeMessage extends Parsed {
  readonly kind: 'challenge';
  readonly username: Username;
  readonly word: Uint8Array;
}

/** Verifier to prover: `mapped` is where the hello was seen to come from. */
export interface WelcomeMessage extends Parsed {
  readonly kind: 'welcome';
  readonly mapped: TransportAddress;
}

/** Prover to verifier: `mapped` is where the challenge was seen to come from. */
export interface ResponseMessage extends Parsed {
  readonly kind: 'response';
  readonly mapped: TransportAddress;
  readonly proof: Uint8Array;
}

export type LatchMessage =
  HelloMessage | KeepaliveMessage | ChallengeMessage | WelcomeMessage | ResponseMessage;

/** Where the attributes are; 0, which is inside the header, stands for none. */
interface Places {
  username: number;
  mapped: number;
  challenge: number;
  proof: number;
  /** The first one that must be understood and is none of the above. */
  foreign: number;
}

function locate(bytes: Uint8Array, integrityOffset: number): Places {
  const places: Places = { username: 0, mapped: 0, challenge: 0, proof: 0, foreign: 0 };
  let at = STUN_HEADER_SIZE_BYTES;
  for (; at < integrityOffset; at = nextAttributeOffset(bytes, at)) {
    const type = readUint16(bytes, at);
    // Of a repeated attribute the first counts (RFC 8489 section 14).
    if (type === ATTRIBUTE.USERNAME) places.username ||= at;
    else if (type === ATTRIBUTE.XOR_MAPPED_ADDRESS) places.mapped ||= at;
    else if (type === ATTRIBUTE.LATCH_CHALLENGE) places.challenge ||= at;
    else if (type === ATTRIBUTE.LATCH_PROOF) places.proof ||= at;
    else if (isComprehensionRequired(type)) places.foreign ||= at;
  }
  return places;
}

function kindOf(messageClass: StunClass, places: Places): LatchMessage['kind'] | undefined {
  switch (messageClass) {
    case 'request':
      if (places.proof !== 0) return 'hello';
      return places.challenge !== 0 ? 'challenge' : undefined;
    case 'indication':
      return 'keepalive';
    case 'success':
      return places.proof !== 0 ? 'response' : 'welcome';
    case 'error':
      return undefined;
  }
}

/** Which of our attributes each message has: exactly these. */
const CONTENTS = {
  hello: { username: true, mapped: false, challenge: false, proof: true },
  keepalive: { username: true, mapped: false, challenge: false, proof: false },
  challenge: { username: true, mapped: false, challenge: true, proof: false },
  welcome: { username: false, mapped: true, challenge: false, proof: false },
  response: { username: false, mapped: true, challenge: false, proof: true },
} as const satisfies Record<LatchMessage['kind'], Record<Exclude<keyof Places, 'foreign'>, boolean>>;

function refuseContent(kind: LatchMessage['kind'], name: string, at: number) {
  const fault = at !== 0 ? 'does not belong in' : 'is missing from';
  return refuse('attribute', at, `${name} ${fault} a ${kind}`);
}

const COLON = 0x3a;

function isTagAt(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 8 || to - from > 32) return false;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    const isAlphanumeric =
      (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
    if (!isAlphanumeric) return false;
  }
  return true;
}

/** Reads the USERNAME at `at` in place: only the two tags are made. */
function parseTags(bytes: Uint8Array, at: number): Result<Username> {
  const from = at + 4;
  const to = from + readUint16(bytes, at + 2);
  let colon = from;
  while (colon < to && bytes[colon] !== COLON) colon++;
  if (!isTagAt(bytes, from, colon) || !isTagAt(bytes, colon + 1, to)) {
    return refuse('username', at, 'USERNAME is not two tags of 8 to 32 letters and digits');
  }
  return succeed({ recipient: asciiText(bytes, from, colon), sender: asciiText(bytes, colon + 1, to) });
}

/**
 * Reads one of the five messages. Checks structure and FINGERPRINT, not the integrity. Never throws;
 * the message is a view into `bytes`.
 *
 * Codes: those of `parseStun`; `fingerprint`: wrong, or missing from a message of ours; `not-latch`:
 * sound STUN that is none of the five (an ICE check, say); `username`: not two tags; `attribute`: one
 * is missing, out of place, of the wrong size, or must be understood and is not.
 */
export function parseLatchMessage(bytes: Uint8Array): Result<LatchMessage> {
  const parsed = parseStun(bytes);
  if (!parsed.ok) return parsed;
  const stun = parsed.value;
  if (stun.fingerprintOffset !== undefined && !isFingerprintValid(stun)) {
    return refuse('fingerprint', stun.fingerprintOffset, 'FINGERPRINT does not match');
  }
  const sealedAt = stun.integritySha256Offset;
  if (sealedAt === undefined || stun.integrityOffset !== undefined || stun.method !== BINDING) {
    return refuse('not-latch', 0, 'no Binding message with MESSAGE-INTEGRITY-SHA256 alone');
  }
  const places = locate(bytes, sealedAt);
  const kind = kindOf(stun.class, places);
  if (kind === undefined) return refuse('not-latch', 0, 'neither a challenge nor a proof, or an error');
  // protocol.md 4: both end every message, and anything else after the integrity is dropped.
  if (stun.fingerprintOffset === undefined) return refuse('fingerprint', bytes.length, 'no FINGERPRINT');
  if (stun.ignoredCount > 0) return refuse('attribute', sealedAt, 'an attribute follows the integrity');
  if (readUint16(bytes, sealedAt + 2) !== 32) {
    return refuse('attribute', sealedAt, 'MESSAGE-INTEGRITY-SHA256 is not 32 bytes');
  }
  if (places.foreign !== 0) {
    return refuse('attribute', places.foreign, 'an unknown attribute that must be understood');
  }
  const { username, mapped, challenge, proof } = CONTENTS[kind];
  if ((places.username !== 0) !== username) return refuseContent(kind, 'USERNAME', places.username);
  if ((places.mapped !== 0) !== mapped) return refuseContent(kind, 'XOR-MAPPED-ADDRESS', places.mapped);
  if ((places.challenge !== 0) !== challenge) return refuseContent(kind, 'LATCH-CHALLENGE', places.challenge);
  if ((places.proof !== 0) !== proof) return refuseContent(kind, 'LATCH-PROOF', places.proof);
  return readFields(kind, stun, places);
}

function readFields(kind: LatchMessage['kind'], stun: StunMessage, places: Places): Result<LatchMessage> {
  const { bytes, transaction } = stun;
  const counter = readUint32(transaction, 0);
  switch (kind) {
    case 'hello': {
      const username = parseTags(bytes, places.username);
      if (!username.ok) return username;
      const proof = parseLatchProof(attributeValue(bytes, places.proof));
      if (!proof.ok) return refuseAt(places.proof, proof);
      return succeed({ kind, username: username.value, proof: proof.value, transaction, counter, stun });
    }
    case 'keepalive': {
      const username = parseTags(bytes, places.username);
      if (!username.ok) return username;
      return succeed({ kind, username: username.value, transaction, counter, stun });
    }
    case 'challenge': {
      const username = parseTags(bytes, places.username);
      if (!username.ok) return username;
      const word = parseLatchChallenge(attributeValue(bytes, places.challenge));
      if (!word.ok) return refuseAt(places.challenge, word);
      return succeed({ kind, username: username.value, word: word.value, transaction, stun });
    }
    case 'welcome': {
      const mapped = parseXorMappedAddress(attributeValue(bytes, places.mapped), transaction);
      if (!mapped.ok) return refuseAt(places.mapped, mapped);
      return succeed({ kind, mapped: mapped.value, transaction, stun });
    }
    case 'response': {
      const mapped = parseXorMappedAddress(attributeValue(bytes, places.mapped), transaction);
      if (!mapped.ok) return refuseAt(places.mapped, mapped);
      const proof = parseLatchProof(attributeValue(bytes, places.proof));
      if (!proof.ok) return refuseAt(places.proof, proof);
      return succeed({ kind, mapped: mapped.value, proof: proof.value, transaction, stun });
    }
  }
}

/** The refusal of a value, with its place in the datagram. */
function refuseAt(at: number, { error }: { error: { code: string; offset: number; message: string } }) {
  return refuse(error.code, at + 4 + error.offset, error.message);
}

/** True when K_integrity of these two tags made the message, over the bytes as received. */
export function isLatchIntegrityValid(
  message: LatchMessage,
  keyIntegrity: Uint8Array,
  hmacSha256: Hmac,
  equal: EqualBytes,
): boolean {
  return isIntegritySha256Valid(message.stun, keyIntegrity, hmacSha256, equal);
}

/** Encodes a hello; `proof` is over the SDP word, the transaction begins with the counter. */
export function encodeHello(
  fields: Username & { readonly proof: Uint8Array; readonly transaction: Uint8Array },
  keyIntegrity: Uint8Array,
  hmacSha256: Hmac,
): Uint8Array {
  const attributes = [usernameOf(fields), { type: ATTRIBUTE.LATCH_PROOF, value: fields.proof }];
  return encode('request', fields.transaction, attributes, keyIntegrity, hmacSha256);
}

/** Encodes the answer to a hello; the transaction is the hello's. */
export function encodeWelcome(
  fields: { readonly mapped: TransportAddress; readonly transaction: Uint8Array },
  keyIntegrity: Uint8Array,
  hmacSha256: Hmac,
): Uint8Array {
  return encode('success', fields.transaction, [mappedOf(fields)], keyIntegrity, hmacSha256);
}

/** Encodes a challenge; here `recipient` is the prover's tag. */
export function encodeChallenge(
  fields: Username & { readonly word: Uint8Array; readonly transaction: Uint8Array },
  keyIntegrity: Uint8Array,
  hmacSha256: Hmac,
): Uint8Array {
  const attributes = [usernameOf(fields), { type: ATTRIBUTE.LATCH_CHALLENGE, value: fields.word }];
  return encode('request', fields.transaction, attributes, keyIntegrity, hmacSha256);
}

/** Encodes the answer to a challenge; the transaction is the challenge's. */
export function encodeResponse(
  fields: {
    readonly mapped: TransportAddress;
    readonly proof: Uint8Array;
    readonly transaction: Uint8Array;
  },
  keyIntegrity: Uint8Array,
  hmacSha256: Hmac,
): Uint8Array {
  const attributes = [mappedOf(fields), { type: ATTRIBUTE.LATCH_PROOF, value: fields.proof }];
  return encode('success', fields.transaction, attributes, keyIntegrity, hmacSha256);
}

/** Encodes a keepalive; the transaction begins with the counter. */
export function encodeKeepalive(
  fields: Username & { readonly transaction: Uint8Array },
  keyIntegrity: Uint8Array,
  hmacSha256: Hmac,
): Uint8Array {
  return encode('indication', fields.transaction, [usernameOf(fields)], keyIntegrity, hmacSha256);
}

function usernameOf({ recipient, sender }: Username) {
  return { type: ATTRIBUTE.USERNAME, value: `${recipient}:${sender}` };
}

function mappedOf(fields: { readonly mapped: TransportAddress; readonly transaction: Uint8Array }) {
  const value = encodeXorMappedAddress(fields.mapped, fields.transaction);
  return { type: ATTRIBUTE.XOR_MAPPED_ADDRESS, value };
}

function encode(
  messageClass: StunClass,
  transaction: Uint8Array,
  attributes: readonly { type: number; value: Uint8Array | string }[],
  key: Uint8Array,
  hmac: Hmac,
): Uint8Array {
  return encodeStun({ class: messageClass, transaction, attributes, integritySha256: { key, hmac } });
}
