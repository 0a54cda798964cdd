// One generation of a transport: a pair of tags, the keys of their secrets, and the words that travelled in SDP
// (protocol.md 1, 2, 3). What either role needs to speak, in one immutable value.
import type { Suite } from '../suite.js';
import type { Keys } from './keys.js';

export interface Generation {
  readonly ownTag: string;
  readonly peerTag: string;
  readonly suite: Suite;
  readonly keys: Keys;
  /** The challenge that we put into SDP: set where we are a verifier. */
  readonly ownWord: Uint8Array | undefined;
  /** The challenge that the peer put into SDP: set where we are a prover. */
  readonly peerWord: Uint8Array | undefined;
  /** Seconds between keepalives, as the verifier set it. */
  readonly keepaliveS: number;
}
