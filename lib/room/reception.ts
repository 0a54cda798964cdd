/*
 * What arrives of one source, as a receiver report would tell it: packets expected and lost (RFC 3550 appendix A.1 and
 * A.3) and jitter (A.8). It is on the packet path, so it is arithmetic on seven numbers; it keeps no packet and sends no
 * report, since the room's participants report to each other.
 */
import { readUint16, readUint32 } from '../wire/big-endian.js';

// RFC 3550 appendix A.1.
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const MODULUS = 0x10000;
/** A timestamp that wrapped or began anew is no jitter: nothing real comes so many units late. */
const MAX_JUMP = 0x10000;

/** What was received of a source. */
export interface ReceivedStatistics {
  readonly packets: number;
  readonly expected: number;
  /** Expected less received; negative where packets came twice (RFC 3550 section 6.4.1). */
  readonly lost: number;
  readonly jitterMs: number;
}

export class Reception {
  /** Duplicates and strays included. */
  #packets = 0;
  #base = 0;
  #highest = 0;
  #cycles = 0;
  /** Since `#base`. */
  #received = 0;
  /** Of before the last restart of the source. */
  #expectedBefore = 0;
  #lostBefore = 0;
  #expectedRestart = -1;
  /** RFC 3550 appendix A.8, in whole numbers of 32 bits: the engine keeps those in the object itself. */
  #transit = 0;
  #hasTransit = false;
  /** Sixteen times the jitter. */
  #jitter = 0;
  #clockRate = 0;

  /** Ticks a second of the source's timestamps, by its last packet; 0 before the first. */
  get clockRate(): number {
    return this.#clockRate;
  }

  /** One RTP packet of the source. `clockRate` is that of its payload type; 0 where its timestamps say no time. */
  handle(packet: Uint8Array, clockRate: number, nowMs: number): void {
    this.#noteSequence(readUint16(packet, 2));
    if (clockRate === 0) return;
    const transit = (((nowMs * clockRate) / 1000) | 0) - (readUint32(packet, 4) | 0);
    const difference = Math.abs((transit - this.#transit) | 0);
    // Two codecs of one source count different ticks.
    if (this.#hasTransit && difference < MAX_JUMP && clockRate === this.#clockRate)
      this.#jitter += difference - ((this.#jitter + 8) >> 4);
    this.#hasTransit = true;
    this.#transit = transit | 0;
    this.#clockRate = clockRate;
  }

  get statistics(): ReceivedStatistics {
    const expected = this.#packets === 0 ? 0 : this.#cycles + this.#highest - this.#base + 1;
    const jitterMs = this.#clockRate === 0 ? 0 : (this.#jitter / 16) * (1000 / this.#clockRate);
    return {
      packets: this.#packets,
      expected: this.#expectedBefore + expected,
      lost: this.#lostBefore + expected - this.#received,
      jitterMs,
    };
  }

  /** RFC 3550 appendix A.1, without the probation: the path is proved, so there is nothing to wait for. */
  #noteSequence(sequence: number): void {
    if (this.#packets++ === 0) return this.#begin(sequence);
    const step = (sequence - this.#highest) & 0xffff;
    if (step < MAX_DROPOUT) {
      if (sequence < this.#highest) this.#cycles += MODULUS;
      this.#highest = sequence;
    } else if (step <= MODULUS - MAX_MISORDER) {
      // Two in a row from elsewhere: the source began anew. One alone says nothing.
      if (sequence === this.#expectedRestart) this.#restart(sequence);
      else this.#expectedRestart = (sequence + 1) & 0xffff;
      return;
    }
    this.#received++;
  }

  #restart(sequence: number): void {
    const { expected, lost } = this.statistics;
    this.#expectedBefore = expected;
    this.#lostBefore = lost;
    this.#expectedRestart = -1;
    this.#begin(sequence);
  }

  #begin(sequence: number): void {
    this.#base = this.#highest = sequence;
    this.#cycles = 0;
    this.#received = 1;
  }
}
