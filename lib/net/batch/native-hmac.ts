// HMAC by the addon (mac.c): less than half of what createHmac takes for a message of the protocol.
import { ByteSheet } from '../../wire/byte-sheet.js';
import { findAddon } from './addon.js';

/** Out of the engine's heap from the first: a small array of its own would be moved out of it for the addon, which takes longer than the digest. */
const digests = ByteSheet.small();

/** @returns undefined where there is no addon, or it cannot; the digest is not for long: see `ByteSheet` */
export function nativeHmac(key: Uint8Array, message: Uint8Array, sizeBytes: 20 | 32): Uint8Array | undefined {
  const found = findAddon();
  if ('reason' in found) return undefined;
  const digest = digests.take(sizeBytes);
  return found.addon.hmac(key, message, digest) ? digest : undefined;
}
