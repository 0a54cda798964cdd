/*
 * The Binding messages of ICE (RFC 8445 section 7, RFC 8489): connectivity checks and their answers. Structure
 * and FINGERPRINT are checked here; the integrity (SHA-1, keyed with a password) is for those who have the key.
 */
import type { TransportAddress } from './address.js';
import { asciiBytes } from './ascii.js';
import { isFingerprintValid } from './fingerprint.js';
import { isIntegrityValid, type EqualBytes, type Hmac } from './integrity.js';
import { refuse, succeed, type Result } from './result.js';
import { attributeValue, BINDING, parseStun, type StunMessage } from './stun.js';
import { ATTRIBUTE, isComprehensionRequired } from './stun-attribute-types.js';
import {
  encodeErrorCode,
  encodePriority,
  encodeXorMappedAddress,
  isUseCandidate,
  parsePriority,
  parseTieBreaker,
  parseUsername,
  parseXorMappedAddress,
} from './stun-attributes.js';
import { encodeStun } from './stun-encoder.js';

/** Two user fragments: the receiver's stands first (RFC 8445 section 7.2.2). */
export interface Ufrags {
  readonly recipient: string;
  readonly sender: string;
}

export type IceMessage =
  | {
      readonly kind: 'check';
      readonly username: Ufrags;
      readonly priority: number;
      /** USE-CANDIDATE: the peer, in the controlling role, nominates this path. */
      readonly isNominating: boolean;
      /** The role that the sender claims. */
      readonly role: 'controlling' | 'controlled';
      readonly transaction: Uint8Array;
      readonly stun: StunMessage;
    }
  | {
      readonly kind: 'check-response';
      readonly mapped: TransportAddress;
      readonly transaction: Uint8Array;
      readonly stun: StunMessage;
    };
export type IceCheck = Extract<IceMessage, { kind: 'check' }>;
export type IceResponse = Extract<IceMessage, { kind: 'check-response' }>;

const KNOWN_REQUIRED: ReadonlySet<number> = new Set([
  ATTRIBUTE.USERNAME,
  ATTRIBUTE.MESSAGE_INTEGRITY,
  ATTRIBUTE.MESSAGE_INTEGRITY_SHA256,
  ATTRIBUTE.XOR_MAPPED_ADDRESS,
  ATTRIBUTE.PRIORITY,
  ATTRIBUTE.USE_CANDIDATE,
]);

/**
 * Reads a check or the success response to one. Codes: those of `parseStun`; `fingerprint`: absent or wrong;
 * `not-ice`: another class or method, or no MESSAGE-INTEGRITY; `attribute`: one is missing, malformed, or must be
 * understood and is not; `username`: not two fragments.
 */
export function parseIceMessage(bytes: Uint8Array): Result<IceMessage> {
  const parsed = parseStun(bytes);
  if (!parsed.ok) return parsed;
  const stun = parsed.value;
  const isBinding = stun.method === BINDING && (stun.class === 'request' || stun.class === 'success');
  if (!isBinding || stun.integrityOffset === undefined) {
    return refuse('not-ice', 0, 'neither a check nor a response to one');
  }
  if (!isFingerprintValid(stun)) {
    return refuse(
      'fingerprint',
      stun.fingerprintOffset ?? bytes.length,
      'FINGERPRINT is absent or does not match',
    );
  }
  const first = new Map<number, Uint8Array>();
  for (const { type, offset } of stun.attributes) {
    if (offset > stun.integrityOffset) break;
    if (isComprehensionRequired(type) && !KNOWN_REQUIRED.has(type)) {
      return refuse('attribute', offset, 'an unknown attribute that must be understood');
    }
    if (!first.has(type)) first.set(type, attributeValue(bytes, offset));
  }
  return stun.class === 'request' ? readCheck(stun, first) : readResponse(stun, first);
}

