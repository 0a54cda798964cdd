// Virtual time: a queue of tasks by time and, at the same time, by the order in which they came.
// It never sleeps and never asks what time it really is.

export interface Task {
  readonly atMs: number;
  isCancelled: boolean;
}

interface Entry extends Task {
  readonly order: number;
  readonly run: () => void;
}

const isBefore = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class Clock {
  #nowMs: number;
  #order = 0;
  readonly #heap: Entry[] = [];

  constructor(startMs = 1000) {
    this.#nowMs = startMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs the task at `atMs`, or as the next thing where that has passed. */
  at(atMs: number, run: () => void): Task {
    const entry: Entry = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run, isCancelled: false };
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[i] = heap[parent] as Entry;
      i = parent;
    }
    heap[i] = entry;
    return entry;
  }

  after(delayMs: number, run: () => void): Task {
    return this.at(this.#nowMs + delayMs, run);
  }

  /** Runs now and then every `periodMs` until the task is cancelled or `untilMs` has passed. */
  every(periodMs: number, run: () => void, untilMs = Infinity): { isCancelled: boolean } {
    const series = { isCancelled: false };
    const tick = (): void => {
      if (series.isCancelled || this.#nowMs > untilMs) return;
      run();
      this.after(periodMs, tick);
    };
    this.after(0, tick);
    return series;
  }

  /** Runs the next task. False when there is none at or before `limitMs`. */
  step(limitMs = Infinity): boolean {
    for (;;) {
      const entry = this.#heap[0];
      if (entry === undefined || entry.atMs > limitMs) return false;
      this.#pop();
      if (entry.isCancelled) continue;
      this.#nowMs = entry.atMs;
      entry.run();
      return true;
    }
  }

  runFor(ms: number): void {
    this.runTo(this.#nowMs + ms);
  }

  runTo(atMs: number): void {
    while (this.step(atMs));
    this.#nowMs = Math.max(this.#nowMs, atMs);
  }

  /** Steps until the condition holds; false, and the time has passed, where it never did. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const endMs = this.#nowMs + limitMs;
    while (!condition()) {
      if (this.step(endMs)) continue;
      this.#nowMs = Math.max(this.#nowMs, endMs);
      return condition();
    }
    return true;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = last;
  }
}
