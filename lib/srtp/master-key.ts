// What one side protects its packets with, as its description says it (RFC 4568 6.1): a suite, a master key with its salt, the number
// that names it in packets where it has one, and how long it may be used.
import { LatchkeyError } from '../core/errors.js';
import { CounterModeTransform } from './counter-mode.js';
import { GcmTransform } from './gcm.js';
import { deriveSessionKeys } from './session-keys.js';
import type { SrtpCrypto } from './srtp-crypto.js';
import type { SrtpSuite } from './suites.js';
import type { PacketKind, Transform } from './transform.js';

export interface MasterKey {
  readonly suite: SrtpSuite;
  /** As long as the suite says. */
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  /** Stands in each packet before the tag (RFC 3711 3.1): 1 to 128 bytes, or none. */
  readonly mki?: Uint8Array;
  /** So many packets of RTP may be protected with it; 2^48 where nobody says otherwise (RFC 3711 9.2). */
  readonly lifetimePackets?: number;
}

/** RFC 3711 9.2: more under one key repeats the cipher's stream. */
export const MAX_LIFETIME = { rtp: 2 ** 48, rtcp: 2 ** 31 } as const;

/** @throws LatchkeyError LATCHKEY_OPTION: a key or a salt has not the size of its suite */
export function createTransform(crypto: SrtpCrypto, master: MasterKey, kind: PacketKind): Transform {
  const { suite, key, salt } = master;
  if (key.length !== suite.keySizeBytes || salt.length !== suite.saltSizeBytes)
    throw new LatchkeyError('LATCHKEY_OPTION', `the key of ${suite.name} has not its size`);
  const keys = deriveSessionKeys(crypto.aesBlocks, suite, { masterKey: key, masterSalt: salt }, kind);
  const fast = crypto.transform?.(suite, keys, kind);
  if (fast) {
    for (const one of Object.values(keys) as Uint8Array[]) one.fill(0);
    return fast;
  }
  if (suite.kind === 'gcm') return new GcmTransform(crypto, keys, kind);
  const tagSizeBytes = kind === 'rtp' ? suite.rtpTagSizeBytes : suite.rtcpTagSizeBytes;
  return new CounterModeTransform(crypto, keys, kind, tagSizeBytes);
}

/** How long the lifetime of the key is for packets of this kind. */
export function lifetimeOf({ lifetimePackets }: MasterKey, kind: PacketKind): number {
  return Math.min(lifetimePackets ?? Infinity, MAX_LIFETIME[kind]);
}
