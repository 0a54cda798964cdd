// One challenge: the message that asks one path for a proof, and when to send it again. It neither sends nor verifies.
import type { Path } from '../network-path.js';

/** Transmissions of a challenge to a candidate, from the first: protocol.md 5.2. */
export const CANDIDATE_SCHEDULE_MS: readonly number[] = [0, 100, 300, 700, 1500, 3100];
/** When a candidate that did not answer is forgotten: protocol.md 5.2. */
export const CANDIDATE_LIFETIME_MS = 4700;

export class Challenge {
  #sent = 0;
  #firstSentMs: number | undefined;

  constructor(
    /** Out of which socket of ours it goes, and where to. */
    readonly path: Path,
    readonly transaction: Uint8Array,
    readonly word: Uint8Array,
    readonly bytes: Uint8Array,
    readonly scheduleMs: readonly number[],
  ) {}

  /** Timers start when it is first sent, and round trips are measured from there (protocol.md 5.4). */
  get firstSentMs(): number | undefined {
    return this.#firstSentMs;
  }

  /** When the next transmission is due; Infinity when none is left. */
  get nextMs(): number {
    if (this.#firstSentMs === undefined) return -Infinity;
    const offsetMs = this.scheduleMs[this.#sent];
    return offsetMs === undefined ? Infinity : this.#firstSentMs + offsetMs;
  }

  /** Overwrites the word: nothing that comes answers it any more (protocol.md 5.10). */
  forget(): void {
    this.word.fill(0);
  }

  /** Notes one transmission. Those that came due while it could not be sent are skipped, not made up for. */
  noteSent(nowMs: number): void {
    this.#firstSentMs ??= nowMs;
    const elapsedMs = nowMs - this.#firstSentMs;
    do this.#sent++;
    while ((this.scheduleMs[this.#sent] ?? Infinity) <= elapsedMs);
  }
}
