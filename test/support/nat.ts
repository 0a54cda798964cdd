// A NAT by RFC 4787: how it maps times how it filters, and what it does to a call in mid life: another external
// port, another external address, a mapping that times out. It never looks inside a datagram.
import type { TransportAddress } from '../../lib/wire/address.js';
import { Network, cleanLink, instantLink } from './network.js';
import type { Datagram, Link, Node } from './network.js';

export type Behaviour = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';
export const behaviours: readonly Behaviour[] = [
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
];

export interface NatOptions {
  readonly name: string;
  /** The external address, in the outside network. */
  readonly address: string;
  readonly mapping: Behaviour;
  readonly filtering: Behaviour;
  /** How long a mapping lives without outgoing packets (RFC 4787 REQ-5 asks for two minutes). */
  readonly timeoutMs?: number;
  readonly hairpin?: boolean;
  /** The external port is the inside port where that is free, until the first rebinding. */
  readonly isPortPreserving?: boolean;
  /** So many external ports and no more: a port that one client has left is soon another's. */
  readonly poolSize?: number;
  readonly link?: Link;
}

interface Mapping {
  readonly inside: TransportAddress;
  readonly key: string;
  readonly port: number;
  lastOutMs: number;
  readonly contacted: Set<string>;
}

const endpointKey = (behaviour: Behaviour, remote: TransportAddress): string => {
  switch (behaviour) {
    case 'endpoint-independent':
      return '';
    case 'address-dependent':
      return remote.address;
    case 'address-and-port-dependent':
      return `${remote.address}|${remote.port}`;
  }
};

export class Nat implements Node {
  readonly name: string;
  readonly inside: Network;
  readonly options: NatOptions;
  filtered = 0;
  readonly #outside: Network;
  readonly #link: Link;
  readonly #timeoutMs: number;
  #address: string;
  #nextPort: number;
  readonly #firstPort: number;
  #isPreserving: boolean;
  readonly #byKey = new Map<string, Mapping>();
  readonly #byPort = new Map<number, Mapping>();

  constructor(outside: Network, options: NatOptions) {
    this.name = options.name;
    this.options = options;
    this.#outside = outside;
    this.#link = options.link ?? cleanLink;
    this.#timeoutMs = options.timeoutMs ?? 120_000;
    this.#address = options.address;
    this.#firstPort = 20_000 + outside.prng.integer(10_000);
    this.#nextPort = this.#firstPort;
    this.#isPreserving = options.isPortPreserving ?? false;
    this.inside = new Network(outside.clock, outside.prng);
    this.inside.gateway = (datagram) => this.#handleInside(datagram);
    outside.attach(options.address, this, this.#link);
  }

  get address(): string {
    return this.#address;
  }

  /** The external address of every live mapping of this inside address. */
  mappingsOf(inside: TransportAddress): TransportAddress[] {
    const found: TransportAddress[] = [];
    for (const mapping of this.#byPort.values())
      if (mapping.inside.address === inside.address && mapping.inside.port === inside.port)
        if (!this.#isDead(mapping)) found.push({ address: this.#address, port: mapping.port });
    return found;
  }

  /** Every mapping gets another external port with its next packet; the old ports are dead, without a pool for ever. */
  rebind(): void {
    this.#byKey.clear();
    this.#byPort.clear();
    this.#isPreserving = false;
    if (this.options.poolSize === undefined) this.#nextPort += 100;
    else this.#nextPort = this.#firstPort + this.#outside.prng.integer(this.options.poolSize);
  }

  /** The external address changes, and with it every mapping; `isPortKept` tells whether the ports survive. */
  renumber(address: string, isPortKept = false): void {
    this.#outside.detach(this.#address);
    this.#address = address;
    this.#outside.attach(address, this, this.#link);
    if (!isPortKept) this.rebind();
  }

  /** From the inside, out. */
  #handleInside(datagram: Datagram): void {
    const { source, destination } = datagram;
    const external: TransportAddress = { address: this.#address, port: this.#map(source, destination).port };
    const translated = { ...datagram, source: external };
    if (destination.address !== this.#address) this.#outside.send(translated, this.#link);
    else if (this.options.hairpin === true) this.handleDatagram(translated);
  }

  /** From the outside, in. */
  handleDatagram(datagram: Datagram): void {
    const mapping = this.#byPort.get(datagram.destination.port);
    if (
      mapping === undefined ||
      this.#isDead(mapping) ||
      !mapping.contacted.has(endpointKey(this.options.filtering, datagram.source))
    ) {
      this.filtered++;
      return;
    }
    this.inside.send({ ...datagram, destination: mapping.inside }, instantLink);
  }

  #isDead(mapping: Mapping): boolean {
    return this.#outside.clock.nowMs - mapping.lastOutMs > this.#timeoutMs;
  }

  #map(inside: TransportAddress, remote: TransportAddress): Mapping {
    const key = `${inside.address}|${inside.port}|${endpointKey(this.options.mapping, remote)}`;
    let mapping = this.#byKey.get(key);
    if (mapping !== undefined && this.#isDead(mapping)) {
      this.#byKey.delete(key);
      this.#byPort.delete(mapping.port);
      mapping = undefined;
    }
    if (mapping === undefined) {
      mapping = { inside, key, port: this.#takePort(inside.port), lastOutMs: 0, contacted: new Set() };
      this.#byKey.set(key, mapping);
      this.#byPort.set(mapping.port, mapping);
    }
    mapping.lastOutMs = this.#outside.clock.nowMs;
    mapping.contacted.add(endpointKey(this.options.filtering, remote));
    return mapping;
  }

  #takePort(insidePort: number): number {
    if (this.#isPreserving && !this.#byPort.has(insidePort)) return insidePort;
    const { poolSize } = this.options;
    for (let tries = 0; ; tries++) {
      const port = this.#nextPort++;
      if (poolSize !== undefined && this.#nextPort >= this.#firstPort + poolSize)
        this.#nextPort = this.#firstPort;
      const holder = this.#byPort.get(port);
      if (holder === undefined) return port;
      if (poolSize === undefined || (!this.#isDead(holder) && tries < poolSize)) continue;
      this.#byKey.delete(holder.key);
      return port;
    }
  }
}
