// What a path may know of the call that it belongs to: its names, and what the signalling has told of the peer. It tells one thing
// only, that media has shown an address; the call itself stays out of its reach.

import type { CallQuestions } from './question-budget.js';

/** What a verifier does with a peer that does not speak latch: protocol.md 7. */
export type Policy = 'require' | 'prefer' | 'legacy' | 'blind';

/** What the hop is that carries the descriptions: secrets go over `clear` only where the owner allowed it by name. */
export type Signalling = 'encrypted' | 'loopback' | 'clear';

/**
 * Over what the peer's description came to us. `proxy`: its address is what a proxy said of it, and no connection of ours
 * stands with it.
 */
export const PEER_TRANSPORTS = ['udp', 'tcp', 'tls', 'ws', 'wss', 'https', 'proxy'] as const;
export type PeerTransport = (typeof PEER_TRANSPORTS)[number];

/**
 * What became of a question that the signalling put to the peer in the dialog: a final answer, a refusal, 491 (the peer is
 * asking itself: ask again later), or none in time.
 */
export const QUESTION_OUTCOMES = ['answered', 'refused', 'pending', 'unanswered'] as const;
export type QuestionOutcome = (typeof QUESTION_OUTCOMES)[number];

export interface AskedQuestion {
  readonly outcome: QuestionOutcome;
  readonly atMs: number;
}

export interface CallPlace {
  readonly id: string;
  /** The application's name for the call, for events. */
  readonly call: string;
  /** A prover chose its peer itself, so nobody aims it (protocol.md 5.7). */
  readonly role: 'verifier' | 'prover';
  readonly signalling: Signalling;
  readonly policy: Policy;
  /** Our own address as this peer was told it, for protocol.md 5.7. */
  readonly advertised: string | undefined;
  /** The IP address that the peer's last description came from; undefined where nobody told. */
  readonly peerAddress: string | undefined;
  readonly peerTransport: PeerTransport | undefined;
  /** The dialog is confirmed, by an ACK or the 2xx to our own INVITE. */
  readonly isConfirmed: boolean;
  /** What became of the last question in the dialog. */
  readonly lastQuestion: AskedQuestion | undefined;
  /** Port questions that were put to the peer, and those that may be. */
  readonly questions: CallQuestions;
  /** The owner names the IP address as home. */
  isOwnersHome(address: string): boolean;
  /** Somebody receives at this IP address: protocol.md 8. */
  isShown(address: string): boolean;
  /** A report of the peer's from this IP address repeats what went only there (protocol.md 8.2.4). */
  shown(address: string): void;
}

/** The signalling tells whether the dialog is confirmed, and it is not. Where it tells nothing of a call, nobody will ever say that it is. */
export function isUnconfirmed({
  isConfirmed,
  peerTransport,
}: Pick<CallPlace, 'isConfirmed' | 'peerTransport'>): boolean {
  return !isConfirmed && peerTransport !== undefined;
}
