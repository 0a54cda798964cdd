// HMAC by the addon (mac.c): less than half of what createHmac takes for a message of the protocol.
import { findAddon } from './addon.js';

/** What the addon writes to, copied at once. A small array of its own for each digest would be moved out of the engine's heap first. */
const DIGESTS = { 20: Buffer.allocUnsafeSlow(20), 32: Buffer.allocUnsafeSlow(32) } as const;

/** @returns undefined where there is no addon, or it cannot */
export function nativeHmac(key: Uint8Array, message: Uint8Array, sizeBytes: 20 | 32): Uint8Array | undefined {
  const found = findAddon();
  if ('reason' in found) return undefined;
  const digest = DIGESTS[sizeBytes];
  return found.addon.hmac(key, message, digest) ? new Uint8Array(digest) : undefined;
}
