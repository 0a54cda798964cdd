/*
 * The digits that are pressed in a call (RFC 4733), each told once and at once: at the first of its packets, which are repeated while
 * the key is down and after.
 */
import type { RtpHeader } from '../wire/index.js';
import { EVENT_TICKS_MAX, parseTelephoneEvent } from '../wire/telephone-event.js';

export class Digits {
  #ssrc: number | undefined;
  #timestamp = 0;
  #digit = '';
  #isUp = true;

  /** A packet of telephone events: its header and what it carries. The digit that it brings, where that is new. */
  take({ ssrc, timestamp }: Pick<RtpHeader, 'ssrc' | 'timestamp'>, payload: Uint8Array): string | undefined {
    const event = parseTelephoneEvent(payload, 0);
    if (!event) return undefined;
    const { digit, isEnd } = event;
    const step = ssrc === this.#ssrc ? (timestamp - this.#timestamp) | 0 : Infinity;
    // A packet of an older event came late.
    if (step < 0) return undefined;
    const goesOn = step === 0 || (step === EVENT_TICKS_MAX && digit === this.#digit && !this.#isUp);
    this.#ssrc = ssrc;
    this.#timestamp = timestamp;
    this.#digit = digit;
    this.#isUp = isEnd;
    return goesOn ? undefined : digit;
  }
}
