// One generation of a transport: a pair of tags, the keys of their secrets, and the words that travelled in SDP
// (protocol.md 1, 2, 3). What either role needs to speak, in one immutable value.
import type { Suite } from '../suite.js';
import type { Keys } from './keys.js';
import type { Secret } from './secret.js';

export interface Generation {
  readonly ownTag: string;
  readonly peerTag: string;
  readonly suite: Suite;
  readonly keys: Keys;
  /** The challenge that we put into SDP: set where we are a verifier. */
  readonly ownWord: Secret | undefined;
  /** The challenge that the peer put into SDP: set where we are a prover. */
  readonly peerWord: Secret | undefined;
  /** Tells its pair of halves from every other: the same pair again changes nothing (protocol.md 2). */
  readonly pairDigest: Secret;
  /** Seconds between keepalives, as the verifier set it. */
  readonly keepaliveS: number;
}

/** Overwrites its keys and words: nobody speaks under it any more (protocol.md 5.10). */
export function forgetGeneration(generation: Generation | undefined): void {
  if (!generation) return;
  const { keys, ownWord, peerWord, pairDigest } = generation;
  for (const secret of [keys.integrity, keys.proof, ownWord, peerWord, pairDigest]) secret?.forget();
}
