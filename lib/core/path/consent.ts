// Rule 5.8 of protocol.md, whole: consent. The path in use is asked again and again whether its owner still answers there.
// When it has not answered for too long, media to it stops. This file says when to ask and when to stop; it sends nothing
// and judges no answer: whether a response is valid is the scheme's to say.
import { randomFraction, type Random } from '../crypto.js';
import type { Challenge } from '../proof/challenge.js';

const INTERVAL_MS = 5000;
/** Intervals differ by chance, so that many calls do not ask at the same moment. */
const SPREAD = { from: 0.8, to: 1.2 };
const EXPIRY_MS = 30_000;
/** After a pause of the whole process, time alone says nothing about the peer: so many questions must have gone out too. */
const EXPIRY_CHALLENGES = 4;
/** An answer may come later than the next challenge, on paths of more than 4 s: two are waited for. */
const MAX_OUTSTANDING = 2;
/** Each consent challenge is sent once: the next one makes up for a lost one. */
export const CONSENT_SCHEDULE_MS: readonly number[] = [0];

export interface ConsentState {
  /** When the path last answered anything that it was asked. */
  readonly lastResponseMs: number;
  /** Challenges sent since then. */
  readonly unansweredCount: number;
  /** When the next challenge is due. */
  readonly askMs: number;
}

export type ConsentDecision = 'wait' | 'ask' | 'expire';

export function decideConsent(state: ConsentState, nowMs: number): ConsentDecision {
  if (nowMs >= expiryMs(state)) return 'expire';
  return nowMs >= state.askMs ? 'ask' : 'wait';
}

/** When the path expires if it stays silent; Infinity while too few challenges have gone out. */
function expiryMs({ unansweredCount, lastResponseMs }: ConsentState): number {
  return unansweredCount >= EXPIRY_CHALLENGES ? lastResponseMs + EXPIRY_MS : Infinity;
}

/** Of all paths that wait for no answer, which are nearly all. */
const NONE: readonly Challenge[] = [];

/** What rule 5.8 remembers of one path. */
export class Consent implements ConsentState {
  /** Both in whole milliseconds: of a fraction the engine keeps an object beside the other. */
  lastResponseMs: number;
  unansweredCount = 0;
  askMs: number;
  #outstanding = NONE;

  /** The path has just been verified, which is an answer. */
  constructor(
    private readonly random: Random,
    nowMs: number,
  ) {
    this.lastResponseMs = Math.floor(nowMs);
    this.askMs = nextAskMs(this.random, nowMs);
  }

  get outstanding(): readonly Challenge[] {
    return this.#outstanding;
  }

  /** Notes a challenge sent; returns the one that is no longer waited for, if any. */
  noteSent(challenge: Challenge, nowMs: number): Challenge | undefined {
    this.unansweredCount++;
    this.askMs = nextAskMs(this.random, nowMs);
    const before = this.#outstanding;
    const oldest = before.length < MAX_OUTSTANDING ? undefined : before[0];
    this.#outstanding =
      before.length === 0 ? [challenge] : [...(oldest ? before.slice(1) : before), challenge];
    return oldest;
  }

  /** Any valid response from this path counts: to a consent challenge, to a new generation's, to rule 5.11's question. */
  noteResponse(challenge: Challenge, nowMs: number): void {
    this.lastResponseMs = Math.floor(nowMs);
    this.unansweredCount = 0;
    const before = this.#outstanding;
    const isOnly = before.length === 1 && before[0] === challenge;
    const others = isOnly ? NONE : before.filter((other) => other !== challenge);
    this.#outstanding = others.length === 0 ? NONE : others;
  }

  /** What was asked under old keys, or on a path that is left, is no longer waited for. */
  forgetOutstanding(): readonly Challenge[] {
    const forgotten = this.#outstanding;
    this.#outstanding = NONE;
    return forgotten;
  }

  /** When there is something to decide. */
  get nextMs(): number {
    return Math.min(this.askMs, expiryMs(this));
  }
}

function nextAskMs(random: Random, nowMs: number): number {
  const factor = SPREAD.from + (SPREAD.to - SPREAD.from) * randomFraction(random);
  return Math.round(nowMs + INTERVAL_MS * factor);
}
