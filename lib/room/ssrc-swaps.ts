/*
 * The SSRCs that go by another number on one transport than in the room: pairs that are exchanged, the same way in
 * both directions. That is a bijection of all 32-bit numbers, whatever pairs there are.
 */

export class SsrcSwaps {
  readonly #pairs = new Map<number, number>();

  constructor(private readonly onChanged: () => void = () => undefined) {}

  /** Nearly always: then every number is its own. */
  get isEmpty(): boolean {
    return this.#pairs.size === 0;
  }

  /** From the transport to the room, or from the room to the transport. */
  swap(ssrc: number): number {
    return this.#pairs.size === 0 ? ssrc : (this.#pairs.get(ssrc) ?? ssrc);
  }

  has(ssrc: number): boolean {
    return this.#pairs.has(ssrc);
  }

  /** Neither may be in a pair yet. */
  add(one: number, other: number): void {
    this.#pairs.set(one, other).set(other, one);
    this.onChanged();
  }

  /** Takes back the pair that the number is in. */
  remove(ssrc: number): void {
    const other = this.#pairs.get(ssrc);
    this.#pairs.delete(ssrc);
    if (other === undefined) return;
    this.#pairs.delete(other);
    this.onChanged();
  }
}
