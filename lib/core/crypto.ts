// The two small interfaces through which cryptography and chance enter the core. The core holds no algorithm
// of its own: an adapter (lib/net/node-crypto.ts) supplies them.

import { readUint32 } from '../wire/big-endian.js';
import { ByteSheet } from '../wire/byte-sheet.js';

export interface Crypto {
  /** Full 20-byte digest. */
  readonly hmacSha1: (key: Uint8Array, data: Uint8Array) => Uint8Array;
  /** Full 32-byte digest. */
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array) => Uint8Array;
  readonly sha256: (data: Uint8Array) => Uint8Array;
  /** AES-256 over exactly one 16-byte block, no padding. */
  readonly aes256Block: (key: Uint8Array, block: Uint8Array) => Uint8Array;
  /** Constant time in the content; false for unequal lengths. */
  readonly equal: (a: Uint8Array, b: Uint8Array) => boolean;
}

export interface Random {
  /** Fills with cryptographically secure random bytes. */
  readonly fill: (bytes: Uint8Array) => void;
}

const drawn = ByteSheet.small();

/** Not for long: see `ByteSheet`. */
export function randomBytes(random: Random, sizeBytes: number): Uint8Array {
  const bytes = drawn.take(sizeBytes);
  random.fill(bytes);
  return bytes;
}

/** One for all fractions, which are no secrets: each consent takes one. */
const fraction = new Uint8Array(4);

/** A number in [0, 1) out of 32 random bits. */
export function randomFraction(random: Random): number {
  random.fill(fraction);
  return readUint32(fraction, 0) / 0x1_0000_0000;
}
