/*
 * Bytes that wait for more: grows as needed, and gives its memory back as soon as it is empty.
 */
const EMPTY = new Uint8Array();
/** As much as the engine keeps on its heap: more is dear to make, and a stream in tiny segments makes it again and again. */
const SMALLEST_BYTES = 64;

export class ByteStore {
  #bytes = EMPTY;
  size = 0;

  /** What is held, from 0 up to `size`; holds until the next change. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Memory in use, which may be more than `size`. */
  get capacity(): number {
    return this.#bytes.length;
  }

  append(bytes: Uint8Array, from: number, to: number): void {
    const size = this.size + to - from;
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(size))));
      larger.set(this.#bytes.subarray(0, this.size));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(from, to), this.size);
    this.size = size;
  }

  /** Forgets the first bytes. */
  drop(count: number): void {
    if (count === 0) return;
    this.#bytes.copyWithin(0, count, this.size);
    this.size -= count;
    if (this.size === 0) this.#bytes = EMPTY;
  }

  clear(): void {
    this.drop(this.size);
  }
}
