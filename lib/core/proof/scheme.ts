// What a verifier asks of the secret that its peer brought: to make challenges, to judge answers and greetings.
// The rules of section 5 stay the same whatever plays hello, challenge and response (protocol.md 5, 8).
import type { IceCheck, IceResponse, LatchMessage, TransportAddress } from '../../wire/index.js';
import type { Path } from '../network-path.js';
import type { Challenge } from './challenge.js';
import type { DropReason } from '../counters.js';
import type { Crypto, Random } from '../crypto.js';
import type { ComponentId } from '../events.js';
import type { Suite } from '../suite.js';

/** What a peer says unasked, with its secret: a hello or keepalive, or a check of ICE. */
export type GreetingMessage = Extract<LatchMessage, { kind: 'hello' | 'keepalive' }> | IceCheck;
/** What a peer says to a challenge. */
export type AnswerMessage = Extract<LatchMessage, { kind: 'response' }> | IceResponse;

/** A greeting that verified. */
export interface Greeting {
  readonly sizeBytes: number;
  /** Fresh: not seen before. A counter above every one before it; undefined for a stale one (protocol.md 5.9). */
  readonly counter: number | undefined;
  /** What is answered: a welcome, or a Binding success. */
  readonly reply: Uint8Array | undefined;
  /** Over the SDP word, perhaps (protocol.md 5.3). */
  readonly proof: Uint8Array | undefined;
  /** The priority with which ICE nominates the path; -1 where it does not (protocol.md 8.1). */
  readonly nomination: number;
}

/** What a scheme needs of the component that it speaks for. */
export interface SchemeHost {
  readonly component: ComponentId;
  readonly crypto: Crypto;
  readonly random: Random;
}

export interface Scheme {
  readonly protection: 'latch' | 'ice';
  /**
   * Its peer may answer on several paths at once, and payload is taken from each of them. Where it may not, two paths that
   * answer mean that somebody copies packets (protocol.md 5.11, 8.1).
   */
  readonly mayHaveSeveralPaths: boolean;
  readonly suite: Suite | undefined;
  /** The highest counter of a greeting so far, -1 before the first. */
  readonly highestCounter: number;
  /** A fresh challenge with a transaction of its own. */
  createChallenge(path: Path, scheduleMs: readonly number[]): Challenge;
  /** The greeting, or why it is dropped. */
  greet(message: GreetingMessage, source: TransportAddress): Greeting | DropReason;
  /** Why a message does not answer the challenge, wherever it comes from (protocol.md 5.2); undefined where it does. */
  fault(message: AnswerMessage, challenge: Challenge): DropReason | undefined;
  /** Spends the SDP word on the first proof over it; true that once (protocol.md 5.3). */
  spendWord(proof: Uint8Array): boolean;
}
