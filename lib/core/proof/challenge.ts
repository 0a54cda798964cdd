// One challenge: the message that asks one path for a proof, and when to send it again. It neither sends nor verifies.
import type { Path } from '../network-path.js';
import { Secret } from './secret.js';

/** Transmissions of a challenge to a candidate, from the first: protocol.md 5.2. */
export const CANDIDATE_SCHEDULE_MS: readonly number[] = [0, 100, 300, 700, 1500, 3100];
/** When a candidate that did not answer is forgotten: protocol.md 5.2. */
export const CANDIDATE_LIFETIME_MS = 4700;

const TRANSACTION_BYTES = 12;
/** Of a challenge that is sent no more. */
const NO_BYTES = new Uint8Array(0);

export class Challenge {
  /** Transaction and word: they are waited for longer than the message is. */
  readonly #asked: Secret;
  #bytes: Uint8Array;
  #sent = 0;
  #firstSentMs: number | undefined;

  /** Takes the word over, and wipes it where it was. */
  constructor(
    /** Out of which socket of ours it goes, and where to. */
    readonly path: Path,
    transaction: Uint8Array,
    word: Uint8Array,
    bytes: Uint8Array,
    readonly scheduleMs: readonly number[],
  ) {
    const asked = new Uint8Array(TRANSACTION_BYTES + word.length);
    asked.set(transaction);
    asked.set(word, TRANSACTION_BYTES);
    this.#asked = new Secret(asked, 'moment');
    word.fill(0);
    this.#bytes = bytes;
  }

  get transaction(): Uint8Array {
    return this.#asked.reveal().subarray(0, TRANSACTION_BYTES);
  }

  get word(): Uint8Array {
    return this.#asked.reveal().subarray(TRANSACTION_BYTES);
  }

  /** The message, as long as it is to be sent. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

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
    this.#asked.forget();
  }

  /** Notes one transmission, and gives what is to be sent. Those that came due while it could not be sent are skipped, not made up for. */
  takeBytes(nowMs: number): Uint8Array {
    const bytes = this.#bytes;
    this.#firstSentMs ??= nowMs;
    const elapsedMs = nowMs - this.#firstSentMs;
    do this.#sent++;
    while ((this.scheduleMs[this.#sent] ?? Infinity) <= elapsedMs);
    if (this.scheduleMs[this.#sent] === undefined) this.#bytes = NO_BYTES;
    return bytes;
  }
}
