// The small interface through which ciphers enter SRTP, apart from the core's: these are keyed once, and used for every packet. An
// adapter (lib/net/node-srtp-crypto.ts) supplies them.
import type { SessionKeys } from './session-keys.js';
import type { SrtpSuite } from './suites.js';
import type { PacketKind, Transform } from './transform.js';

export interface SrtpCrypto {
  /**
   * A whole suite under one set of session keys, where there is a faster way to do what counter-mode.ts and gcm.ts do of the other two:
   * byte for byte the same. Undefined: not this one. It copies the keys.
   */
  readonly transform?: (suite: SrtpSuite, keys: SessionKeys, kind: PacketKind) => Transform | undefined;
  /** AES in blocks of 16 bytes, each for itself (ECB), under a key of 16, 24 or 32 bytes. It is kept as long as the key is used. */
  readonly aesBlocks: (key: Uint8Array) => (blocks: Uint8Array) => Uint8Array;
  /** AES-GCM under a key of 16 or 32 bytes, with nonces of 12 and tags of 16. */
  readonly aesGcm: (key: Uint8Array) => Aead;
}

export interface Aead {
  /** @returns the encrypted bytes, and the tag after them */
  readonly seal: (nonce: Uint8Array, associated: Uint8Array, clear: Uint8Array) => Uint8Array;
  /** @returns the bytes in clear; undefined where the tag, the last 16 bytes of `sealed`, is not right */
  readonly open: (nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array) => Uint8Array | undefined;
}
