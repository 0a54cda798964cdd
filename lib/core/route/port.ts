// One bound socket's view of the sessions behind it: which component a datagram belongs to. The same tables serve
// a port per stream and one port for all sessions. It judges nothing.
import type { TransportAddress } from '../../wire/index.js';
import type { Component } from '../path/component.js';

/** An address whose payload is accepted, and until when. */
export interface Route {
  readonly component: Component;
  readonly untilMs: number;
}

export class Port {
  readonly components = new Set<Component>();
  readonly #routes = new Map<number, Map<string, Route>>();
  /** Components that issued a tag: several where one offer was answered by several forks. */
  readonly #byTag = new Map<string, Set<Component>>();
  readonly #byTransaction = new Map<string, Component>();
  readonly #bySsrc = new Map<number, Set<Component>>();

  constructor(readonly local: TransportAddress) {}

  route(address: string, port: number): Route | undefined {
    return this.#routes.get(port)?.get(address);
  }

  /** An address belongs to the session that verified it last (protocol.md 5.1). */
  setRoute(remote: TransportAddress, route: Route): void {
    let addresses = this.#routes.get(remote.port);
    if (!addresses) this.#routes.set(remote.port, (addresses = new Map<string, Route>()));
    addresses.set(remote.address, route);
  }

  removeRoute(remote: TransportAddress, component: Component): void {
    const addresses = this.#routes.get(remote.port);
    if (addresses?.get(remote.address)?.component !== component) return;
    addresses.delete(remote.address);
    if (addresses.size === 0) this.#routes.delete(remote.port);
  }

  byTag(tag: string): ReadonlySet<Component> | undefined {
    return this.#byTag.get(tag);
  }

  addTag(tag: string, component: Component): void {
    addTo(this.#byTag, tag, component);
  }

  removeTag(tag: string, component: Component): void {
    removeFrom(this.#byTag, tag, component);
  }

  byTransaction(transaction: Uint8Array): Component | undefined {
    return this.#byTransaction.get(transactionKey(transaction));
  }

  addTransaction(transaction: Uint8Array, component: Component): void {
    this.#byTransaction.set(transactionKey(transaction), component);
  }

  removeTransaction(transaction: Uint8Array): void {
    this.#byTransaction.delete(transactionKey(transaction));
  }

  /** The session on whose active path alone the SSRC was last heard (protocol.md 5.1). */
  bySsrc(ssrc: number): Component | undefined {
    const heard = this.#bySsrc.get(ssrc);
    if (heard?.size !== 1) return undefined;
    return heard.values().next().value;
  }

  addSsrc(ssrc: number, component: Component): void {
    addTo(this.#bySsrc, ssrc, component);
  }

  removeSsrc(ssrc: number, component: Component): void {
    removeFrom(this.#bySsrc, ssrc, component);
  }

  /** The component that this port serves alone, if it serves but one session (protocol.md 5.1). */
  get only(): Component | undefined {
    return this.components.size === 1 ? this.components.values().next().value : undefined;
  }

  /** Entries in all tables, for tests that memory stays bounded. */
  get size(): number {
    return this.#routes.size + this.#byTag.size + this.#byTransaction.size + this.#bySsrc.size;
  }
}

function addTo<K>(map: Map<K, Set<Component>>, key: K, component: Component): void {
  const set = map.get(key);
  if (set) set.add(component);
  else map.set(key, new Set([component]));
}

function removeFrom<K>(map: Map<K, Set<Component>>, key: K, component: Component): void {
  const set = map.get(key);
  if (set?.delete(component) && set.size === 0) map.delete(key);
}

function transactionKey(transaction: Uint8Array): string {
  return String.fromCharCode(...transaction);
}
