// Rule 5.7 of protocol.md: what may be sent to an address that a peer has only named, and from which nothing has come. Which
// addresses may be asked at all, and how many datagrams go there, for the whole process: this is what keeps an SDP from aiming
// our challenges and hellos at a victim. It decides and counts; it sends nothing.
import { ipRange, parseIp, type TransportAddress } from '../../wire/index.js';
import type { DirectTargetRule } from '../context.js';
import { FewMap } from '../few-map.js';
import { ipKey } from '../ip-key.js';

/** Datagrams to one target under one generation, and when, from the first. */
export const TARGET_SCHEDULE_MS: readonly number[] = [0, 100, 300];
/** What a bound holds back goes out when it lifts, but not later than this after the offer or answer. */
export const TARGET_WAIT_MS = 60_000;
/** Who is held back asks again no sooner than this: many wait for the same moment. */
const RETRY_MS = 250;

const MINUTE_MS = 60_000;
const SECOND_MS = 1000;
export const DATAGRAMS_PER_ADDRESS = 10;
/** The addresses of a /24, or of an IPv6 /64, may all be one victim's. */
export const DATAGRAMS_PER_NETWORK = 40;
export const DATAGRAMS_PER_SECOND = 200;
/** One signalling source must not use up what all share. */
export const DATAGRAMS_PER_SOURCE = DATAGRAMS_PER_SECOND / 4;
/** Somebody answered from there with a key of this process not long ago. */
const VERIFIED_KEPT_MS = 600_000;
/** A peer that names more addresses than this in one generation is not asked at the others. */
const MAX_NAMED = 8;
/** Bounded memory: of more addresses than this the ones verified longest ago are bounded like any other. */
const MAX_VERIFIED = 4096;
/** 12,000 datagrams a minute may go out, so no more windows than that are in use; beyond this the others are thrown away. */
const MAX_WINDOWS = 16_384;

/**
 * The default of rule 5.7: global addresses; private, loopback and link-local ones only in the range of the address that this
 * peer was told of us. A server that is known as 127.0.0.1 serves 127.0.0.1.
 */
export const isDefaultDirectTarget: DirectTargetRule = (address, advertised) => {
  const target = ipRange(address);
  switch (target.range) {
    case 'global':
      return true;
    case 'private':
    case 'loopback':
    case 'link-local': {
      if (advertised === undefined) return false;
      const own = ipRange(advertised);
      return own.range === target.range && own.block === target.block;
    }
    case 'unspecified':
    case 'multicast':
    case 'broadcast':
      return false;
  }
};

/** An address that a peer has named, and what is known of it and of who named it. */
export interface UnprovenTarget {
  readonly address: string;
  /** Somebody is known to receive there (protocol.md 8): no bound holds. */
  readonly isShown: boolean;
  /** The IP address of the signalling that named it; undefined where nobody told. */
  readonly source: string | undefined;
}

/** At most so many in any span of this length, both its ends included. */
class Window {
  readonly #timesMs: number[] = [];
  #oldest = 0;
  #lastMs = -Infinity;

  constructor(
    private readonly limit: number,
    private readonly spanMs: number,
  ) {}

