/**
 * Calls that came over UDP, until somebody acknowledges them. Each holds a session and ports
 * for 32 s though one forged datagram made it, so there are bounds; where one is reached, the oldest call gives way. An honest caller
 * acknowledges within a round trip and is out of the list by then: a flood displaces itself. It decides and counts; ending a call is
 * its owner's.
 */
import { sourceOf } from './address-ranges.js';
import type { BoundCounters } from './bound-counters.js';
import type { LedgerAddress } from './datagram-ledger.js';
import { STRANGER_LIMITS } from './stranger-limits.js';
import type { StrangerLimits } from './stranger-limits.js';

export class UnconfirmedCalls<Call extends object> {
  readonly #counters: BoundCounters;
  readonly #end: (call: Call) => void;
  readonly #limits: StrangerLimits;
  /** The oldest first, as in the sets below. */
  readonly #sources = new Map<Call, LedgerAddress>();
  readonly #byAddress = new Map<string, Set<Call>>();
  readonly #byPort = new Map<string, Set<Call>>();

  /** @param end Ends a call that gives way. */
  constructor(counters: BoundCounters, end: (call: Call) => void, limits = STRANGER_LIMITS) {
    this.#counters = counters;
    this.#limits = limits;
    this.#end = end;
  }

  get size(): number {
    return this.#sources.size;
  }

  add(call: Call, source: LedgerAddress): void {
    const ofPort = this.#byPort.get(portKey(source));
    const ofAddress = this.#byAddress.get(sourceOf(source.address));
    const { maxUnconfirmedCallsOfPort, maxUnconfirmedCallsOfSource, maxUnconfirmedCalls } = this.#limits;
    if (ofPort && ofPort.size >= maxUnconfirmedCallsOfPort) this.#displace(oldestOf(ofPort));
    else if (ofAddress && ofAddress.size >= maxUnconfirmedCallsOfSource) this.#displace(oldestOf(ofAddress));
    else if (this.#sources.size >= maxUnconfirmedCalls) this.#displace(oldestOf(this.#sources.keys()));
    this.#sources.set(call, source);
    file(this.#byPort, portKey(source), call);
    file(this.#byAddress, sourceOf(source.address), call);
  }

  /** It was acknowledged, or is over. */
  remove(call: Call): void {
    const source = this.#sources.get(call);
    if (!source) return;
    this.#sources.delete(call);
    unfile(this.#byPort, portKey(source), call);
    unfile(this.#byAddress, sourceOf(source.address), call);
  }

  has(call: Call): boolean {
    return this.#sources.has(call);
  }

  /** For a call that finds nothing left of what these hold. False where none gives way to it: it is the oldest itself. */
  displaceFor(newcomer: Call): boolean {
    const oldest = oldestOf(this.#sources.keys());
    if (!oldest || oldest === newcomer) return false;
    this.#displace(oldest);
    return true;
  }

  #displace(call: Call | undefined): void {
    if (!call) return;
    this.remove(call);
    this.#counters.count('unconfirmedCalls');
    this.#end(call);
  }
}

function oldestOf<T>(calls: Iterable<T>): T | undefined {
  for (const call of calls) return call;
  return undefined;
}

function portKey({ address, port }: LedgerAddress): string {
  return `${address},${port}`;
}

function file<T>(sets: Map<string, Set<T>>, key: string, one: T): void {
  const set = sets.get(key);
  if (set) set.add(one);
  else sets.set(key, new Set([one]));
}

function unfile<T>(sets: Map<string, Set<T>>, key: string, one: T): void {
  const set = sets.get(key);
  set?.delete(one);
  if (set?.size === 0) sets.delete(key);
}
