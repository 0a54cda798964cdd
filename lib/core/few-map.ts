// A map of a few entries, in one list: keys and values by turns, searched from the front. A `Map` takes 184 bytes before it holds anything,
// and a call has a dozen of them, most of them empty or with one entry. For what is bounded by a few dozen: a look costs as many steps.

/** Of all maps that hold nothing. */
const NOTHING: readonly unknown[] = [];

export class FewMap<Key, Value> implements Iterable<readonly [Key, Value]> {
  #entries = NOTHING;

  get size(): number {
    return this.#entries.length / 2;
  }

  get(key: Key): Value | undefined {
    const at = this.#find(key);
    return at < 0 ? undefined : (this.#entries[at + 1] as Value);
  }

  has(key: Key): boolean {
    return this.#find(key) >= 0;
  }

  /** A new key comes last; one that is there keeps its place. */
  set(key: Key, value: Value): void {
    const at = this.#find(key);
    // A list of exactly this length: one that grows in place keeps room for sixteen more.
    this.#entries = at < 0 ? this.#entries.concat([key, value]) : this.#entries.with(at + 1, value);
  }

  delete(key: Key): boolean {
    const at = this.#find(key);
    if (at >= 0) this.#entries = this.#entries.filter((_, i) => i !== at && i !== at + 1);
    return at >= 0;
  }

  clear(): void {
    this.#entries = NOTHING;
  }

  *keys(): IterableIterator<Key> {
    for (const [key] of this) yield key;
  }

  *values(): IterableIterator<Value> {
    for (const [, value] of this) yield value;
  }

  /** In the order in which they came. What is changed meanwhile is not seen. */
  *[Symbol.iterator](): IterableIterator<readonly [Key, Value]> {
    const entries = this.#entries;
    for (let at = 0; at < entries.length; at += 2) yield [entries[at] as Key, entries[at + 1] as Value];
  }

  #find(key: Key): number {
    const entries = this.#entries;
    for (let at = 0; at < entries.length; at += 2) if (entries[at] === key) return at;
    return -1;
  }
}
