// How far apart the packets of one source come (protocol.md 8): it says how long a silence means something. It is measured where they
// arrive, and never read out of them.

/** The times of the last nine packets. */
const PACKETS = 9;
const UNKNOWN_MS = 20;
const LEAST_MS = 10;
const MOST_MS = 100;

export class PacketTime {
  readonly #atMs: number[] = [];

  note(nowMs: number): void {
    if (this.#atMs.push(nowMs) > PACKETS) this.#atMs.shift();
  }

  /** The median time between them. */
  get ms(): number {
    const times = this.#atMs;
    if (times.length < PACKETS) return UNKNOWN_MS;
    const gaps = times.slice(1).map((atMs, before) => atMs - times[before]!);
    gaps.sort((a, b) => a - b);
    const middle = gaps.length / 2;
    return Math.min(MOST_MS, Math.max(LEAST_MS, (gaps[middle - 1]! + gaps[middle]!) / 2));
  }
}
