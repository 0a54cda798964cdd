// From a master key to the keys that packets are protected with (RFC 3711 4.3, RFC 6188 section 4, RFC 7714 section 11), without a key
// derivation rate: each is derived once.
import type { SrtpSuite } from './suites.js';

/** One direction of one master key, as RTP or as RTCP. */
export interface SessionKeys {
  readonly cipherKey: Uint8Array;
  readonly authKey: Uint8Array;
  readonly salt: Uint8Array;
}

const AUTH_KEY_SIZE_BYTES = 20;
/** RFC 3711 4.3.2: the labels of the encryption key, of the authentication key and of the salt follow each other. */
const FIRST_LABEL = { rtp: 0, rtcp: 3 } as const;

export function deriveSessionKeys(
  aesBlocks: (key: Uint8Array) => (blocks: Uint8Array) => Uint8Array,
  suite: SrtpSuite,
  { masterKey, masterSalt }: { readonly masterKey: Uint8Array; readonly masterSalt: Uint8Array },
  kind: 'rtp' | 'rtcp',
): SessionKeys {
  const encrypt = aesBlocks(masterKey);
  const derive = (label: number, sizeBytes: number): Uint8Array => {
    const blocks = new Uint8Array(16 * Math.ceil(sizeBytes / 16));
    for (let at = 0; at < blocks.length; at += 16) {
      // A salt of 12 bytes is one of 14 that ends in zeros.
      blocks.set(masterSalt, at);
      blocks[at + 7]! ^= label;
      blocks[at + 15] = at / 16;
    }
    return Uint8Array.from(encrypt(blocks).subarray(0, sizeBytes));
  };
  const label = FIRST_LABEL[kind];
  return {
    cipherKey: derive(label, suite.keySizeBytes),
    authKey: suite.kind === 'cm' ? derive(label + 1, AUTH_KEY_SIZE_BYTES) : new Uint8Array(0),
    salt: derive(label + 2, suite.saltSizeBytes),
  };
}
