// What a session is made with, what it answers, and what it tells of its streams.
import type { TransportAddress } from '../../wire/index.js';
import type { Protection } from '../proof/protection.js';
import type { Signalling } from '../call-place.js';
import type { Policy } from '../context.js';
import type { Counters } from '../counters.js';
import type { ComponentId, NatChange } from '../events.js';

/** What protects a call. `direct`: latch, and no NAT on any stream. */
export type SessionProtection = Protection['kind'] | 'direct' | 'pending';
export type Role = 'verifier' | 'prover';

export interface SessionOptions {
  /** The application's name for the call, for events. */
  readonly call?: string;
  /** A verifier challenges the peer; a prover only proves itself. Both prove themselves to a peer that challenges. */
  readonly role?: Role;
  /** What this hop of the signalling is. */
  readonly signalling: Signalling;
  readonly policy?: Policy;
}

/** What to answer a peer: as SIP has it, a status and the text of a Warning. */
export type Verdict =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly status: 400 | 488; readonly warning: string };

export interface StreamStatus {
  readonly media: number;
  readonly component: ComponentId;
  readonly protection: Protection['kind'];
  readonly signalled?: TransportAddress;
  readonly mapping?: TransportAddress;
  readonly serverSeenAs?: TransportAddress;
  readonly nat?: NatChange;
  /** As a prover: where the peer says that it sees us, by its last welcome. */
  readonly seenAs?: TransportAddress;
  /** As a prover: a challenge of the peer's was answered. */
  readonly hasProven: boolean;
  readonly counters: Counters;
}
