// One bound socket's view of the sessions behind it: whose a datagram is. The same tables serve a port per stream and one
// port for all sessions. It judges nothing, and does not care who its owners are: the engine's are components.
import type { TransportAddress } from '../../wire/index.js';

/** An address whose payload is accepted, and until when. */
export interface Route<Owner> {
  readonly owner: Owner;
  readonly untilMs: number;
}

export class Port<Owner> {
  readonly components = new Set<Owner>();
  readonly #routes = new Map<number, Map<string, Route<Owner>>>();
  /** Components that issued a tag: several where one offer was answered by several forks. */
  readonly #byTag = new Map<string, Set<Owner>>();
  readonly #byTransaction = new Map<string, Owner>();
  readonly #bySsrc = new Map<number, Set<Owner>>();

  constructor(readonly local: TransportAddress) {}

  route(address: string, port: number): Route<Owner> | undefined {
    return this.#routes.get(port)?.get(address);
  }

  /** An address belongs to the session that verified it last (protocol.md 5.1). */
  setRoute(remote: TransportAddress, route: Route<Owner>): void {
    let addresses = this.#routes.get(remote.port);
    if (!addresses) this.#routes.set(remote.port, (addresses = new Map<string, Route<Owner>>()));
    addresses.set(remote.address, route);
  }

  removeRoute(remote: TransportAddress, owner: Owner): void {
    const addresses = this.#routes.get(remote.port);
    if (addresses?.get(remote.address)?.owner !== owner) return;
    addresses.delete(remote.address);
    if (addresses.size === 0) this.#routes.delete(remote.port);
  }

  byTag(tag: string): ReadonlySet<Owner> | undefined {
    return this.#byTag.get(tag);
  }

  addTag(tag: string, owner: Owner): void {
    addTo(this.#byTag, tag, owner);
  }

  removeTag(tag: string, owner: Owner): void {
    removeFrom(this.#byTag, tag, owner);
  }

  byTransaction(transaction: Uint8Array): Owner | undefined {
    return this.#byTransaction.get(transactionKey(transaction));
  }

  addTransaction(transaction: Uint8Array, owner: Owner): void {
    this.#byTransaction.set(transactionKey(transaction), owner);
  }

  removeTransaction(transaction: Uint8Array): void {
    this.#byTransaction.delete(transactionKey(transaction));
  }

  /** The session on whose active path alone the SSRC was last heard (protocol.md 5.1). */
  bySsrc(ssrc: number): Owner | undefined {
    const heard = this.#bySsrc.get(ssrc);
    if (heard?.size !== 1) return undefined;
    return heard.values().next().value;
  }

  addSsrc(ssrc: number, owner: Owner): void {
    addTo(this.#bySsrc, ssrc, owner);
  }

  removeSsrc(ssrc: number, owner: Owner): void {
    removeFrom(this.#bySsrc, ssrc, owner);
  }

  /** The component that this port serves alone, if it serves but one session (protocol.md 5.1). */
  get only(): Owner | undefined {
    return this.components.size === 1 ? this.components.values().next().value : undefined;
  }

  /** Entries in all tables, for tests that memory stays bounded. */
  get size(): number {
    return this.#routes.size + this.#byTag.size + this.#byTransaction.size + this.#bySsrc.size;
  }
}

function addTo<K, Owner>(map: Map<K, Set<Owner>>, key: K, owner: Owner): void {
  const set = map.get(key);
  if (set) set.add(owner);
  else map.set(key, new Set([owner]));
}

function removeFrom<K, Owner>(map: Map<K, Set<Owner>>, key: K, owner: Owner): void {
  const set = map.get(key);
  if (set?.delete(owner) && set.size === 0) map.delete(key);
}

function transactionKey(transaction: Uint8Array): string {
  return String.fromCharCode(...transaction);
}
