// A map of a few entries: the first in the map itself, the others in one list, keys and values by turns, searched from the front. A `Map`
// takes 184 bytes before it holds anything, and a call has half a dozen of them, nearly all with one entry or none. For what is bounded by
// a few dozen: a look costs as many steps.

/** The key of a first entry that is not there. */
const NOBODY = Symbol('no key');
/** Of all maps that hold no second entry. */
const NOTHING: readonly unknown[] = [];

export class FewMap<Key, Value> implements Iterable<readonly [Key, Value]> {
  #key: Key | typeof NOBODY = NOBODY;
  #value: Value | undefined;
  #others = NOTHING;

  get size(): number {
    return this.#key === NOBODY ? 0 : 1 + this.#others.length / 2;
  }

  get(key: Key): Value | undefined {
    if (this.#key === key) return this.#value;
    const at = find(this.#others, key);
    return at < 0 ? undefined : (this.#others[at + 1] as Value);
  }

  has(key: Key): boolean {
    return this.#key === key || find(this.#others, key) >= 0;
  }

  /** A new key comes last; one that is there keeps its place. */
  set(key: Key, value: Value): void {
    if (this.#key === NOBODY || this.#key === key) {
      this.#key = key;
      this.#value = value;
      return;
    }
    const others = this.#others;
    const at = find(others, key);
    // A list of exactly this length: one that grows in place keeps room for sixteen more.
    this.#others = at < 0 ? others.concat([key, value]) : others.with(at + 1, value);
  }

  delete(key: Key): boolean {
    if (this.#key === key) {
      const entries = this.#others;
      this.#key = entries.length === 0 ? NOBODY : (entries[0] as Key);
      this.#value = entries[1] as Value | undefined;
      this.#others = entries.length > 2 ? entries.slice(2) : NOTHING;
      return true;
    }
    const at = find(this.#others, key);
    if (at >= 0) this.#others = this.#others.filter((_, i) => i !== at && i !== at + 1);
    return at >= 0;
  }

  *keys(): IterableIterator<Key> {
    for (const [key] of this) yield key;
  }

  *values(): IterableIterator<Value> {
    for (const [, value] of this) yield value;
  }

  /** In the order in which they came. What is changed meanwhile is not seen. */
  *[Symbol.iterator](): IterableIterator<readonly [Key, Value]> {
    const key = this.#key;
    if (key === NOBODY) return;
    const others = this.#others;
    yield [key, this.#value as Value];
    for (let at = 0; at < others.length; at += 2) yield [others[at] as Key, others[at + 1] as Value];
  }
}

function find(entries: readonly unknown[], key: unknown): number {
  for (let at = 0; at < entries.length; at += 2) if (entries[at] === key) return at;
  return -1;
}
