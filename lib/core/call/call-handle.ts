// A call at the engine, as it is seen by those who bring agreements to it. Types only; the work is done in engine-call.ts.
import type { TransportAddress } from '../../wire/index.js';
import type { Policy, CallPlace, QuestionOutcome, Signalling } from '../call-place.js';
import type { Role } from '../context.js';
import type { Counters } from '../counters.js';
import type { ComponentId, NatChange } from '../events.js';
import type { Component } from '../path/component.js';
import type { Protection } from '../proof/protection.js';
import type { PeerSource } from './peer-facts.js';

export interface CallOptions {
  /** The application's name for the call, for events; its id unless set. */
  readonly call?: string | undefined;
  /** `verifier` unless set. */
  readonly role?: Role | undefined;
  /** What the hop is over which the two agree. */
  readonly signalling: Signalling;
  /** In place of the engine's. */
  readonly policy?: Policy | undefined;
  /** Where the peer's first description comes from, if that is known: see `CallHandle.peer`. */
  readonly peer?: PeerSource | undefined;
}

/** What protects a call. `direct`: latch, and no NAT on any stream. */
export type CallProtection = Protection['kind'] | 'direct' | 'pending';

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

/** Made by `Engine.openCall`; `Engine.agree` says what flows in it. */
export interface CallHandle extends CallPlace {
  readonly role: Role;
  readonly policy: Policy;
  readonly isClosed: boolean;
  /** What protects the call: that of its least protected stream. */
  readonly protection: CallProtection;
  readonly streams: readonly StreamStatus[];
  readonly counters: Counters;

  /** One component of one transport: attach a port to it, and ask it where payload goes. */
  component(media: number, component: ComponentId): Component;

  /**
   * An offer of ours is out that has this tag of ours in it, or none: hellos that come before the agreement are kept until then
   * (protocol.md 4).
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  awaitAnswer(media: number, ownTag: string | undefined): void;

  /** The offer failed: nothing is waited for any more, and all is as before it. */
  endWait(): void;

  /**
   * Where the description came from that is about to be agreed on, and over what. A connection shows its address by itself.
   * Tell it with every description.
   * @throws LatchkeyError LATCHKEY_OPTION for what is no IP address, or an unknown transport
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  peer(source: PeerSource): void;

  /**
   * The dialog is confirmed: the ACK has come, or the 2xx to our own INVITE.
   * @param nowMs the time of the last call to the engine unless given
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  confirm(nowMs?: number): void;

  /**
   * Somebody receives at this IP address (protocol.md 8). The eight last are remembered.
   * @throws LatchkeyError LATCHKEY_OPTION for what is no IP address
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  shown(address: string): void;

  /**
   * What became of a question that the signalling put in the dialog: whether the peer is there; or with `media`, the one that the event
   * `question` asked for, of that transport. What the peer answered is agreed on first.
   * @throws LatchkeyError LATCHKEY_OPTION for another outcome
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  asked(outcome: QuestionOutcome, nowMs: number, media?: number): void;

  /** Forgets keys, words and paths at once (protocol.md 5.10). Idempotent. */
  close(nowMs: number): void;
}
