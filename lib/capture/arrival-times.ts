/*
 * How regularly the packets of a stream arrived: the jitter of RFC 3550 section 6.4.1 and appendix A.8, in milliseconds, and the
 * longest time without a packet. The clock of a type that neither RFC 3551 nor the signalling knows is told by the first packets.
 * It knows no sequence numbers.
 */
import { clockRateOf } from './static-codecs.js';

/** The longest time between two packets. */
export interface LongestGap {
  readonly ms: number;
  /** When it began: that of the packet before it. */
  readonly atMs: number;
  /** How many numbers were missing after it: none where the sender was silent. */
  readonly missing: number;
}

/** Enough to tell one clock from another in spite of jitter. */
const PROBE_PACKETS = 16;
const PROBE_PACKETS_MIN = 4;
/** Of speech, of sound, of video. Between any two lies more than the error of a probe. */
const USUAL_RATES: readonly number[] = [8000, 16_000, 32_000, 48_000, 90_000];
const PROBE_ERROR = 0.075;

export class ArrivalTimes {
  longest: LongestGap | undefined;
  maxJitterMs = 0;
  #longestMs = 0;
  #jitterMs = 0;
  #jitterSum = 0;
  #measured = 0;
  // Not a number where there is none: a field that is sometimes none costs an object for each packet.
  #lastMs = NaN;
  /** What jitter is measured of: packets of one clock in a row. */
  #type = -1;
  /** Undefined while it is not known, 0 where it cannot be. */
  #ticksPerMs: number | undefined;
  #beforeMs = NaN;
  #beforeTimestamp = 0;
  #probe: { nowMs: number; timestamp: number }[] | undefined;

  /** Ticks a second of what was measured last; undefined where that is not known. */
  get clockRate(): number | undefined {
    return this.#ticksPerMs ? this.#ticksPerMs * 1000 : undefined;
  }

  /** The mean of what a receiver would have reported after each packet; undefined where there is none. */
  get meanJitterMs(): number | undefined {
    return this.#measured === 0 ? undefined : this.#jitterSum / this.#measured;
  }

  /** The next packet of the sender. */
  noteArrival(nowMs: number, missing: number): void {
    const lastMs = this.#lastMs;
    const gapMs = nowMs - lastMs;
    if (gapMs > this.#longestMs) {
      this.#longestMs = gapMs;
      this.longest = { ms: gapMs, atMs: lastMs, missing };
    }
    if (!(nowMs <= lastMs)) this.#lastMs = nowMs;
  }

  /** What comes next has nothing to do with what came before. */
  begin(): void {
    this.#beforeMs = NaN;
  }

  /** The next packet that is media and no repetition. `codecOf` is asked when the type is another one. */
  measure(
    nowMs: number,
    timestamp: number,
    type: number,
    codecOf: (type: number) => string | undefined,
  ): void {
    if (type !== this.#type) {
      this.#settle();
      this.#type = type;
      const rate = clockRateOf(codecOf(type));
      this.#ticksPerMs = rate === undefined ? undefined : rate / 1000;
      this.#beforeMs = NaN;
    }
    if (this.#ticksPerMs === undefined) {
      (this.#probe ??= []).push({ nowMs, timestamp });
      if (this.#probe.length === PROBE_PACKETS) this.#settle();
    } else if (this.#ticksPerMs > 0) this.#advance(nowMs, timestamp, this.#ticksPerMs);
  }

  /** No more packets: a stream of a few is measured by those. */
  finish(): void {
    this.#settle();
  }

  #settle(): void {
    const probe = this.#probe;
    if (!probe) return;
    this.#probe = undefined;
    const ticksPerMs = (this.#ticksPerMs = probedRate(probe) / 1000);
    if (ticksPerMs > 0) for (const { nowMs, timestamp } of probe) this.#advance(nowMs, timestamp, ticksPerMs);
  }

  #advance(nowMs: number, timestamp: number, ticksPerMs: number): void {
    const sentMs = ((timestamp - this.#beforeTimestamp) | 0) / ticksPerMs;
    const differenceMs = Math.abs(nowMs - this.#beforeMs - sentMs);
    if (!Number.isNaN(differenceMs)) {
      this.#jitterMs += (differenceMs - this.#jitterMs) / 16;
      this.#jitterSum += this.#jitterMs;
      this.#measured++;
      if (this.#jitterMs > this.maxJitterMs) this.maxJitterMs = this.#jitterMs;
    }
    this.#beforeMs = nowMs;
    this.#beforeTimestamp = timestamp;
  }
}

/** The usual clock that is nearest to how fast timestamps went on; 0 for none. */
function probedRate(probe: readonly { readonly nowMs: number; readonly timestamp: number }[]): number {
  const [first, last] = [probe[0], probe.at(-1)];
  if (!first || !last || probe.length < PROBE_PACKETS_MIN) return 0;
  const rate = (((last.timestamp - first.timestamp) | 0) / (last.nowMs - first.nowMs)) * 1000;
  return USUAL_RATES.find((usual) => Math.abs(rate - usual) < usual * PROBE_ERROR) ?? 0;
}
