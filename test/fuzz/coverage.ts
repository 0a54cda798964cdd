// What of lib an input reaches: one counter for each statement, branch and function, which the bundle has put into the
// code. How often counts by orders of magnitude, so that a loop that goes round more often is news, but not each time.

/** As many as any target needs; a bundle with more does not start. */
export const MAX_COUNTERS = 1 << 16;

declare global {
  /** The bundle's code counts here. */
  var latchkeyFuzzCounts: Uint32Array;
}

const magnitudeOf = (count: number): number =>
  count < 4 ? count - 1 : count < 8 ? 3 : count < 16 ? 4 : count < 32 ? 5 : count < 128 ? 6 : 7;
const MAGNITUDES = Uint8Array.from({ length: 256 }, (_, count) =>
  count === 0 ? 0 : 1 << magnitudeOf(count),
);
/** For what is kept: reached at all, again, many times. */
const COARSE = Uint8Array.from({ length: 256 }, (_, count) =>
  count === 0 ? 0 : count < 2 ? 1 : count < 16 ? 3 : 7,
);

export class Coverage {
  readonly #counts = (globalThis.latchkeyFuzzCounts ??= new Uint32Array(MAX_COUNTERS));
  readonly #seen: Uint8Array;
  constructor(readonly size: number) {
    this.#seen = new Uint8Array(size);
  }

  begin(): void {
    this.#counts.fill(0, 0, this.size);
  }

  /** Statements, branches and functions that the last input cost. */
  work(): number {
    let work = 0;
    for (let i = 0; i < this.size; i++) work += this.#counts[i]!;
    return work;
  }

  /** True where the input reached what none before it has, and from now on it is known. */
  end(): boolean {
    let isNews = false;
    for (let i = 0; i < this.size; i++) {
      const count = this.#counts[i]!;
      if (count === 0) continue;
      const magnitude = MAGNITUDES[count > 255 ? 255 : count]!;
      if ((this.#seen[i]! & magnitude) === 0) {
        this.#seen[i]! |= magnitude;
        isNews = true;
      }
    }
    return isNews;
  }

  /** What the last input reached, each with how often, roughly. */
  reached(): Uint8Array {
    return Uint8Array.from({ length: this.size }, (_, i) => COARSE[Math.min(255, this.#counts[i]!)]!);
  }

  /** Counters between two numbers that any input has reached. */
  hits(from = 0, to = this.size): number {
    let hits = 0;
    for (let i = from; i < to; i++) if (this.#seen[i] !== 0) hits++;
    return hits;
  }
}
