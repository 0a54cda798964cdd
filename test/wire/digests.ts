// The digests that the wire room is handed, out of node:crypto, and the changes that tests make to messages.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { EqualBytes, Hmac } from '../../lib/wire/index.js';

export const hmacSha1: Hmac = (key, data) => createHmac('sha1', key).update(data).digest();
export const hmacSha256: Hmac = (key, data) => createHmac('sha256', key).update(data).digest();
export const equal: EqualBytes = (a, b) => a.length === b.length && timingSafeEqual(a, b);

/** Every shorter beginning of a message, the empty one included, each in memory of its own. */
export function* truncations(bytes: Uint8Array): Generator<Uint8Array> {
  for (let size = 0; size < bytes.length; size++) yield Uint8Array.from(bytes.subarray(0, size));
}

/** The message with one bit changed, for each bit of it. */
export function* bitFlips(bytes: Uint8Array): Generator<{ bit: number; flipped: Uint8Array }> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3]! ^= 0x80 >> (bit & 7);
    yield { bit, flipped };
  }
}
