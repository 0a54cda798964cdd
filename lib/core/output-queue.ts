// What the engine has to say, in order. An array that gives away its first element moves the others, or itself; this one keeps count of what it has given away,
// and uses its places again when nothing is left, as is so after each turn.

/** What is longer after a burst is not kept. Also how many places that were given away may stand before the rest moves up. */
const KEPT_PLACES = 1024;

export class OutputQueue<T> {
  #places: (T | undefined)[] = [];
  #next = 0;
  #end = 0;

  push(item: T): void {
    this.#places[this.#end++] = item;
  }

  shift(): T | undefined {
    if (this.#next === this.#end) return undefined;
    const item = this.#places[this.#next];
    this.#places[this.#next++] = undefined;
    if (this.#next === this.#end) this.#begin([]);
    else if (this.#next > KEPT_PLACES && 2 * this.#next > this.#end)
      this.#begin(this.#places.slice(this.#next, this.#end));
    return item;
  }

  /** Taken and free ones, for tests that memory stays bounded. */
  get places(): number {
    return this.#places.length;
  }

  #begin(left: (T | undefined)[]): void {
    if (left.length > 0 || this.#places.length > KEPT_PLACES) this.#places = left;
    this.#next = 0;
    this.#end = left.length;
  }
}
