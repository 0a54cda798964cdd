// Where in a recording the packets of one source belong: by the clock in its sender reports, and by their arrival until there
// is one. It moves packets only where they are 10 ms out of step, so that what was said in one piece stays in one piece.
import type { TappedReport } from 'latchkey/room';

/** A report that is older or younger than this on arrival comes from a clock that is not right: no network is so slow. */
const YOUNGEST_MS = -50;
const OLDEST_MS = 500;
/** Of so many reports the middle one counts: some phones read the two clocks in a report 20 ms apart. */
const REPORTS = 5;
const IN_STEP_MS = 10;
/** Further from its arrival nothing was said: the source has begun to count anew. */
const ASTRAY_MS = 5000;

export class Timeline {
  readonly #startMs: number;
  readonly #clockRate: number;
  /** This timestamp is this sample. */
  #anchor: { timestamp: number; sample: number } | undefined;
  /** How old reports were on arrival, by the clocks of the sender and of this machine. */
  #ages: number[] = [];
  /** How far out of step the last reports found us, in samples. */
  #errors: number[] = [];

  /** @param startMs When the recording began, by `performance.now()`: that is sample 0. */
  constructor(startMs: number, clockRate: number) {
    this.#startMs = startMs;
    this.#clockRate = clockRate;
  }

  /** Whether `sampleOf` knows. */
  get isSettled(): boolean {
    return this.#anchor !== undefined;
  }

  /**
   * How far the sender's clock is off, as far as it shows: undefined before its first report; 0 where it is right, and reports
   * say when something was said. Of another clock they say only how long after the other.
   */
  get clockErrorMs(): number | undefined {
    if (this.#ages.length === 0) return undefined;
    const leastMs = Math.min(...this.#ages);
    return leastMs >= YOUNGEST_MS && leastMs <= OLDEST_MS ? 0 : leastMs;
  }

  /** @param nowMs The time of this machine when the report came, by `Date.now()`. */
  takeReport({ ntpMs, timestamp, atMs }: TappedReport, nowMs: number): void {
    if (ntpMs === undefined) return;
    const ageMs = nowMs - ntpMs;
    this.#ages = [...this.#ages, ageMs].slice(-REPORTS);
    const sample = this.#sampleAt(atMs - ageMs + (this.clockErrorMs ?? 0));
    if (!this.#anchor) {
      this.#anchor = { timestamp, sample };
      return;
    }
    this.#errors = [...this.#errors, sample - this.#sampleBy(this.#anchor, timestamp)].slice(-REPORTS);
    const sorted = this.#errors.toSorted((a, b) => a - b);
    const error = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
    if (Math.abs(error) <= this.#samples(IN_STEP_MS)) return;
    this.#anchor.sample += error;
    this.#errors = this.#errors.map((one) => one - error);
  }

  /** Without a report: what took the shortest way was said when it came. */
  settle(packets: readonly { readonly timestamp: number; readonly atMs: number }[]): void {
    const [first] = packets;
    if (this.#anchor || !first) return;
    const anchor = { timestamp: first.timestamp, sample: 0 };
    const samples = packets.map(
      ({ timestamp, atMs }) => this.#sampleAt(atMs) - this.#sampleBy(anchor, timestamp),
    );
    this.#anchor = { ...anchor, sample: Math.min(...samples) };
  }

  /** Where a packet begins. */
  sampleOf(timestamp: number, atMs: number): number {
    const arrival = this.#sampleAt(atMs);
    const sample = this.#anchor ? this.#sampleBy(this.#anchor, timestamp) : arrival;
    const isAstray = Math.abs(sample - arrival) > this.#samples(ASTRAY_MS);
    // It goes along with the packets, since timestamps of 32 bits begin again.
    this.#anchor = { timestamp, sample: isAstray ? arrival : sample };
    if (isAstray) this.#errors = [];
    return this.#anchor.sample;
  }

  #sampleBy(anchor: { readonly timestamp: number; readonly sample: number }, timestamp: number): number {
    return anchor.sample + ((timestamp - anchor.timestamp) | 0);
  }

  #sampleAt(atMs: number): number {
    return Math.round(this.#samples(atMs - this.#startMs));
  }

  #samples(ms: number): number {
    return (ms * this.#clockRate) / 1000;
  }
}
