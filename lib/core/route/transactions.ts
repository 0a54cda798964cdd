// Who waits at one socket for the answer to which transaction. Each challenge asks three times, so nothing is made of the twelve bytes but a number: their last
// four, which are random in all that we send. Of those that share it, the bytes decide.
import { readUint32 } from '../../wire/big-endian.js';
import { isSameBytes } from '../../wire/index.js';

interface Waiting<Owner> {
  readonly transaction: Uint8Array;
  readonly owner: Owner;
  /** Another one with the same last four bytes, which hardly ever is. */
  readonly next: Waiting<Owner> | undefined;
}

const LAST_BYTES_AT = 8;

export class Transactions<Owner> {
  readonly #byLastBytes = new Map<number, Waiting<Owner>>();

  /** Keeps the array: it must stay as it is until it is removed. */
  add(transaction: Uint8Array, owner: Owner): void {
    const key = keyOf(transaction);
    this.#byLastBytes.set(key, { transaction, owner, next: this.#byLastBytes.get(key) });
  }

  find(transaction: Uint8Array): Owner | undefined {
    let waiting = this.#byLastBytes.get(keyOf(transaction));
    while (waiting && !isSameBytes(waiting.transaction, transaction)) waiting = waiting.next;
    return waiting?.owner;
  }

  remove(transaction: Uint8Array): void {
    const key = keyOf(transaction);
    const left = without(this.#byLastBytes.get(key), transaction);
    if (left) this.#byLastBytes.set(key, left);
    else this.#byLastBytes.delete(key);
  }

  /** Entries, for tests that memory stays bounded. */
  get size(): number {
    return this.#byLastBytes.size;
  }
}

function without<Owner>(
  waiting: Waiting<Owner> | undefined,
  transaction: Uint8Array,
): Waiting<Owner> | undefined {
  if (!waiting) return undefined;
  const next = without(waiting.next, transaction);
  if (isSameBytes(waiting.transaction, transaction)) return next;
  return next === waiting.next ? waiting : { ...waiting, next };
}

/** Signed: of 32 bits, the engine keeps such a number in the table itself. */
function keyOf(transaction: Uint8Array): number {
  return readUint32(transaction, LAST_BYTES_AT) | 0;
}
