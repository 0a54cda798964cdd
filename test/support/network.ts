// A network of hosts that exchange UDP datagrams in virtual time, over links that delay, lose, reorder and
// duplicate. One `Network` is one address space: the inside of every NAT is another, so private addresses may
// overlap. It knows who really sent a datagram (`origin`), which no receiver may look at and every test may.
import type { TransportAddress } from '../../lib/wire/address.js';
import type { Clock } from './clock.js';
import type { Prng } from './prng.js';

export interface Datagram {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly bytes: Uint8Array;
  readonly origin: string;
}

export interface Node {
  readonly name: string;
  handleDatagram(datagram: Datagram): void;
}

/** What a node's cable does to every datagram, in each direction. Probabilities from 0 to 1. */
export interface Link {
  readonly delayMs: number;
  /** Up to this much more, drawn for each: what reorders. */
  readonly jitterMs: number;
  readonly loss: number;
  readonly duplication: number;
}

export const cleanLink: Link = { delayMs: 10, jitterMs: 0, loss: 0, duplication: 0 };
export const instantLink: Link = { delayMs: 0, jitterMs: 0, loss: 0, duplication: 0 };
export const roughLink: Link = { delayMs: 20, jitterMs: 30, loss: 0.05, duplication: 0.05 };

interface Attachment {
  readonly node: Node;
  link: Link;
}

export type Tap = (datagram: Datagram) => void;

export class Network {
  readonly clock: Clock;
  readonly prng: Prng;
  /** Takes what no host here has the address of: the NAT, seen from its inside. */
  gateway: ((datagram: Datagram) => void) | undefined;
  readonly taps = new Set<Tap>();
  unreachable = 0;
  readonly #attachments = new Map<string, Attachment>();

  constructor(clock: Clock, prng: Prng) {
    this.clock = clock;
    this.prng = prng;
  }

  attach(address: string, node: Node, link: Link = cleanLink): void {
    if (this.#attachments.has(address)) throw new Error(`${address} is taken`);
    this.#attachments.set(address, { node, link });
  }

  detach(address: string): void {
    this.#attachments.delete(address);
  }

  setLink(address: string, link: Link): void {
    const attachment = this.#attachments.get(address);
    if (attachment !== undefined) attachment.link = link;
  }

  linkOf(address: string): Link | undefined {
    return this.#attachments.get(address)?.link;
  }

  /** Sends over `via`, the sender's own cable; by default that of the host that owns the source address. */
  send(datagram: Datagram, via?: Link): void {
    for (const tap of this.taps) tap(datagram);
    const up = via ?? this.#attachments.get(datagram.source.address)?.link ?? instantLink;
    const down = this.#attachments.get(datagram.destination.address)?.link ?? instantLink;
    this.#carry(datagram, up, down);
    if (this.prng.chance(up.duplication + down.duplication)) this.#carry(datagram, up, down);
  }

  #carry(datagram: Datagram, up: Link, down: Link): void {
    if (this.prng.chance(up.loss) || this.prng.chance(down.loss)) return;
    const jitterMs = up.jitterMs + down.jitterMs;
    const delayMs = up.delayMs + down.delayMs + (jitterMs === 0 ? 0 : this.prng.next() * jitterMs);
    this.clock.after(delayMs, () => this.#arrive(datagram));
  }

  #arrive(datagram: Datagram): void {
    const attachment = this.#attachments.get(datagram.destination.address);
    if (attachment !== undefined) attachment.node.handleDatagram(datagram);
    else if (this.gateway !== undefined) this.gateway(datagram);
    else this.unreachable++;
  }
}