function readCheck(stun: StunMessage, values: ReadonlyMap<number, Uint8Array>): Result<IceMessage> {
  const [recipient, sender, ...rest] = parseUsername(
    values.get(ATTRIBUTE.USERNAME) ?? new Uint8Array(0),
  ).split(':');
  if (!recipient || !sender || rest.length > 0)
    return refuse('username', 0, 'USERNAME is not two user fragments');
  const priority = parsePriority(values.get(ATTRIBUTE.PRIORITY) ?? new Uint8Array(0));
  if (!priority.ok) return priority;
  const controlled = values.get(ATTRIBUTE.ICE_CONTROLLED);
  const controlling = values.get(ATTRIBUTE.ICE_CONTROLLING);
  const tieBreaker = parseTieBreaker(controlled ?? controlling ?? new Uint8Array(0));
  if (!tieBreaker.ok) return tieBreaker;
  const nomination = values.get(ATTRIBUTE.USE_CANDIDATE);
  if (nomination && !isUseCandidate(nomination)) return refuse('attribute', 0, 'USE-CANDIDATE is not empty');
  return succeed({
    kind: 'check',
    username: { recipient, sender },
    priority: priority.value,
    isNominating: nomination !== undefined && controlled === undefined,
    role: controlled ? 'controlled' : 'controlling',
    transaction: stun.transaction,
    stun,
  });
}

function readResponse(stun: StunMessage, values: ReadonlyMap<number, Uint8Array>): Result<IceMessage> {
  const value = values.get(ATTRIBUTE.XOR_MAPPED_ADDRESS) ?? new Uint8Array(0);
  const mapped = parseXorMappedAddress(value, stun.transaction);
  if (!mapped.ok) return mapped;
  return succeed({ kind: 'check-response', mapped: mapped.value, transaction: stun.transaction, stun });
}

/** True when the password made the message's MESSAGE-INTEGRITY (RFC 8489 section 14.5). */
export function isIceIntegrityValid(
  message: IceMessage,
  password: Uint8Array,
  hmacSha1: Hmac,
  equal: EqualBytes,
): boolean {
  return isIntegrityValid(message.stun, password, hmacSha1, equal);
}

/** A check from the controlled role: what a lite agent asks an address to prove itself with (protocol.md 8.1). */
export function encodeIceCheck(
  fields: Ufrags & {
    readonly priority: number;
    /** 8 bytes. */
    readonly tieBreaker: Uint8Array;
    readonly transaction: Uint8Array;
  },
  password: Uint8Array,
  hmacSha1: Hmac,
): Uint8Array {
  return encodeStun({
    class: 'request',
    transaction: fields.transaction,
    attributes: [
      { type: ATTRIBUTE.USERNAME, value: asciiBytes(`${fields.recipient}:${fields.sender}`) },
      { type: ATTRIBUTE.PRIORITY, value: encodePriority(fields.priority) },
      { type: ATTRIBUTE.ICE_CONTROLLED, value: fields.tieBreaker },
    ],
    integrity: { key: password, hmac: hmacSha1 },
  });
}

/** The answer to a check that verified. */
export function encodeIceResponse(
  fields: { readonly mapped: TransportAddress; readonly transaction: Uint8Array },
  password: Uint8Array,
  hmacSha1: Hmac,
): Uint8Array {
  const { mapped, transaction } = fields;
  const value = encodeXorMappedAddress(mapped, transaction);
  return encodeStun({
    class: 'success',
    transaction,
    attributes: [{ type: ATTRIBUTE.XOR_MAPPED_ADDRESS, value }],
    integrity: { key: password, hmac: hmacSha1 },
  });
}

/** 487 Role Conflict (RFC 8445 section 7.3.1.1): the peer claims the role that a lite agent cannot leave. */
export function encodeRoleConflict(
  transaction: Uint8Array,
  password: Uint8Array,
  hmacSha1: Hmac,
): Uint8Array {
  return encodeStun({
    class: 'error',
    transaction,
    attributes: [
      { type: ATTRIBUTE.ERROR_CODE, value: encodeErrorCode({ code: 487, reason: 'Role Conflict' }) },
    ],
    integrity: { key: password, hmac: hmacSha1 },
  });
}