  /** When one more may go. */
  get liftsMs(): number {
    if (this.#timesMs.length < this.limit) return -Infinity;
    return (this.#timesMs[this.#oldest] ?? -Infinity) + this.spanMs + 1;
  }

  note(nowMs: number): void {
    this.#timesMs[this.#oldest] = nowMs;
    this.#oldest = (this.#oldest + 1) % this.limit;
    this.#lastMs = nowMs;
  }

  isOver(nowMs: number): boolean {
    return nowMs > this.#lastMs + this.spanMs;
  }
}

/** The windows of one kind, by what they count. */
class Windows {
  readonly #windows = new Map<string, Window>();

  constructor(
    private readonly limit: number,
    private readonly spanMs: number,
  ) {}

  get size(): number {
    return this.#windows.size;
  }

  liftsMs(key: string): number {
    return this.#windows.get(key)?.liftsMs ?? -Infinity;
  }

  note(key: string, nowMs: number): void {
    let window = this.#windows.get(key);
    if (!window) {
      if (this.#windows.size >= MAX_WINDOWS) this.#prune(nowMs);
      this.#windows.set(key, (window = new Window(this.limit, this.spanMs)));
    }
    window.note(nowMs);
  }

  #prune(nowMs: number): void {
    for (const [key, window] of this.#windows) if (window.isOver(nowMs)) this.#windows.delete(key);
  }
}

/** The addresses that a peer has named in one generation, and how often each was asked. A re-offer buys no more. */
export class NamedTargets {
  readonly #asked = new FewMap<string, { readonly firstMs: number; count: number }>();

  /** When the next datagram to the address is due: at once where none has gone, Infinity where no more may. */
  dueMs(remote: TransportAddress): number {
    const asked = this.#asked.get(targetKey(remote));
    if (!asked) return this.#asked.size < MAX_NAMED ? -Infinity : Infinity;
    return asked.firstMs + (TARGET_SCHEDULE_MS[asked.count] ?? Infinity);
  }

  note(remote: TransportAddress, nowMs: number): void {
    const key = targetKey(remote);
    const asked = this.#asked.get(key);
    if (asked) asked.count++;
    else this.#asked.set(key, { firstMs: nowMs, count: 1 });
  }

  isNew(remote: TransportAddress): boolean {
    return this.dueMs(remote) === -Infinity;
  }
}

export class TargetBounds {
  readonly #addresses = new Windows(DATAGRAMS_PER_ADDRESS, MINUTE_MS);
  readonly #networks = new Windows(DATAGRAMS_PER_NETWORK, MINUTE_MS);
  readonly #sources = new Windows(DATAGRAMS_PER_SOURCE, SECOND_MS);
  readonly #all = new Window(DATAGRAMS_PER_SECOND, SECOND_MS);
  /** When something at an address last verified; the longest ago first. */
  readonly #verifiedMs = new Map<string, number>();
  /** The last of them. */
  #lastVerified: string | undefined;
  /** One candidate at a time is asked at an address from which nothing has come. */
  readonly #holders = new Map<string, object>();

  /** Claims the address for one candidate; false while another has it. */
  claim(address: string, holder: object): boolean {
    const key = ipKey(address);
    const present = this.#holders.get(key);
    if (present && present !== holder) return false;
    this.#holders.set(key, holder);
    return true;
  }

  release(address: string, holder: object): void {
    const key = ipKey(address);
    if (this.#holders.get(key) === holder) this.#holders.delete(key);
  }

  isClaimed(address: string): boolean {
    return this.#holders.has(ipKey(address));
  }

  /** Whether a datagram may go to the target now. */
  isFree(target: UnprovenTarget, nowMs: number): boolean {
    return this.#isBeyondBounds(target, nowMs) || this.#liftsMs(target) <= nowMs;
  }

  /** Takes one that may. False: it is held back, see `retryMs`. */
  take(target: UnprovenTarget, nowMs: number): boolean {
    if (!this.isFree(target, nowMs)) return false;
    if (this.#isBeyondBounds(target, nowMs)) return true;
    this.#addresses.note(ipKey(target.address), nowMs);
    this.#networks.note(networkOf(target.address), nowMs);
    if (target.source !== undefined) this.#sources.note(target.source, nowMs);
    this.#all.note(nowMs);
    return true;
  }

  /** When to ask for a datagram again. */
  retryMs(target: UnprovenTarget, nowMs: number): number {
    return Math.max(this.#liftsMs(target), nowMs + RETRY_MS);
  }

  /** Somebody at this address has answered with a key of this process. */
  noteVerified(address: string, nowMs: number): void {
    const key = ipKey(address);
    // It is last already: to take it out and put it in again would change nothing.
    if (key !== this.#lastVerified) {
      this.#lastVerified = key;
      this.#verifiedMs.delete(key);
      const [oldest] = this.#verifiedMs.size === MAX_VERIFIED ? this.#verifiedMs.keys() : [];
      if (oldest !== undefined) this.#verifiedMs.delete(oldest);
    }
    this.#verifiedMs.set(key, nowMs);
  }

  /** Entries in all tables, for tests that memory stays bounded. */
  get size(): number {
    const windows = this.#addresses.size + this.#networks.size + this.#sources.size;
    return windows + this.#verifiedMs.size + this.#holders.size;
  }

  /** Somebody receives there. */
  #isBeyondBounds({ address, isShown }: UnprovenTarget, nowMs: number): boolean {
    return isShown || nowMs - (this.#verifiedMs.get(ipKey(address)) ?? -Infinity) <= VERIFIED_KEPT_MS;
  }

  #liftsMs({ address, source }: UnprovenTarget): number {
    return Math.max(
      this.#addresses.liftsMs(ipKey(address)),
      this.#networks.liftsMs(networkOf(address)),
      source === undefined ? -Infinity : this.#sources.liftsMs(source),
      this.#all.liftsMs,
    );
  }
}

function targetKey({ address, port }: TransportAddress): string {
  return `${port}|${ipKey(address)}`;
}

/** The /24 or /64 of an address. */
function networkOf(address: string): string {
  const bytes = parseIp(address);
  return bytes ? bytes.subarray(0, bytes.length === 4 ? 3 : 8).join('.') : address;
}
