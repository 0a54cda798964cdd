// Whose an SSRC is, read out of what is accepted (protocol.md 5.1): of the calls that go on accepting it on their active path it
// belongs to the one that did so first.

/** A longer pause ends what was before. */
const KEPT_MS = 30_000;

export class SsrcLedger<Call> {
  /** Who accepts it, and since when without a pause that ends it: in that order. With the time of the last packet. */
  readonly #hearers = new Map<number, Map<Call, number>>();

  note(ssrc: number, call: Call, nowMs: number): void {
    let hearers = this.#hearers.get(ssrc);
    if (!hearers) this.#hearers.set(ssrc, (hearers = new Map<Call, number>()));
    if (nowMs - (hearers.get(call) ?? nowMs) > KEPT_MS) hearers.delete(call);
    hearers.set(call, nowMs);
  }

  /** The call is over, or nothing proves any more where it is. */
  forget(call: Call): void {
    for (const hearers of this.#hearers.values()) hearers.delete(call);
  }

  ownerOf(ssrc: number, nowMs: number): Call | undefined {
    for (const [call, lastMs] of this.#hearers.get(ssrc) ?? []) if (nowMs - lastMs <= KEPT_MS) return call;
    return undefined;
  }

  hasHeard(ssrc: number, call: Call): boolean {
    return this.#hearers.get(ssrc)?.has(call) === true;
  }
}
