// The next time each thing wants to be woken: a binary heap with lazy deletion. A later wish does not move an
// entry; the thing is woken early once, looks, and asks again. So a timer that is pushed back by every packet
// costs nothing per packet.

export interface Scheduled {
  /** When its valid entry in the heap is due; Infinity when it has none. Written by the agenda only. */
  scheduledMs: number;
}

interface Entry<T> {
  readonly dueMs: number;
  readonly item: T;
}

export class Agenda<T extends Scheduled> {
  #heap: Entry<T>[] = [];

  /** Wakes `item` at `dueMs` or earlier. */
  set(item: T, dueMs: number): void {
    if (dueMs >= item.scheduledMs) return;
    item.scheduledMs = dueMs;
    this.#push({ dueMs, item });
  }

  /** When the earliest item is due, or undefined where none is scheduled. */
  nextMs(): number | undefined {
    for (let top = this.#heap[0]; top; top = this.#heap[0]) {
      if (top.dueMs === top.item.scheduledMs) return top.dueMs;
      this.#pop();
    }
    return undefined;
  }

  /** Takes one item that is due at `nowMs`, or undefined. */
  take(nowMs: number): T | undefined {
    const dueMs = this.nextMs();
    if (dueMs === undefined || dueMs > nowMs) return undefined;
    const entry = this.#pop();
    if (entry) entry.item.scheduledMs = Infinity;
    return entry?.item;
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up] as Entry<T>;
      if (parent.dueMs <= entry.dueMs) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = entry;
  }

  #pop(): Entry<T> | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Entry<T>).dueMs < (heap[child] as Entry<T>).dueMs)
        child++;
      if ((heap[child] as Entry<T>).dueMs >= last.dueMs) break;
      heap[i] = heap[child] as Entry<T>;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
