// Which of the last 1,024 numbers of a stream have been used (RFC 3711 3.3.2). It is as large as that for any number of packets.

/** protocol.md 8.2.1. */
export const WINDOW_SIZE = 1024;

export class ReplayWindow {
  #highest = -1;
  readonly #used = new Uint32Array(WINDOW_SIZE / 32);

  /** The highest number that was used; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** It was used before, or lies so far back that nobody knows. */
  has(index: number): boolean {
    if (index > this.#highest) return false;
    if (index <= this.#highest - WINDOW_SIZE) return true;
    const bit = index % WINDOW_SIZE;
    return (this.#used[bit >>> 5]! & (1 << (bit & 31))) !== 0;
  }

  /** The number is used from now on. False where it was before. */
  take(index: number): boolean {
    if (this.has(index)) return false;
    this.add(index);
    return true;
  }

  add(index: number): void {
    const gap = index - this.#highest;
    if (gap > 0) {
      if (gap >= WINDOW_SIZE) this.#used.fill(0);
      else for (let at = index - gap + 1; at < index; at++) this.#unset(at);
      this.#highest = index;
    }
    const bit = index % WINDOW_SIZE;
    this.#used[bit >>> 5]! |= 1 << (bit & 31);
  }

  #unset(index: number): void {
    const bit = index % WINDOW_SIZE;
    this.#used[bit >>> 5]! &= ~(1 << (bit & 31));
  }
}
