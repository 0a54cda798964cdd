// What was handed out and has not expired, bounded for each asker and in all. The clock is looked at when something is asked: there
// is no timer, so nothing holds the process.
import { Problem } from './problem.js';

export interface HeldLimits {
  readonly lifetimeMs: number;
  /** In all. */
  readonly max: number;
  /** Of one asker, by the name that the application gave it. */
  readonly maxPerAsker: number;
}

interface Entry<T> {
  readonly value: T;
  readonly owner: string;
  readonly expiresMs: number;
}

export class Held<T> {
  /** In the order in which they expire: all live equally long. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #counts = new Map<string, number>();

  constructor(
    private readonly limits: HeldLimits,
    private readonly onGone: (value: T) => void,
    private readonly nowMs: () => number,
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  /** @throws Problem 429 where this asker, or everybody together, has as many as may be. */
  checkRoom(owner: string): void {
    this.sweep();
    if ((this.#counts.get(owner) ?? 0) >= this.limits.maxPerAsker || this.#entries.size >= this.limits.max)
      throw new Problem(429, 'too many are open', { 'Retry-After': '60' });
  }

  /** When it expires, in milliseconds of the clock. */
  add(id: string, owner: string, value: T): number {
    const expiresMs = this.nowMs() + this.limits.lifetimeMs;
    this.#entries.set(id, { value, owner, expiresMs });
    this.#counts.set(owner, (this.#counts.get(owner) ?? 0) + 1);
    return expiresMs;
  }

  get(id: string): Entry<T> | undefined {
    const entry = this.#entries.get(id);
    if (entry && entry.expiresMs <= this.nowMs()) {
      this.remove(id);
      return undefined;
    }
    return entry;
  }

  remove(id: string): boolean {
    const entry = this.#entries.get(id);
    if (!entry) return false;
    this.#entries.delete(id);
    const count = (this.#counts.get(entry.owner) ?? 1) - 1;
    if (count === 0) this.#counts.delete(entry.owner);
    else this.#counts.set(entry.owner, count);
    this.onGone(entry.value);
    return true;
  }

  /** Lets go of what has expired. */
  sweep(): void {
    for (const [id, { expiresMs }] of this.#entries) {
      if (expiresMs > this.nowMs()) return;
      this.remove(id);
    }
  }

  clear(): void {
    for (const id of [...this.#entries.keys()]) this.remove(id);
  }
}
