// One bound socket's view of the sessions behind it: whose a datagram is. The same tables serve a port per stream and one
// port for all sessions. It judges nothing, and does not care who its owners are: the engine's are components.
import { normaliseIp } from '../../wire/index.js';
import type { TransportAddress } from '../../wire/index.js';
import { Seekers } from './seekers.js';
import { Transactions } from './transactions.js';

/** Looks at each packet that comes over the path in use, before anybody has it (protocol.md 8.2). */
export interface Judge {
  /**
   * RTP from there as the application is to have it. Undefined: it is not what nearly every packet is, nothing has been decided, and it is to go
   * the way of all others.
   */
  openInUse(bytes: Uint8Array, nowMs: number): Uint8Array | undefined;
}

/** An address whose payload is accepted, and until when. */
export interface Route<Owner> {
  readonly owner: Owner;
  readonly untilMs: number;
  /** The address has answered a challenge of its owner's. */
  readonly isProven: boolean;
  /** Of a claim that nothing has proven: its IP address is its signalling's source, or somebody is known to receive there. */
  readonly isBacked: boolean;
  /** Of the path in use of an owner that looks at each packet. */
  readonly judge: Judge | undefined;
  /** What is to be cleared when this is no route any more. */
  hint?: RouteHint<Owner> | undefined;
}

interface PlacedRoute<Owner> extends Route<Owner> {
  readonly address: string;
}

/**
 * What is kept for one source by whoever has an object for each: whose payload comes from there, as long as that is so and proven, so that the
 * next needs no look-up. It is for one address and port. The port clears it as soon as the route is another, so it keeps nothing alive.
 */
export class RouteHint<Owner> {
  port: Port<Owner> | undefined = undefined;
  owner: Owner | undefined = undefined;
  /** Who looks at the payload first; undefined where it is the owner's as it comes. */
  judge: Judge | undefined = undefined;

  clear(): void {
    this.port = undefined;
    this.owner = undefined;
    this.judge = undefined;
  }
}

/** An SSRC stays with its component while that goes on accepting it, with pauses of no more than this (protocol.md 5.1). */
export const SSRC_KEPT_MS = 30_000;

/** What a component hears on its path in use. */
export interface SsrcHearer<Owner> {
  readonly owner: Owner;
  /** When it last accepted a packet with the SSRC. */
  heardMs(ssrc: number): number;
}

/** Claims that nothing has proven, to an address that another holds; the earliest first. Found without a scan. */
interface WaitingClaims<Owner> {
  readonly backed: Set<Owner>;
  readonly bare: Set<Owner>;
}

export class Port<Owner> {
  /** Who waits for the first packet of a peer with SRTP. */
  readonly seekers = new Seekers<Owner>();
  /** Likewise of a peer without a key: what its description says tells the packet, and none is tried in vain for it. */
  readonly keylessSeekers = new Seekers<Owner>();
  readonly components = new Set<Owner>();
  /** By remote port: the one route there is from it, or those of several addresses that share it. */
  readonly #routes = new Map<number, PlacedRoute<Owner> | Map<string, PlacedRoute<Owner>>>();
  readonly #waiting = new Map<string, WaitingClaims<Owner>>();
  /** The component that issued a tag; several where one offer was answered by several forks. */
  readonly #byTag = new Map<string, Owner | Set<Owner>>();
  readonly #transactions = new Transactions<Owner>();
  /**
   * Who has heard an SSRC. Of several: who did so first, and has not paused for too long, before those who did later. An SSRC is a whole
   * number of 32 bits with a sign here: the engine makes an object of each greater one.
   */
  readonly #bySsrc = new Map<number, SsrcHearer<Owner> | Map<Owner, SsrcHearer<Owner>>>();

  /** A peer has been told of it. Until then whoever sends there guesses (protocol.md 8.3.2). */
  isTold = false;
  /** When a datagram last came that nobody here has told the port to; -Infinity before the first (protocol.md 8.3.2). */
  hitMs = -Infinity;

  constructor(readonly local: TransportAddress) {}

  route(address: string, port: number): Route<Owner> | undefined {
    const at = this.#routes.get(port);
    if (at instanceof Map) return at.get(address);
    return at?.address === address ? at : undefined;
  }

