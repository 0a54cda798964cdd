/** How many things began lately, for each source and in all. Counts in two spans of time, so that it costs the same however many they are. */
import { sourceOf } from './address-ranges.js';

interface Spans {
  count: number;
  before: number;
}

/** Sources that are counted apart; what more there are share the bound for all. */
const MAX_SOURCES = 16_384;

export class RecentCounts {
  readonly #spanMs: number;
  readonly #sources = new Map<string, Spans>();
  readonly #all: Spans = { count: 0, before: 0 };
  #startMs = 0;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  /** Those of the last span and of the one under way: never less than began within one span. */
  of(address: string, nowMs: number): { readonly ofSource: number; readonly inAll: number } {
    this.#pass(nowMs);
    const spans = this.#sources.get(sourceOf(address));
    return { ofSource: spans ? spans.count + spans.before : 0, inAll: this.#all.count + this.#all.before };
  }

  note(address: string, nowMs: number): void {
    this.#pass(nowMs);
    this.#all.count++;
    const source = sourceOf(address);
    const spans = this.#sources.get(source);
    if (spans) spans.count++;
    else if (this.#sources.size < MAX_SOURCES) this.#sources.set(source, { count: 1, before: 0 });
  }

  #pass(nowMs: number): void {
    const passed = Math.floor((nowMs - this.#startMs) / this.#spanMs);
    if (passed <= 0) return;
    this.#startMs += passed * this.#spanMs;
    for (const [source, spans] of this.#sources) {
      if (passed > 1 || spans.count === 0) this.#sources.delete(source);
      else turn(spans);
    }
    turn(this.#all);
    if (passed > 1) this.#all.before = 0;
  }
}

function turn(spans: Spans): void {
  spans.before = spans.count;
  spans.count = 0;
}
