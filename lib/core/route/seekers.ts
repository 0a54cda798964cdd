// Who on a port for many sessions waits for the first packet of a peer whose key tells it (protocol.md 8.2.7). Which of them a packet from
// an unknown source may be for is found without a look at all of them: by the SSRC that the peer has announced, by the address in
// its description, by that of its signalling, and else by turns. At most four are asked.
import type { TransportAddress } from '../../wire/index.js';
import { ipKey } from '../ip-key.js';

/** What is known of the peer before anything has come. */
export interface Sought {
  readonly ssrcs: readonly number[];
  readonly signalled: TransportAddress | undefined;
  readonly peerAddress: string | undefined;
}

/** Each costs the tags of a packet: protocol.md 8.2.7. */
const MAX_ASKED = 4;

export class Seekers<Owner> {
  /** In turn: who was asked in vain goes to the end. */
  readonly #all = new Map<Owner, readonly string[]>();
  readonly #byKey = new Map<string, Set<Owner>>();

  /** Waits from now on, under what is known of its peer now. */
  add(owner: Owner, sought: Sought): void {
    const keys = keysOf(sought);
    const present = this.#all.get(owner);
    if (present?.join() === keys.join()) return;
    this.remove(owner);
    this.#all.set(owner, keys);
    for (const key of keys) {
      const owners = this.#byKey.get(key);
      if (owners) owners.add(owner);
      else this.#byKey.set(key, new Set([owner]));
    }
  }

  remove(owner: Owner): void {
    for (const key of this.#all.get(owner) ?? []) {
      const owners = this.#byKey.get(key);
      if (owners?.delete(owner) && owners.size === 0) this.#byKey.delete(key);
    }
    this.#all.delete(owner);
  }

  /** The first of at most four that says that the packet is its peer's. */
  find(
    ssrc: number | undefined,
    source: TransportAddress,
    isIts: (owner: Owner) => boolean,
  ): Owner | undefined {
    const asked = new Set<Owner>();
    for (const owner of this.#inOrder(ssrc, source)) {
      if (asked.has(owner)) continue;
      if (isIts(owner)) return owner;
      if (asked.add(owner).size === MAX_ASKED) break;
    }
    for (const owner of asked) this.#moveBack(owner);
    return undefined;
  }

  /** Entries, for tests that memory stays bounded. */
  get size(): number {
    return this.#all.size + this.#byKey.size;
  }

  *#inOrder(ssrc: number | undefined, source: TransportAddress): Iterable<Owner> {
    const keys = [
      ...(ssrc === undefined ? [] : [ssrcKey(ssrc)]),
      addressKey(source),
      ipOnlyKey(source.address),
    ];
    for (const key of keys) yield* this.#byKey.get(key) ?? [];
    yield* this.#all.keys();
  }

  #moveBack(owner: Owner): void {
    const keys = this.#all.get(owner);
    if (!keys) return;
    this.#all.delete(owner);
    this.#all.set(owner, keys);
    for (const key of keys) {
      const owners = this.#byKey.get(key);
      if (owners?.delete(owner)) owners.add(owner);
    }
  }
}

function keysOf({ ssrcs, signalled, peerAddress }: Sought): readonly string[] {
  return [
    ...ssrcs.map(ssrcKey),
    ...(signalled ? [addressKey(signalled)] : []),
    ...(peerAddress === undefined ? [] : [ipOnlyKey(peerAddress)]),
  ];
}

function ssrcKey(ssrc: number): string {
  return `ssrc ${ssrc}`;
}

function addressKey({ address, port }: TransportAddress): string {
  return `${port}|${ipKey(address)}`;
}

function ipOnlyKey(address: string): string {
  return `from ${ipKey(address)}`;
}
