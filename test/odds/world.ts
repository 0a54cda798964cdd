// The place of the odds in virtual time: one server with its range of ports, and the internet between it and the homes of the calls.
import type { TransportAddress } from '../../lib/wire/address.js';
import { Clock } from '../support/clock.js';
import { Network, instantLink } from '../support/network.js';
import type { Datagram, Node } from '../support/network.js';
import type { Prng } from '../support/prng.js';
import type { MediaServer, ServerHost, ServerKind } from './media-server.js';
import { PortRange } from './port-range.js';

/** Whoever is in a call, and what is sent to it. */
export interface Party {
  /** True where nothing of it goes on over the network. */
  intercepts(destination: TransportAddress): boolean;
  handleArrived(source: TransportAddress): void;
}

export class World implements Node, ServerHost {
  readonly name = 'server';
  readonly address = '203.0.113.1';
  readonly clock = new Clock();
  readonly prng: Prng;
  readonly kind: ServerKind;
  readonly range: PortRange;
  readonly internet: Network;
  readonly server: MediaServer;
  /** By each IP address at which somebody of the call is. */
  readonly #parties = new Map<string, Party>();

  constructor(kind: ServerKind, prng: Prng) {
    this.kind = kind;
    this.prng = prng.fork();
    this.internet = new Network(this.clock, prng.fork());
    this.internet.attach(this.address, this, instantLink);
    this.range = new PortRange(this.clock, prng.fork(), kind);
    this.server = kind.create(this);
  }

  join(party: Party, addresses: readonly string[]): void {
    for (const address of addresses) this.#parties.set(address, party);
  }

  handleDatagram({ source, destination, bytes }: Datagram): void {
    this.#parties.get(source.address)?.handleArrived(source);
    this.server.receive(destination.port, bytes, source);
  }

  transmit(port: number, destination: TransportAddress, bytes: Uint8Array): void {
    if (this.#parties.get(destination.address)?.intercepts(destination)) return;
    const source = { address: this.address, port };
    this.internet.send({ source, destination, bytes, origin: this.name }, instantLink);
  }
}