  /** Keeps with the source whose payload comes from it now, where that is proven and has no end, or who judges it. */
  hint(hint: RouteHint<Owner>, address: string, port: number): void {
    const route = this.route(normaliseIp(address), port);
    if (!route?.isProven || (route.untilMs !== Infinity && route.judge === undefined)) return;
    if (route.hint !== hint) route.hint?.clear();
    route.hint = hint;
    hint.port = this;
    hint.owner = route.owner;
    hint.judge = route.judge;
  }

  /** It is the path in use of an owner that looks at each packet. */
  isJudged(address: string, port: number): boolean {
    return this.#routes.has(port) && this.route(normaliseIp(address), port)?.judge !== undefined;
  }

  /** The owner has proven the address: it belongs to the session that verified it last (protocol.md 5.1). */
  proveRoute(remote: TransportAddress, owner: Owner, untilMs: number, judge?: Judge): void {
    const holder = this.route(remote.address, remote.port);
    this.#unwait(remote, owner);
    this.#setRoute(remote, { owner, untilMs, isProven: true, isBacked: true, judge });
    if (holder && holder.owner !== owner && !holder.isProven) this.#waitFirst(remote, holder);
  }

  /**
   * The owner claims an address that nothing has proven. It never takes it from one who has proven it; of two such claims that
   * one holds it which is backed, then the earlier one (protocol.md 5.1): else a stranger who writes a caller's address into
   * an SDP would have the caller's media. A claim that does not get the address waits for its turn. True where it has it.
   */
  claimRoute(remote: TransportAddress, owner: Owner, isBacked: boolean): boolean {
    const holder = this.route(remote.address, remote.port);
    if (!this.mayClaim(remote, owner, isBacked)) {
      const { backed, bare } = this.#waitingFor(remote);
      (isBacked ? bare : backed).delete(owner);
      (isBacked ? backed : bare).add(owner);
      return false;
    }
    this.#unwait(remote, owner);
    this.#setRoute(remote, { owner, untilMs: Infinity, isProven: false, isBacked, judge: undefined });
    if (holder && holder.owner !== owner) this.#waitFirst(remote, holder);
    return true;
  }

  /** Nobody else has proven the address, nor a claim that is better or as good and earlier (protocol.md 5.1). */
  mayClaim(remote: TransportAddress, owner: Owner, isBacked: boolean): boolean {
    const holder = this.route(remote.address, remote.port);
    return !holder || holder.owner === owner || (!holder.isProven && !holder.isBacked && isBacked);
  }

  /** The owner wants nothing more from the address; who waits for it has it now. */
  removeRoute(remote: TransportAddress, owner: Owner): void {
    this.#unwait(remote, owner);
    const present = this.route(remote.address, remote.port);
    if (present?.owner !== owner) return;
    present.hint?.clear();
    const at = this.#routes.get(remote.port);
    if (at instanceof Map) at.delete(remote.address);
    if (!(at instanceof Map) || at.size === 0) this.#routes.delete(remote.port);
    const waiting = this.#waiting.get(addressKey(remote));
    if (!waiting) return;
    const isBacked = waiting.backed.size > 0;
    const next = (isBacked ? waiting.backed : waiting.bare).values().next();
    if (!next.done) this.claimRoute(remote, next.value, isBacked);
  }

