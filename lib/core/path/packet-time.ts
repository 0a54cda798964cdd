// How far apart the packets of one source come (protocol.md 8): it says how long a silence means something. It is measured where they
// arrive, and never read out of them.

/** The times between the last nine packets. */
const GAPS = 8;
const UNKNOWN_MS = 20;
const LEAST_MS = 10;
const MOST_MS = 100;

export class PacketTime {
  /** The newest takes the place of the oldest. */
  readonly #gaps: number[] = [];
  #next = 0;
  #lastMs = -Infinity;
  /** Since the last packet nobody has asked: for most nobody does. */
  #medianMs: number | undefined = UNKNOWN_MS;

  note(nowMs: number): void {
    if (this.#lastMs !== -Infinity) {
      this.#gaps[this.#next] = nowMs - this.#lastMs;
      this.#next = (this.#next + 1) % GAPS;
      this.#medianMs = this.#gaps.length < GAPS ? UNKNOWN_MS : undefined;
    }
    this.#lastMs = nowMs;
  }

  /** The median time between them. */
  get ms(): number {
    return (this.#medianMs ??= Math.min(MOST_MS, Math.max(LEAST_MS, medianOf(this.#gaps))));
  }
}

/** Of an even number. */
function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
