// The core's Crypto and Random, made of node:crypto. All synchronous: a challenge is judged in the turn in
// which it arrives. No key is kept here, and none is ever put into an error.
import { createCipheriv, createHash, createHmac, randomFillSync, timingSafeEqual } from 'node:crypto';
import type { Crypto, Random } from '../core/index.js';
import { nativeHmac } from './batch/native-hmac.js';

export const nodeCrypto: Crypto = {
  hmacSha1: (key, data) => nativeHmac(key, data, 20) ?? createHmac('sha1', key).update(data).digest(),
  hmacSha256: (key, data) => nativeHmac(key, data, 32) ?? createHmac('sha256', key).update(data).digest(),
  sha256: (data) => createHash('sha256').update(data).digest(),
  aes256Block,
  // The lengths are public; only the content must not show in the time that it takes.
  equal: (a, b) => a.length === b.length && isEqual(a, b),
};

/** No digest is longer. */
const COMPARED_BYTES = 64;
const left = new Uint8Array(COMPARED_BYTES);
const right = new Uint8Array(COMPARED_BYTES);

/**
 * In two arrays that stay: a small array of its own, as a digest is, would be moved out of the engine's heap before `timingSafeEqual` may look at it, which takes
 * twenty times as long. What is not copied is zero in both.
 */
function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  const sizeBytes = a.length;
  if (sizeBytes > COMPARED_BYTES) return timingSafeEqual(a, b);
  for (let i = 0; i < sizeBytes; i++) {
    left[i] = a[i]!;
    right[i] = b[i]!;
  }
  const isSame = timingSafeEqual(left, right);
  left.fill(0, 0, sizeBytes);
  right.fill(0, 0, sizeBytes);
  return isSame;
}

function aes256Block(key: Uint8Array, block: Uint8Array): Uint8Array {
  // Without padding: exactly one block in, one out (FIPS 197), as protocol.md 3 asks.
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}

/** One call of the generator fills this many bytes: twenty times cheaper than a call per word. */
const POOL_SIZE_BYTES = 4096;

/** Random bytes out of a pool that is refilled when used up. Bytes handed out are wiped from the pool. */
export function createNodeRandom(): Random {
  const pool = new Uint8Array(POOL_SIZE_BYTES);
  let used = POOL_SIZE_BYTES;
  return {
    fill(bytes) {
      const sizeBytes = bytes.length;
      if (sizeBytes > POOL_SIZE_BYTES) {
        randomFillSync(bytes);
        return;
      }
      if (used + sizeBytes > POOL_SIZE_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      // One by one: of a few bytes that is quicker than a view of them.
      const from = used;
      for (let i = 0; i < sizeBytes; i++) bytes[i] = pool[from + i]!;
      used = from + sizeBytes;
      pool.fill(0, from, used);
    },
  };
}
