/*
 * Makes STUN messages: header, attributes, then whichever of the two integrities and FINGERPRINT are
 * asked for, in the one order that RFC 8489 sections 14.5 to 14.7 allow. It keeps nothing.
 */
import { writeAscii } from './ascii.js';
import { writeUint16, writeUint32 } from './big-endian.js';
import { ByteSheet } from './byte-sheet.js';
import { fingerprintOf } from './fingerprint.js';
import type { Hmac } from './integrity.js';
import { BINDING, STUN_COOKIE, STUN_HEADER_SIZE_BYTES, stunType, type StunClass } from './stun.js';
import { ATTRIBUTE } from './stun-attribute-types.js';

export interface StunSeal {
  readonly key: Uint8Array;
  readonly hmac: Hmac;
}

export interface StunSpec {
  readonly class: StunClass;
  /** Binding unless given. */
  readonly method?: number;
  /** 12 bytes. */
  readonly transaction: Uint8Array;
  /** In the order of sending; values without padding, and text of ASCII characters. */
  readonly attributes: readonly { readonly type: number; readonly value: Uint8Array | string }[];
  /** MESSAGE-INTEGRITY with this key; `hmac` is HMAC-SHA-1. */
  readonly integrity?: StunSeal;
  /** MESSAGE-INTEGRITY-SHA256, 32 bytes, with this key; `hmac` is HMAC-SHA-256. */
  readonly integritySha256?: StunSeal;
  /** FINGERPRINT, unless false. */
  readonly fingerprint?: boolean;
}

const messages = ByteSheet.small();

/**
 * Encodes a message; padding is zero. The header's length is, for each integrity, that of a message
 * which ends with it. Throws RangeError when a caller's transaction is not 12 bytes.
 */
export function encodeStun(spec: StunSpec): Uint8Array {
  if (spec.transaction.length !== 12) throw new RangeError('a STUN transaction is 12 bytes');
  const hasFingerprint = spec.fingerprint !== false;
  let sizeBytes = STUN_HEADER_SIZE_BYTES;
  for (const { value } of spec.attributes) sizeBytes += 4 + ((value.length + 3) & ~3);
  if (spec.integrity) sizeBytes += 24;
  if (spec.integritySha256) sizeBytes += 36;
  if (hasFingerprint) sizeBytes += 8;

  const bytes = messages.take(sizeBytes);
  writeUint16(bytes, 0, stunType(spec.class, spec.method ?? BINDING));
  writeUint32(bytes, 4, STUN_COOKIE);
  bytes.set(spec.transaction, 8);
  let at = STUN_HEADER_SIZE_BYTES;
  for (const { type, value } of spec.attributes) at = writeAttribute(bytes, at, type, value);
  if (spec.integrity) at = writeSeal(bytes, at, ATTRIBUTE.MESSAGE_INTEGRITY, 20, spec.integrity);
  if (spec.integritySha256) {
    at = writeSeal(bytes, at, ATTRIBUTE.MESSAGE_INTEGRITY_SHA256, 32, spec.integritySha256);
  }
  writeUint16(bytes, 2, sizeBytes - STUN_HEADER_SIZE_BYTES);
  if (hasFingerprint) {
    writeUint16(bytes, at, ATTRIBUTE.FINGERPRINT);
    writeUint16(bytes, at + 2, 4);
    writeUint32(bytes, at + 4, fingerprintOf(bytes, at));
  }
  return bytes;
}

function writeAttribute(bytes: Uint8Array, at: number, type: number, value: Uint8Array | string): number {
  writeUint16(bytes, at, type);
  writeUint16(bytes, at + 2, value.length);
  if (typeof value === 'string') writeAscii(bytes, at + 4, value);
  else bytes.set(value, at + 4);
  return at + 4 + ((value.length + 3) & ~3);
}

function writeSeal(bytes: Uint8Array, at: number, type: number, sizeBytes: number, seal: StunSeal): number {
  writeUint16(bytes, 2, at + 4 + sizeBytes - STUN_HEADER_SIZE_BYTES);
  const digest = seal.hmac(seal.key, bytes.subarray(0, at));
  // A view of a small array, which is what a digest is, costs more than the digest itself.
  return writeAttribute(
    bytes,
    at,
    type,
    digest.length === sizeBytes ? digest : digest.subarray(0, sizeBytes),
  );
}
