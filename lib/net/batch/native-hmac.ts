// HMAC by the addon (mac.c): less than half of what createHmac takes for a message of the protocol.
import { findAddon } from './addon.js';

/** @returns undefined where there is no addon, or it cannot */
export function nativeHmac(key: Uint8Array, message: Uint8Array, sizeBytes: 20 | 32): Uint8Array | undefined {
  const found = findAddon();
  if ('reason' in found) return undefined;
  const digest = new Uint8Array(sizeBytes);
  return found.addon.hmac(key, message, digest) ? digest : undefined;
}
