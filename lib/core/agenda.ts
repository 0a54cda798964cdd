// The next time each thing wants to be woken: a binary heap of the things themselves, each of which knows its place. A later wish does
// not move it; it is woken early once, looks, and asks again. So a timer that is pushed back by every packet costs nothing per packet.

export interface Scheduled {
  /** When it is due, where it is in the heap. Written by the agenda only. */
  scheduledMs: number;
  /** Its place in the heap; -1 where it has none. Likewise. */
  scheduledAt: number;
}

export class Agenda<T extends Scheduled> {
  readonly #heap: T[] = [];

  /** Wakes `item` at `dueMs`, or earlier. */
  set(item: T, dueMs: number): void {
    const isScheduled = item.scheduledAt >= 0;
    if (dueMs >= (isScheduled ? item.scheduledMs : Infinity)) return;
    item.scheduledMs = dueMs;
    this.#rise(item, isScheduled ? item.scheduledAt : this.#heap.length);
  }

  /** When the earliest item is due, or undefined where none is scheduled. */
  nextMs(): number | undefined {
    return this.#heap[0]?.scheduledMs;
  }

  /** Takes one item that is due at `nowMs`, or undefined. */
  take(nowMs: number): T | undefined {
    const [first] = this.#heap;
    if (!first || first.scheduledMs > nowMs) return undefined;
    first.scheduledAt = -1;
    const last = this.#heap.pop();
    if (last && last !== first) this.#sink(last);
    return first;
  }

  /** Puts it at this place, or above: whatever is due later moves down. */
  #rise(item: T, from: number): void {
    let at = from;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = this.#heap[up] as T;
      if (parent.scheduledMs <= item.scheduledMs) break;
      this.#place(parent, at);
      at = up;
    }
    this.#place(item, at);
  }

  /** Puts it at the top, or below: whatever is due earlier moves up. */
  #sink(item: T): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (right && left && right.scheduledMs < left.scheduledMs) child++;
      const earlier = heap[child];
      if (!earlier || earlier.scheduledMs >= item.scheduledMs) break;
      this.#place(earlier, at);
      at = child;
    }
    this.#place(item, at);
  }

  #place(item: T, at: number): void {
    this.#heap[at] = item;
    item.scheduledAt = at;
  }
}
