// One generation of a transport: a pair of tags, the keys of their secrets, and the words that travelled in SDP
// (protocol.md 1, 2, 3). What either role needs to speak, in one value that changes only when it is forgotten.
import type { Suite } from '../suite.js';
import { Secret } from './secret.js';

const KEY_BYTES = 32;
const WORD_BYTES = 16;

/** What a generation keeps secret. All are copied. */
export interface GenerationSecrets {
  readonly integrityKey: Uint8Array;
  readonly proofKey: Uint8Array;
  /** Tells its pair of halves from every other: the same pair again changes nothing (protocol.md 2). */
  readonly pairDigest: Uint8Array;
  /** The challenge that we put into SDP: set where we are a verifier. */
  readonly ownWord: Uint8Array | undefined;
  /** The challenge that the peer put into SDP: set where we are a prover. */
  readonly peerWord: Uint8Array | undefined;
}

export class Generation {
  /** Two keys, the digest, and what words there are, one after the other: a `Secret` for each would take more than they do. */
  readonly #secrets: Secret;
  readonly hasOwnWord: boolean;
  readonly hasPeerWord: boolean;

  constructor(
    readonly ownTag: string,
    readonly peerTag: string,
    readonly suite: Suite,
    /** Seconds between keepalives, as the verifier set it. */
    readonly keepaliveS: number,
    { integrityKey, proofKey, pairDigest, ownWord, peerWord }: GenerationSecrets,
  ) {
    this.hasOwnWord = ownWord !== undefined;
    this.hasPeerWord = peerWord !== undefined;
    const parts = [integrityKey, proofKey, pairDigest, ownWord ?? [], peerWord ?? []];
    const bytes = new Uint8Array(parts.reduce((sizeBytes, { length }) => sizeBytes + length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#secrets = new Secret(bytes);
  }

  /* Methods: whoever prints an object may ask its getters. Each gives a view, which is overwritten when the generation is forgotten. */
  revealIntegrityKey(): Uint8Array {
    return this.#part(0, KEY_BYTES);
  }

  revealProofKey(): Uint8Array {
    return this.#part(KEY_BYTES, KEY_BYTES);
  }

  revealPairDigest(): Uint8Array {
    return this.#part(2 * KEY_BYTES, KEY_BYTES);
  }

  revealOwnWord(): Uint8Array | undefined {
    return this.hasOwnWord ? this.#part(3 * KEY_BYTES, WORD_BYTES) : undefined;
  }

  revealPeerWord(): Uint8Array | undefined {
    if (!this.hasPeerWord) return undefined;
    return this.#part(3 * KEY_BYTES + (this.hasOwnWord ? WORD_BYTES : 0), WORD_BYTES);
  }

  /** Overwrites its keys and words: nobody speaks under it any more (protocol.md 5.10). */
  forget(): void {
    this.#secrets.forget();
  }

  #part(at: number, sizeBytes: number): Uint8Array {
    return this.#secrets.reveal().subarray(at, at + sizeBytes);
  }
}
