/*
 * Under which keys packets between two addresses may be protected, as the signalling of the capture has agreed on it so far (RFC 4568
 * section 5.1): an answer takes one line of the offer by its tag; then each side protects what it sends with the key of its own
 * line. It judges no packet.
 */
import type { TransportAddress } from '../wire/address.js';
import { formatAddress } from '../wire/address.js';
import type { MediaDescription } from './call.js';
import type { SignalledMedia } from './signalled-media.js';
import type { SignalledKey } from './signalled-key.js';

/** A key that was agreed on, and for whom. */
export interface AgreedKey {
  readonly key: SignalledKey;
  /** One sender of one dialog: of its keys the newest counts, and the one before for a while. */
  readonly origin: string;
}

/** A description, and the way that it went. */
export interface SeenDescription {
  readonly callId: string;
  readonly description: MediaDescription;
  readonly destination: TransportAddress;
}

/** What one address sends and receives, oldest first. */
interface KeyedAddress {
  readonly sent: readonly AgreedKey[];
  readonly received: readonly AgreedKey[];
}

/** Reason: bounded memory. Offers, senders and addresses of sections with keys. */
const OFFERS_MAX = 16_384;
const ORIGINS_MAX = 65_536;
const ADDRESSES_MAX = 65_536;
/** Reason: bounded work for a packet. More than two calls at one port, or two keys of a call, is somebody's joke. */
const KEYS_MAX = 8;
const NOBODY: KeyedAddress = { sent: [], received: [] };

export class KeyTable {
  readonly #addresses = new Map<string, KeyedAddress>();
  /** The last offers of each dialog, by hop: a B2BUA that keeps the Call-ID makes another of each. */
  readonly #offers = new Map<string, SeenDescription>();
  /** By origin, oldest first. */
  readonly #agreed = new Map<string, readonly AgreedKey[]>();
  /** Counts what has changed: while it stays, so do the keys of any two addresses. */
  version = 0;

  note(seen: SeenDescription): void {
    const { callId, description, destination } = seen;
    const { fork, role, sipSource } = description;
    if (role === 'offer') {
      this.#remember(hopKey(callId, fork, sipSource, destination), seen);
      this.#remember(`${callId} ${fork}`, seen);
      return;
    }
    const offer =
      this.#offers.get(hopKey(callId, fork, destination, sipSource)) ??
      this.#offers.get(hopKey(callId, '', destination, sipSource)) ??
      this.#offers.get(`${callId} ${fork}`) ??
      this.#offers.get(`${callId} `);
    if (offer) this.#agree(offer, seen);
  }

  /** Newest first. */
  keysBetween(source: TransportAddress, destination: TransportAddress): readonly AgreedKey[] {
    const { sent } = this.#addresses.get(formatAddress(source)) ?? NOBODY;
    const { received } = this.#addresses.get(formatAddress(destination)) ?? NOBODY;
    return [...new Set([...received, ...sent])].reverse();
  }

  #remember(key: string, seen: SeenDescription): void {
    this.#offers.delete(key);
    this.#offers.set(key, seen);
    const [oldest] = this.#offers.keys();
    if (this.#offers.size > OFFERS_MAX && oldest !== undefined) this.#offers.delete(oldest);
  }

  #agree(offer: SeenDescription, answer: SeenDescription): void {
    for (const answered of answer.description.media) {
      const offered = offer.description.media.find(({ index }) => index === answered.index);
      if (!offered) continue;
      const [taken] = answered.keys;
      const line = offered.keys.find(({ tag, suite }) => tag === taken?.tag && suite === taken.suite);
      const origin = `${answer.callId} ${answer.description.fork} ${answered.index}`;
      this.#put(offered, answered, `${origin} offer`, taken && line);
      this.#put(answered, offered, `${origin} answer`, line && taken);
    }
  }

  /** Without a key it was agreed that nothing is protected, or nobody knows by what. */
  #put(
    sender: SignalledMedia,
    receiver: SignalledMedia,
    origin: string,
    key: SignalledKey | undefined,
  ): void {
    const agreed = key && this.#agreedKey(origin, key);
    for (const address of addressesOf(sender)) this.#set(address, 'sent', origin, agreed);
    for (const address of addressesOf(receiver)) this.#set(address, 'received', origin, agreed);
  }

  /** A key that is told again is the one of before. */
  #agreedKey(origin: string, key: SignalledKey): AgreedKey | undefined {
    const before = this.#agreed.get(origin);
    const known = before?.find((one) => one.key.isSame(key));
    if (known || (!before && this.#agreed.size === ORIGINS_MAX)) return known;
    const agreed = { key, origin };
    this.#agreed.set(origin, [...(before ?? []), agreed].slice(-KEYS_MAX));
    return agreed;
  }

  #set(address: string, way: keyof KeyedAddress, origin: string, agreed: AgreedKey | undefined): void {
    const known = this.#addresses.get(address) ?? NOBODY;
    const before = known[way];
    if (agreed ? before.at(-1) === agreed : before.every((one) => one.origin !== origin)) return;
    if (known === NOBODY && this.#addresses.size === ADDRESSES_MAX) return;
    const others = before.filter((one) => (agreed ? one !== agreed : one.origin !== origin));
    const keys = agreed ? [...others, agreed].slice(-KEYS_MAX) : others;
    this.#addresses.set(address, { ...known, [way]: keys });
    this.version++;
  }
}

function addressesOf({ rtp, rtcp, candidates }: SignalledMedia): Set<string> {
  return new Set([rtp, rtcp, ...candidates].flatMap((address) => (address ? [formatAddress(address)] : [])));
}

function hopKey(callId: string, fork: string, from: TransportAddress, to: TransportAddress): string {
  return `${callId} ${fork} ${from.address}>${to.address}`;
}
