// The verified path that carries the media, and its consent: protocol.md 5.8. Says when it must be challenged
// and when it has expired; sends nothing.
import type { TransportAddress } from '../../wire/index.js';
import type { Challenge } from '../proof/challenge.js';
import { randomFraction, type Random } from '../crypto.js';

const CONSENT_INTERVAL_MS = 5000;
const CONSENT_SPREAD = { from: 0.8, to: 1.2 };
const EXPIRY_MS = 30_000;
const EXPIRY_CHALLENGES = 4;
/** A response may come later than the next challenge, on paths of more than 4 s: two are kept. */
const MAX_OUTSTANDING = 2;

export class ActivePath {
  lastResponseMs: number;
  nextConsentMs: number;
  /** A challenge under a new generation's key, sent again as rule 5.2 says: protocol.md 5.10. */
  recheck: Challenge | undefined;
  #consents: Challenge[] = [];
  #unanswered = 0;

  rttMs: number;
  serverSeenAs: TransportAddress;

  constructor(
    readonly remote: TransportAddress,
    answer: { readonly rttMs: number; readonly serverSeenAs: TransportAddress },
    /** When it was first verified: of two paths that answer, the earlier keeps the media (protocol.md 5.11). */
    readonly rankMs: number,
    /** The priority with which ICE nominated it; -1 where it did not (protocol.md 8.1). */
    public nomination: number,
    nowMs: number,
    random: Random,
  ) {
    ({ rttMs: this.rttMs, serverSeenAs: this.serverSeenAs } = answer);
    this.lastResponseMs = nowMs;
    this.nextConsentMs = nowMs + consentIntervalMs(random);
  }

  get outstanding(): readonly Challenge[] {
    return this.recheck ? [...this.#consents, this.recheck] : this.#consents;
  }

  /** Notes a challenge sent; returns those that are no longer waited for. */
  noteConsentSent(challenge: Challenge, nowMs: number, random: Random): readonly Challenge[] {
    this.#unanswered++;
    this.nextConsentMs = nowMs + consentIntervalMs(random);
    this.#consents.push(challenge);
    return this.#consents.splice(0, this.#consents.length - MAX_OUTSTANDING);
  }

  /** Any valid response from this path, to a consent challenge or to rule 5.11's question. */
  noteResponse(challenge: Challenge, nowMs: number): void {
    this.lastResponseMs = nowMs;
    this.#unanswered = 0;
    this.rttMs = nowMs - (challenge.firstSentMs ?? nowMs);
    this.#consents = this.#consents.filter((other) => other !== challenge);
    if (this.recheck === challenge) this.recheck = undefined;
  }

  get expiresMs(): number {
    return this.#unanswered >= EXPIRY_CHALLENGES ? this.lastResponseMs + EXPIRY_MS : Infinity;
  }

  get nextMs(): number {
    return Math.min(this.nextConsentMs, this.expiresMs, this.recheck?.nextMs ?? Infinity);
  }

  /** A new generation: what is outstanding under the old keys no longer counts. */
  forgetOutstanding(): readonly Challenge[] {
    const forgotten = this.outstanding;
    this.#consents = [];
    this.recheck = undefined;
    return forgotten;
  }
}

function consentIntervalMs(random: Random): number {
  const spread = CONSENT_SPREAD.to - CONSENT_SPREAD.from;
  return CONSENT_INTERVAL_MS * (CONSENT_SPREAD.from + spread * randomFraction(random));
}
