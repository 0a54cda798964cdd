// An engine on the virtual network: the loop that a socket layer would be, in virtual time. After every input it
// drains transmits, then events, then sets the one timer. It keeps what the tests ask about, and judges nothing.
import { Engine } from '../../lib/core/index.js';
import type { Component, Delivery as Held, EngineOptions, LatchEvent, Port } from '../../lib/core/index.js';
import { isSameAddress, isSameBytes } from '../../lib/wire/index.js';
import type { TransportAddress } from '../../lib/wire/index.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import type { Clock, Task } from './clock.js';
import { testCrypto } from './crypto.js';
import type { Datagram, Link, Network, Node } from './network.js';
import type { Prng } from './prng.js';

export type SeenEvent = LatchEvent & { readonly atMs: number };

export interface Delivery {
  readonly atMs: number;
  readonly component: Component;
  readonly datagram: Datagram;
}

/** Sees everything that enters and leaves the engine, as it happens. */
export interface Observer {
  onReceived?(port: Port, datagram: Datagram): void;
  onDelivered?(port: Port, component: Component, datagram: Datagram): void;
  /** `component` is there for payload only: what is not payload is the engine's own. */
  onTransmitted?(port: Port, bytes: Uint8Array, destination: TransportAddress, component?: Component): void;
  onEvent?(event: SeenEvent): void;
}

export interface EngineHostOptions {
  readonly name: string;
  readonly network: Network;
  readonly address: string;
  readonly prng: Prng;
  readonly link?: Link;
  readonly engine?: Partial<EngineOptions>;
}

export const defaultEngineOptions: Partial<EngineOptions> = {
  policy: 'prefer',
  suites: ['HMAC-SHA-256', 'AES-256'],
  keepaliveS: 15,
  allowInsecureSignalling: false,
};

export class EngineHost implements Node {
  readonly name: string;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly events: SeenEvent[] = [];
  readonly delivered: Delivery[] = [];
  readonly observers: Observer[] = [];
  onPayload: ((component: Component, datagram: Datagram) => void) | undefined;
  #network: Network;
  #address: string;
  /** What was not accepted at once: it may be delivered later. */
  readonly #stray: Datagram[] = [];
  readonly #ports = new Map<string, Port>();
  #timer: Task | undefined;
  #wakesAtOnce = 0;

  constructor(options: EngineHostOptions) {
    this.name = options.name;
    this.#network = options.network;
    this.#address = options.address;
    this.clock = options.network.clock;
    const engine = { ...defaultEngineOptions, ...options.engine };
    this.engine = new Engine(engine, testCrypto, options.prng, nodeSrtpCrypto);
    options.network.attach(options.address, this, options.link);
  }

  get address(): string {
    return this.#address;
  }

  openPort(port: number, address = this.#address): Port {
    const opened = this.engine.openPort({ address, port });
    this.#ports.set(`${address}|${port}`, opened);
    return opened;
  }

  /** Another cable, another address: from Wi-Fi to the mobile network. Ports stay open where they were. */
  move(network: Network, address: string, link?: Link): void {
    this.#network.detach(this.#address);
    this.#network = network;
    this.#address = address;
    network.attach(address, this, link);
  }

  handleDatagram(datagram: Datagram): void {
    const port = this.#ports.get(`${datagram.destination.address}|${datagram.destination.port}`);
    if (port === undefined) return;
    for (const observer of this.observers) observer.onReceived?.(port, datagram);
    const { source, bytes } = datagram;
    const component = this.engine.handleDatagram(port, bytes, source.address, source.port, this.clock.nowMs);
    if (component === undefined && this.#stray.push(datagram) > 1000) this.#stray.shift();
    if (component !== undefined) this.#noteDelivered(port, component, datagram);
    this.drain();
    if (component !== undefined) this.onPayload?.(component, datagram);
  }

  #noteDelivered(port: Port, component: Component, datagram: Datagram): void {
    this.delivered.push({ atMs: this.clock.nowMs, component, datagram });
    for (const observer of this.observers) observer.onDelivered?.(port, component, datagram);
  }

  /** Sends payload of the application. False where the engine says that there is nowhere to send it. */
  send(component: Component, bytes: Uint8Array): boolean {
    const destination = component.handleSend(bytes, this.clock.nowMs);
    const port = component.port;
    if (destination !== undefined && port !== undefined) this.#transmit(port, bytes, destination, component);
    this.drain();
    return destination !== undefined;
  }

  /** To be called after every command given to the engine or to a session of it. */
  drain(): void {
    const { engine } = this;
    for (let sent = engine.pollTransmit(); sent !== undefined; sent = engine.pollTransmit())
      this.#transmit(sent.port, sent.bytes, sent.destination);
    for (let held = engine.pollDelivery(); held !== undefined; held = engine.pollDelivery())
      this.#deliverHeld(held);
    for (let event = engine.pollEvent(); event !== undefined; event = engine.pollEvent()) {
      const seen = { ...event, atMs: this.clock.nowMs };
      this.events.push(seen);
      for (const observer of this.observers) observer.onEvent?.(seen);
    }
    this.#setTimer(engine.pollTimeout());
  }

  eventsOf(type: LatchEvent['type'], sinceMs = -Infinity): SeenEvent[] {
    return this.events.filter((event) => event.type === type && event.atMs >= sinceMs);
  }

  #transmit(port: Port, bytes: Uint8Array, destination: TransportAddress, component?: Component): void {
    for (const observer of this.observers) observer.onTransmitted?.(port, bytes, destination, component);
    // Sent from an address that this host has left: no route.
    if (port.local.address !== this.#address) return;
    this.#network.send({ source: port.local, destination, bytes, origin: this.name });
  }

  #deliverHeld({ component, bytes, source }: Held): void {
    const isHeld = (one: Datagram): boolean =>
      isSameAddress(one.source, source) && isSameBytes(one.bytes, bytes);
    const datagram = this.#stray.find(isHeld);
    if (component.port === undefined || datagram === undefined)
      throw new Error('the engine delivers what never came');
    this.#noteDelivered(component.port, component, datagram);
    this.onPayload?.(component, datagram);
  }

  #setTimer(dueMs: number | undefined): void {
    if (this.#timer !== undefined && !this.#timer.isCancelled && this.#timer.atMs === dueMs) return;
    if (this.#timer !== undefined) this.#timer.isCancelled = true;
    this.#timer = undefined;
    if (dueMs === undefined) return;
    if (dueMs > this.clock.nowMs) this.#wakesAtOnce = 0;
    else if (++this.#wakesAtOnce > 10_000) throw new Error('the engine asks for the same moment without end');
    this.#timer = this.clock.at(dueMs, () => {
      this.#timer = undefined;
      this.engine.handleTimeout(this.clock.nowMs);
      this.drain();
    });
  }
}
