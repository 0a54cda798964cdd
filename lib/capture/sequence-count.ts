/*
 * Packets expected and received of one RTP source, by its sequence numbers (RFC 3550 appendix A.1 and A.3): wraps,
 * reordering, and a source that begins anew. It looks at no time and no timestamp.
 */

// RFC 3550 appendix A.1.
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const MODULUS = 0x10000;

export class SequenceCount {
  /** All packets, duplicates included. */
  packets = 0;
  /** How often a packet's number was 1 to 100 above the highest before: what a stream does and chance does not. */
  advances = 0;
  #base = -1;
  #highest = -1;
  #cycles = 0;
  #received = 0;
  /** Of before the last restart. */
  #lostBefore = 0;
  #expectedRestart = -1;

  /** Takes the number of one packet, 0 to 65535. */
  add(sequence: number): void {
    this.packets++;
    if (this.#base < 0) {
      this.#begin(sequence);
      return;
    }
    const step = (sequence - this.#highest) & 0xffff;
    if (step < MAX_DROPOUT) {
      if (step > 0 && step <= MAX_MISORDER) this.advances++;
      if (sequence < this.#highest) this.#cycles += MODULUS;
      this.#highest = sequence;
    } else if (step <= MODULUS - MAX_MISORDER) {
      // Two in a row from elsewhere: the source began anew. One alone says nothing.
      if (sequence !== this.#expectedRestart) {
        this.#expectedRestart = (sequence + 1) & 0xffff;
        return;
      }
      this.#lostBefore = this.lost;
      this.#received = 0;
      this.#cycles = 0;
      this.#expectedRestart = -1;
      this.#begin(sequence);
      return;
    }
    this.#received++;
  }

  /** Expected less received; negative where packets came twice, as RFC 3550 section 6.4.1 has it. */
  get lost(): number {
    if (this.#base < 0) return 0;
    return this.#lostBefore + this.#cycles + this.#highest - this.#base + 1 - this.#received;
  }

  /** How many numbers lie between this source's last and another's first: lost where the one took over from the other. */
  gapTo(next: SequenceCount): number {
    const gap = (next.#base - this.#highest - 1) & 0xffff;
    return gap < MAX_DROPOUT ? gap : 0;
  }

  #begin(sequence: number): void {
    this.#base = sequence;
    this.#highest = sequence;
    this.#received = 1;
  }
}
