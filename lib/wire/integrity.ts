/*
 * MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489 sections 14.5 and 14.6) over the bytes as
 * they were received. It brings no cryptography: HMAC and the constant-time comparison are handed in.
 */
import { readUint16, writeUint16 } from './big-endian.js';
import { attributeValue, STUN_HEADER_SIZE_BYTES, STUN_MAX_SIZE_BYTES, type StunMessage } from './stun.js';

/** HMAC with one fixed hash; gives the full digest. */
export type Hmac = (key: Uint8Array, data: Uint8Array) => Uint8Array;

/** Compares in time that depends on the lengths only. */
export type EqualBytes = (a: Uint8Array, b: Uint8Array) => boolean;

/** One for all messages: an array for each, which is checked at once and thrown away, would cost as much as the check. */
const scratch = new Uint8Array(STUN_MAX_SIZE_BYTES);
/** Of it what the last message filled: many messages are as long as the one before. */
let covered = scratch;

/**
 * What the HMAC covers: all before the attribute, in a header whose length ends with the attribute.
 * Always a copy, good until the next one: the received bytes stay as they are.
 */
function coveredBytes(bytes: Uint8Array, offset: number, sizeBytes: number): Uint8Array {
  if (covered.length !== offset) covered = scratch.subarray(0, offset);
  for (let i = 0; i < offset; i++) covered[i] = bytes[i]!;
  writeUint16(covered, 2, offset + 4 + sizeBytes - STUN_HEADER_SIZE_BYTES);
  return covered;
}

function isValidAt(
  bytes: Uint8Array,
  offset: number,
  key: Uint8Array,
  hmac: Hmac,
  equal: EqualBytes,
): boolean {
  const received = attributeValue(bytes, offset);
  const expected = hmac(key, coveredBytes(bytes, offset, received.length));
  return equal(
    received,
    received.length < expected.length ? expected.subarray(0, received.length) : expected,
  );
}

/** True when the message has a MESSAGE-INTEGRITY that this key made. `hmacSha1` gives 20 bytes. */
export function isIntegrityValid(
  message: StunMessage,
  key: Uint8Array,
  hmacSha1: Hmac,
  equal: EqualBytes,
): boolean {
  const offset = message.integrityOffset;
  return offset !== undefined && isValidAt(message.bytes, offset, key, hmacSha1, equal);
}

/**
 * True when the message has a MESSAGE-INTEGRITY-SHA256 that this key made. RFC 8489 lets a usage
 * truncate it to 16 bytes; here all 32 are required unless `minimumSizeBytes` (16 to 32) says less.
 */
export function isIntegritySha256Valid(
  message: StunMessage,
  key: Uint8Array,
  hmacSha256: Hmac,
  equal: EqualBytes,
  minimumSizeBytes = 32,
): boolean {
  const offset = message.integritySha256Offset;
  return (
    offset !== undefined &&
    readUint16(message.bytes, offset + 2) >= minimumSizeBytes &&
    isValidAt(message.bytes, offset, key, hmacSha256, equal)
  );
}
