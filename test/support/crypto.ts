// The engine's `Crypto` out of node:crypto, for the tests of the core alone: they need no socket layer.
import { createCipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Crypto } from '../../lib/core/index.js';

export const testCrypto: Crypto = {
  hmacSha1: (key, data) => createHmac('sha1', key).update(data).digest(),
  hmacSha256: (key, data) => createHmac('sha256', key).update(data).digest(),
  sha256: (data) => createHash('sha256').update(data).digest(),
  aes256Block: (key, block) => createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(block),
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
