// Which of ICE's checks have come before, for a whole generation: a recorded one must never pass for a fresh one, or whoever
// replays it pushes honest candidates out of their places (protocol.md 5.9, 8.1, P6). Of each transaction 32 bits are kept, in a
// table that grows as needed: 4 to 8 bytes a check.
//
// What it errs in is safe. A fresh check is called seen where it shares those bits with another (once in 130,000 checks when
// the table is full), and when the table is full: after 32,768 checks, 45 hours of one every 5 s. A seen check is only ranked
// lower. A recorded one is called seen always.

const FIRST_SLOTS = 64;
/** At most half of the slots are used, so that few have to be looked at. */
export const MAX_CHECKS = 32_768;
/** A peer that makes its transactions collide finds its own checks stale; nobody's work grows. */
const MAX_PROBES = 64;

export class SeenChecks {
  /** Zero is an empty slot. */
  #slots = new Uint32Array(FIRST_SLOTS);
  #count = 0;

  /** Notes the transaction. True where it is fresh: it has not come before. */
  add(transaction: Uint8Array): boolean {
    if (this.#count >= MAX_CHECKS) return false;
    if (2 * this.#count >= this.#slots.length) this.#grow();
    const isFresh = this.#insert(hashOf(transaction), MAX_PROBES);
    if (isFresh) this.#count++;
    return isFresh;
  }

  /** Bytes that it holds, for tests that memory stays bounded. */
  get sizeBytes(): number {
    return this.#slots.byteLength;
  }

  #insert(hash: number, maxProbes: number): boolean {
    const mask = this.#slots.length - 1;
    for (let probe = 0; probe < maxProbes; probe++) {
      const slot = (hash + probe) & mask;
      const present = this.#slots[slot];
      if (present === hash) return false;
      if (present !== 0) continue;
      this.#slots[slot] = hash;
      return true;
    }
    return false;
  }

  /** All hashes move: none may get lost, for what is not known passes for fresh. */
  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (const hash of old) if (hash !== 0) this.#insert(hash, this.#slots.length);
  }
}

/** All twelve bytes count: some peers change but the last ones from check to check. */
function hashOf(transaction: Uint8Array): number {
  let hash = 0x9e3779b9;
  for (const byte of transaction) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0 || 1;
}
