/*
 * The keys that were pressed in an RTP stream (RFC 4733): each once, however often its packets were sent. A payload type that
 * nobody signalled is believed where what it carries has the form of events and one of them ends as an event does. Tones other
 * than keys are passed over.
 */
import { EVENT_TICKS_MAX, parseTelephoneEvent } from '../wire/telephone-event.js';
import type { TelephoneEventPacket } from '../wire/telephone-event.js';

/** One key. */
export interface TelephoneEvent {
  /** `0` to `9`, `*`, `#`, `A` to `D`; `!` for a hook flash. */
  readonly digit: string;
  readonly atMs: number;
  /** As its packets say, in ticks of their clock. */
  durationTicks: number;
}

/** Reason: bounded memory. Nobody presses more keys in a call; those beyond are counted. */
const EVENTS_MAX = 256;
const TYPES_MAX = 4;

/** The events of one payload type. */
export class EventLog {
  readonly events: TelephoneEvent[] = [];
  unlisted = 0;
  /** One of them has ended with the bit that says so. */
  hasEnd = false;
  #timestamp: number | undefined;
  #digit = '';
  #ticks = 0;
  #ended = false;

  take({ digit, isEnd, durationTicks }: TelephoneEventPacket, timestamp: number, nowMs: number): void {
    const step = this.#timestamp === undefined ? 1 : (timestamp - this.#timestamp) | 0;
    // A packet of an older event came late.
    if (step < 0) return;
    if (isEnd) this.hasEnd = true;
    const goesOn = step === 0 || (!this.#ended && digit === this.#digit && step === EVENT_TICKS_MAX);
    if (!goesOn) {
      this.#digit = digit;
      this.#ticks = 0;
      if (this.events.length < EVENTS_MAX) this.events.push({ digit, atMs: nowMs, durationTicks: 0 });
      else this.unlisted++;
    } else if (step > 0) this.#ticks += step;
    this.#timestamp = timestamp;
    this.#ended = isEnd;
    const event = this.events.at(-1);
    if (event && this.unlisted === 0)
      event.durationTicks = Math.max(event.durationTicks, this.#ticks + durationTicks);
  }
}

export class TelephoneEvents {
  readonly #logs = new Map<number, EventLog>();

  /** The payload types whose packets had the form of events. */
  get logs(): ReadonlyMap<number, EventLog> {
    return this.#logs;
  }

  /** What is in `payload` from `at` on, if it is an event. */
  take(type: number, payload: Uint8Array, at: number, timestamp: number, nowMs: number): void {
    const event = parseTelephoneEvent(payload, at);
    if (event === undefined) return;
    let log = this.#logs.get(type);
    if (!log) {
      if (this.#logs.size === TYPES_MAX) return;
      this.#logs.set(type, (log = new EventLog()));
    }
    log.take(event, timestamp, nowMs);
  }
}
