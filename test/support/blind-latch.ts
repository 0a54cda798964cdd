// The positive control: a server that latches blindly, as RFC 7362 describes, and a phone that calls it. `lock`
// stays with the first source it hears until the next re-INVITE; `follow` goes wherever the last packet came from.
// Between them they are every media server without keys. Not for use.
import type { TransportAddress } from '../../lib/wire/address.js';
import { isMedia } from './media.js';
import type { MediaStream } from './media.js';
import type { Datagram, Link, Network, Node } from './network.js';

export type BlindVariant = 'lock' | 'follow';

export interface Received {
  readonly atMs: number;
  readonly component: 1 | 2;
  readonly datagram: Datagram;
}

interface BlindComponent {
  readonly local: TransportAddress;
  readonly signalled: TransportAddress;
  latched: TransportAddress | undefined;
}

const isSame = (a: TransportAddress, b: TransportAddress): boolean =>
  a.address === b.address && a.port === b.port;

export class BlindLatch implements Node {
  readonly name = 'server';
  readonly variant: BlindVariant;
  readonly received: Received[] = [];
  readonly #network: Network;
  readonly #components: readonly [BlindComponent, BlindComponent];

  constructor(
    network: Network,
    variant: BlindVariant,
    rtp: TransportAddress,
    signalled: TransportAddress,
    link?: Link,
  ) {
    this.#network = network;
    this.variant = variant;
    const next = ({ address, port }: TransportAddress): TransportAddress => ({ address, port: port + 1 });
    this.#components = [
      { local: rtp, signalled, latched: undefined },
      { local: next(rtp), signalled: next(signalled), latched: undefined },
    ];
    network.attach(rtp.address, this, link);
  }

  /** Learns again, as after every re-INVITE. */
  relearn(): void {
    for (const component of this.#components) component.latched = undefined;
  }

  handleDatagram(datagram: Datagram): void {
    const index = this.#components.findIndex(({ local }) => local.port === datagram.destination.port);
    const component = this.#components[index];
    if (component === undefined || !isMedia(datagram.bytes)) return;
    if (this.variant === 'follow' || component.latched === undefined) component.latched = datagram.source;
    if (!isSame(component.latched, datagram.source)) return;
    this.received.push({ atMs: this.#network.clock.nowMs, component: index === 0 ? 1 : 2, datagram });
  }

  send(component: 1 | 2, bytes: Uint8Array): void {
    const { local, latched, signalled } = this.#components[component - 1] as BlindComponent;
    this.#network.send({ source: local, destination: latched ?? signalled, bytes, origin: this.name });
  }
}

/** A phone without a key: it talks to, and hears, the address it was given. */
export class PlainPhone implements Node {
  readonly name = 'caller';
  readonly stream: MediaStream;
  readonly received: Received[] = [];
  readonly #network: Network;
  readonly #local: TransportAddress;
  readonly #server: TransportAddress;

  constructor(
    network: Network,
    local: TransportAddress,
    server: TransportAddress,
    stream: MediaStream,
    link?: Link,
  ) {
    this.#network = network;
    this.#local = local;
    this.#server = server;
    this.stream = stream;
    network.attach(local.address, this, link);
  }

  handleDatagram(datagram: Datagram): void {
    const component = datagram.destination.port === this.#local.port ? 1 : 2;
    const from = { address: this.#server.address, port: this.#server.port + component - 1 };
    if (!isMedia(datagram.bytes) || !isSame(from, datagram.source)) return;
    this.received.push({ atMs: this.#network.clock.nowMs, component, datagram });
  }

  send(component: 1 | 2, bytes: Uint8Array): void {
    const shift = ({ address, port }: TransportAddress): TransportAddress => ({
      address,
      port: port + component - 1,
    });
    this.#network.send({
      source: shift(this.#local),
      destination: shift(this.#server),
      bytes,
      origin: this.name,
    });
  }
}
