/*
 * What the sequence numbers of one RTP source tell (RFC 3550 appendix A.1 and A.3): how many are missing, how many came twice,
 * and where a source began anew. Loss and duplicates are counted apart, by which numbers came, and the first may come out of
 * order. Of what is missing it keeps the newest gaps: memory does not grow with the stream.
 */

// RFC 3550 appendix A.1.
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const MODULUS = 0x10000;
/** Reason: bounded memory. With every tenth packet lost that is half a minute of speech, and nothing comes later than that. */
const GAPS_MAX = 128;
/** Numbers that came before, in order and so long after: no network holds packets back for that, the source counts anew. */
const REPEATED_RUN = 3;
const REPEATED_AFTER_MS = 200;

/** What a number is: the next or a later one, one that was missing, one that came before, or from elsewhere altogether. */
export type SequenceStep = 'next' | 'late' | 'again' | 'stray' | 'restart';

export class SequenceCount {
  /** All packets, duplicates included. */
  packets = 0;
  /** How often a packet's number was 1 to 100 above the highest before: what a stream does and chance does not. */
  advances = 0;
  /** Packets whose number had come before. */
  duplicates = 0;
  restarts = 0;
  /** Numbers that never came. */
  #missing = 0;
  /** Numbers since the last restart go on past 65535, and below 0 where the first came out of order. */
  #base = 0;
  #highest = 0;
  #baseMs = 0;
  #highestMs = 0;
  /** Pairs of first and last number of each stretch that is missing, ascending. */
  #gaps: number[] = [];
  /** A number from elsewhere that would be the second of a new beginning, and when the first came. */
  #expectedRestart = -1;
  #strayMs = 0;
  /** How many numbers in a row came again long after, and when the first of them did. */
  #repeatedRun = 0;
  #repeatedNext = -1;
  #repeatedMs = 0;
  /** When the run that a restart began with had begun. */
  restartMs = 0;

  /** Expected less received, each number once. */
  get lost(): number {
    return this.#missing;
  }

  /** A copy that counts on by itself. */
  copy(): SequenceCount {
    const copy = new SequenceCount();
    copy.packets = this.packets;
    copy.advances = this.advances;
    copy.duplicates = this.duplicates;
    copy.restarts = this.restarts;
    copy.#missing = this.#missing;
    copy.#base = this.#base;
    copy.#highest = this.#highest;
    copy.#baseMs = this.#baseMs;
    copy.#highestMs = this.#highestMs;
    copy.#gaps = [...this.#gaps];
    return copy;
  }