  #setRoute(remote: TransportAddress, route: Route<Owner>): void {
    const { address, port } = remote;
    this.route(address, port)?.hint?.clear();
    const { owner, untilMs, isProven, isBacked, judge } = route;
    // Each by its name: of a copy Node 20 keeps half beside the object, and each packet looks here.
    const placed: PlacedRoute<Owner> = {
      address,
      owner,
      untilMs,
      isProven,
      isBacked,
      judge,
      hint: undefined,
    };
    const at = this.#routes.get(port);
    if (at instanceof Map) at.set(address, placed);
    else if (at === undefined || at.address === address) this.#routes.set(port, placed);
    else
      this.#routes.set(
        port,
        new Map([
          [at.address, at],
          [address, placed],
        ]),
      );
  }

  #waitingFor(remote: TransportAddress): WaitingClaims<Owner> {
    const key = addressKey(remote);
    let waiting = this.#waiting.get(key);
    if (!waiting) this.#waiting.set(key, (waiting = { backed: new Set(), bare: new Set() }));
    return waiting;
  }

  /** It held the address, so it was earlier than all who wait. */
  #waitFirst(remote: TransportAddress, { owner, isBacked }: Route<Owner>): void {
    const claims = this.#waitingFor(remote)[isBacked ? 'backed' : 'bare'];
    const later = [...claims];
    claims.clear();
    for (const one of [owner, ...later]) claims.add(one);
  }

  #unwait(remote: TransportAddress, owner: Owner): void {
    if (this.#waiting.size === 0) return;
    const key = addressKey(remote);
    const waiting = this.#waiting.get(key);
    if (!waiting) return;
    waiting.backed.delete(owner);
    waiting.bare.delete(owner);
    if (waiting.backed.size + waiting.bare.size === 0) this.#waiting.delete(key);
  }

  byTag(tag: string): readonly Owner[] {
    const at = this.#byTag.get(tag);
    if (at instanceof Set) return [...at];
    return at === undefined ? [] : [at];
  }

  addTag(tag: string, owner: Owner): void {
    const at = this.#byTag.get(tag);
    if (at instanceof Set) at.add(owner);
    else this.#byTag.set(tag, at === undefined || at === owner ? owner : new Set([at, owner]));
  }

  removeTag(tag: string, owner: Owner): void {
    const at = this.#byTag.get(tag);
    if (at instanceof Set) at.delete(owner);
    if (at === owner || (at instanceof Set && at.size === 0)) this.#byTag.delete(tag);
  }

  byTransaction(transaction: Uint8Array): Owner | undefined {
    return this.#transactions.find(transaction);
  }

  addTransaction(transaction: Uint8Array, owner: Owner): void {
    this.#transactions.add(transaction, owner);
  }

  removeTransaction(transaction: Uint8Array): void {
    this.#transactions.remove(transaction);
  }

  /**
   * To whom the SSRC belongs: of those who go on hearing it, to the one who did first; where nobody does any more, to the one
   * who heard it last (protocol.md 5.1). Who has paused for too long is passed over once and leaves the list.
   */
  bySsrc(ssrc: number, nowMs: number): Owner | undefined {
    const hearers = this.#bySsrc.get(ssrc | 0);
    if (!(hearers instanceof Map)) return hearers?.owner;
    let paused: { readonly owner: Owner; readonly heardMs: number } | undefined;
    for (const [owner, hearer] of hearers) {
      const heardMs = hearer.heardMs(ssrc);
      const isKept = nowMs - heardMs <= SSRC_KEPT_MS;
      if (!isKept && paused && paused.heardMs > heardMs) hearers.delete(owner);
      else {
        if (paused) hearers.delete(paused.owner);
        paused = { owner, heardMs };
      }
      if (isKept) return owner;
    }
    return paused?.owner;
  }

  /** The owner hears the SSRC for the first time, or again after too long a pause: all who have it go first. */
  addSsrc(ssrc: number, hearer: SsrcHearer<Owner>): void {
    const { owner } = hearer;
    const present = this.#bySsrc.get(ssrc | 0);
    if (present instanceof Map) {
      present.delete(owner);
      present.set(owner, hearer);
    } else if (present === undefined || present.owner === owner) this.#bySsrc.set(ssrc | 0, hearer);
    else
      this.#bySsrc.set(
        ssrc | 0,
        new Map([
          [present.owner, present],
          [owner, hearer],
        ]),
      );
  }

  removeSsrc(ssrc: number, owner: Owner): void {
    const present = this.#bySsrc.get(ssrc | 0);
    if (present instanceof Map) present.delete(owner);
    const isLast = present instanceof Map ? present.size === 0 : present?.owner === owner;
    if (isLast) this.#bySsrc.delete(ssrc | 0);
  }

  /** The component that this port serves alone, if it serves but one session (protocol.md 5.1). */
  get only(): Owner | undefined {
    return this.components.size === 1 ? this.components.values().next().value : undefined;
  }

  /** Entries in all tables, for tests that memory stays bounded. */
  get size(): number {
    const waiting = this.#waiting.size + this.seekers.size + this.keylessSeekers.size;
    return this.#routes.size + waiting + this.#byTag.size + this.#transactions.size + this.#bySsrc.size;
  }
}

function addressKey({ address, port }: TransportAddress): string {
  return `${port}|${address}`;
}
