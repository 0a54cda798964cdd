/*
 * FINGERPRINT (RFC 8489 section 14.7): CRC-32 of all before it, XOR "STUN". It tells STUN from other
 * packets on the same port; anybody can compute it, so it proves nothing.
 */
import { readUint32 } from './big-endian.js';
import type { StunMessage } from './stun.js';

const XOR = 0x5354554e;

/** Signed, so that the loop below never leaves 32-bit integers. */
const TABLE = new Int32Array(256);
for (let i = 0; i < 256; i++) {
  let value = i;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  TABLE[i] = value;
}

/** CRC-32 (ITU-T V.42) of the first `sizeBytes` bytes, unsigned. */
export function crc32(bytes: Uint8Array, sizeBytes: number = bytes.length): number {
  let crc = -1;
  for (let i = 0; i < sizeBytes; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

/** The value of FINGERPRINT after the first `sizeBytes` bytes, whose header counts it already. */
export function fingerprintOf(bytes: Uint8Array, sizeBytes: number): number {
  return (crc32(bytes, sizeBytes) ^ XOR) >>> 0;
}

/** True when the message has a FINGERPRINT and it is right. */
export function isFingerprintValid(message: StunMessage): boolean {
  const offset = message.fingerprintOffset;
  return (
    offset !== undefined && readUint32(message.bytes, offset + 4) === fingerprintOf(message.bytes, offset)
  );
}