  /** Takes the number of one packet, 0 to 65535. */
  add(sequence: number, nowMs = 0): SequenceStep {
    if (this.packets++ === 0) {
      this.#begin(sequence, nowMs);
      return 'next';
    }
    const step = (sequence - this.#highest) & 0xffff;
    if (step === 1) {
      this.advances++;
      this.#highest++;
      this.#highestMs = nowMs;
      return 'next';
    }
    // Out of the order of time, as in a file put together from several: then it is an old one, however far back.
    const isOld = nowMs < this.#highestMs && step > MODULUS / 2;
    if (step > 0 && step < MAX_DROPOUT) this.#leap(step, nowMs);
    else if (step === 0 || isOld || step > MODULUS - MAX_MISORDER) return this.#takeOld(step, nowMs);
    else return this.#takeStray(sequence, nowMs);
    return 'next';
  }

  /** How far ahead of the highest number a number is, counted round: 0 to 65535. */
  distanceTo(sequence: number): number {
    return (sequence - this.#highest) & 0xffff;
  }

  /** The highest number, 0 to 65535. */
  get highest(): number {
    return this.#highest & 0xffff;
  }

  /** How many numbers lie between this source's last and another's first: lost where the one took over from the other. */
  gapTo(next: SequenceCount): number {
    const gap = (next.#base - this.#highest - 1) & 0xffff;
    return gap < MAX_DROPOUT ? gap : 0;
  }

  #begin(sequence: number, nowMs: number): void {
    this.#base = sequence;
    this.#highest = sequence;
    this.#baseMs = nowMs;
    this.#highestMs = nowMs;
    this.#gaps = [];
    this.#expectedRestart = -1;
    this.#repeatedRun = 0;
  }

  #leap(step: number, nowMs: number): void {
    if (step <= MAX_MISORDER) this.advances++;
    this.#miss(this.#highest + 1, this.#highest + step - 1);
    this.#highest += step;
    this.#highestMs = nowMs;
  }

  #miss(first: number, last: number): void {
    this.#missing += last - first + 1;
    this.#gaps.push(first, last);
    if (this.#gaps.length > 2 * GAPS_MAX) this.#gaps.splice(0, GAPS_MAX);
  }

  /** One that is not ahead of the highest: late, or there already. */
  #takeOld(step: number, nowMs: number): SequenceStep {
    const number = step === 0 ? this.#highest : this.#highest - (MODULUS - step);
    if (number < this.#base) {
      // The first packets came out of order: the lowest is the base, and between the two some are missing yet.
      if (this.#base - number > 1) {
        this.#missing += this.#base - number - 1;
        this.#gaps.unshift(number + 1, this.#base - 1);
        if (this.#gaps.length > 2 * GAPS_MAX) this.#gaps.splice(0, 2);
      }
      this.#base = number;
      this.#baseMs = Math.min(this.#baseMs, nowMs);
      return 'late';
    }
    const at = this.#gapOf(number);
    if (at >= 0) {
      this.#fill(at, number);
      return 'late';
    }
    this.duplicates++;
    return this.#isAnew(number, nowMs) ? 'restart' : 'again';
  }

  /** Where the gap that holds this number stands; -1 for none. */
  #gapOf(number: number): number {
    let [from, to] = [0, this.#gaps.length >> 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#gaps[2 * middle + 1]! < number) from = middle + 1;
      else to = middle;
    }
    return 2 * from < this.#gaps.length && this.#gaps[2 * from]! <= number ? 2 * from : -1;
  }

  #fill(at: number, number: number): void {
    this.#missing--;
    const [first, last] = [this.#gaps[at]!, this.#gaps[at + 1]!];
    const rest = [];
    if (first < number) rest.push(first, number - 1);
    if (number < last) rest.push(number + 1, last);
    this.#gaps.splice(at, 2, ...rest);
    if (this.#gaps.length > 2 * GAPS_MAX) this.#gaps.splice(0, 2);
  }

  /**
   * Numbers that came before, one after the other, and so long after the first time that they are new packets: the source counts
   * anew from near where it was. When the first time was is told by the pace since the beginning.
   */
  #isAnew(number: number, nowMs: number): boolean {
    const span = this.#highest - this.#base;
    const pace = span > 0 ? (this.#highestMs - this.#baseMs) / span : 0;
    const cameMs = this.#highestMs - (this.#highest - number) * pace;
    const isRun = number === this.#repeatedNext && this.#repeatedRun > 0;
    if (nowMs - cameMs < REPEATED_AFTER_MS) {
      this.#repeatedRun = 0;
      return false;
    }
    this.#repeatedRun = isRun ? this.#repeatedRun + 1 : 1;
    this.#repeatedNext = number + 1;
    if (this.#repeatedRun === 1) this.#repeatedMs = nowMs;
    if (this.#repeatedRun < REPEATED_RUN) return false;
    this.duplicates -= REPEATED_RUN;
    this.#restart((number - REPEATED_RUN + 1) & 0xffff, this.#repeatedMs, REPEATED_RUN, nowMs);
    return true;
  }

  /** Two in a row from elsewhere: the source began anew. One alone says nothing. */
  #takeStray(sequence: number, nowMs: number): SequenceStep {
    if (sequence !== this.#expectedRestart) {
      this.#expectedRestart = (sequence + 1) & 0xffff;
      this.#strayMs = nowMs;
      return 'stray';
    }
    this.#restart((sequence - 1) & 0xffff, this.#strayMs, 2, nowMs);
    return 'restart';
  }

  /** From its `run` first numbers, the last of which has just come. */
  #restart(first: number, firstMs: number, run: number, nowMs: number): void {
    this.restarts++;
    this.restartMs = firstMs;
    this.#begin(first, firstMs);
    this.#highest = first + run - 1;
    this.#highestMs = nowMs;
  }
}
