// The question put to the path in use while a candidate is on trial: protocol.md 5.11. Says when to ask again and how long
// to wait, and holds the media of that time for the switch; sends and delivers nothing.
import type { VerifiedPath } from './verified-path.js';
import type { Challenge } from '../proof/challenge.js';

const SWITCH_ROUND_TRIPS = 1.5;
const SWITCH_MIN_MS = 30;
/** How long the old path has to answer within a minute of a conflict: protocol.md 5.11. */
const CAUTIOUS_SWITCH_MS = 2000;
/** Packets held each way: a third of a second of speech, or 30 ms of video. */
export const MAX_HELD_PACKETS = 16;

export class Ask {
  isAnswered = false;
  readonly #sent: Uint8Array[] = [];
  readonly #arrived: Uint8Array[] = [];

  constructor(
    readonly path: VerifiedPath,
    readonly challenge: Challenge,
    /** Within 60 s of a conflict: the switch waits longer. */
    private readonly isCautious: boolean,
  ) {}

  /** Copies of what went to the old path since it was asked: lost if that path is gone, so they go out again on the new one. */
  get sent(): readonly Uint8Array[] {
    return this.#sent;
  }

  holdSent(copy: Uint8Array): void {
    if (this.#sent.push(copy) > MAX_HELD_PACKETS) this.#sent.shift();
  }

  /** What came from the candidate since it answered: to be delivered at the switch. False where it is not held. */
  holdArrived(bytes: Uint8Array): boolean {
    if (this.isCautious || this.#arrived.length === MAX_HELD_PACKETS) return false;
    this.#arrived.push(new Uint8Array(bytes));
    return true;
  }

  takeArrived(): readonly Uint8Array[] {
    return this.#arrived.splice(0);
  }

  /** The old path has answered. */
  noteAnswer(nowMs: number): void {
    this.isAnswered = true;
    this.path.noteResponse(this.challenge, nowMs);
  }

  /** Whether it is due now; if so the caller must send it. */
  takeTransmission(nowMs: number): boolean {
    if (this.isAnswered || this.challenge.nextMs > nowMs) return false;
    this.challenge.noteSent(nowMs);
    return true;
  }

  get nextMs(): number {
    return this.isAnswered ? Infinity : this.challenge.nextMs;
  }

  /** When a candidate of this round trip may take the media if the old path stays silent. */
  switchMs(rttMs: number): number {
    const askedMs = this.challenge.firstSentMs ?? Infinity;
    if (this.isCautious) return askedMs + CAUTIOUS_SWITCH_MS;
    return askedMs + silenceMs(Math.max(this.path.rttMs, rttMs));
  }
}

/** How long a path of this round trip has to answer before it counts as silent: protocol.md 5.11. */
export function silenceMs(rttMs: number): number {
  return Math.max(SWITCH_MIN_MS, SWITCH_ROUND_TRIPS * rttMs);
}
