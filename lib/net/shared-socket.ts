// One dgram socket as the engine's Port, for one session or many: datagrams in to the engine and on to whom it
// names, the engine's own messages out. Hands on nothing that the engine did not accept.
import type { RemoteInfo, Socket } from 'node:dgram';
import { LatchkeyError } from '../core/index.js';
import type { Component, Port, TransportAddress } from '../core/index.js';
import type { Loop } from './loop.js';
import { localAddress, SocketAddresses } from './socket-address.js';

/** Takes what the engine accepted for one component. */
export interface Consumer {
  /** True where somebody heard it. */
  deliver(bytes: Buffer, info: RemoteInfo): boolean;
  onSocketClosed(): void;
}

type Send = (bytes: Uint8Array, port: number, address: string, callback: SendCallback) => void;
type SendCallback = (error: Error | null) => void;

/** Which socket is whose: two latchkeys on one socket would both answer its challenges. */
const held = new WeakMap<Socket, SharedSocket>();

/** The sockets of one latchkey by the engine's port. */
export class SharedSockets {
  readonly #byPort = new Map<Port, SharedSocket>();

  constructor(readonly loop: Loop) {}

  /** The one SharedSocket of a bound socket, made where there is none. */
  of(socket: Socket): SharedSocket {
    const present = held.get(socket);
    if (present?.loop === this.loop) return present;
    if (present) throw new LatchkeyError('LATCHKEY_SOCKET', 'the socket belongs to another latchkey');
    const local = localAddress(socket);
    if (local === undefined || local.port === 0)
      throw new LatchkeyError('LATCHKEY_SOCKET', 'the socket is not bound, or is closed: call this when it listens');
    const shared = new SharedSocket(socket, local, this);
    held.set(socket, shared);
    this.#byPort.set(shared.port, shared);
    return shared;
  }

  transmit(port: Port, bytes: Uint8Array, destination: TransportAddress): boolean {
    return this.#byPort.get(port)?.transmit(bytes, destination) ?? false;
  }

  forget(shared: SharedSocket): void {
    if (held.get(shared.socket) === shared) held.delete(shared.socket);
    this.#byPort.delete(shared.port);
  }

  releaseAll(): void {
    for (const shared of [...this.#byPort.values()]) shared.close();
  }
}

export class SharedSocket {
  readonly port: Port;
  readonly addresses: SocketAddresses;
  readonly loop: Loop;
  /** Datagrams that the kernel refused to send: protocol messages, and payload of bound ports. */
  sendErrors = 0;
  readonly #consumers = new Map<Component, Consumer>();
  /** The only one, where there is only one: spares the look-up per packet. */
  #onlyComponent: Component | undefined;
  #onlyConsumer: Consumer | undefined;
  /** Set while a guard feeds us: then we do not listen ourselves. */
  #guardSend: Send | undefined;
  #isListening = false;
  #isClosed = false;

  constructor(
    readonly socket: Socket,
    readonly local: TransportAddress,
    private readonly owner: SharedSockets,
  ) {
    this.loop = owner.loop;
    this.addresses = new SocketAddresses(local.address.includes(':') || socket.address().family === 'IPv6');
    this.port = this.loop.engine.openPort(local);
  }

  has(component: Component): boolean {
    return this.#consumers.has(component);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  attach(component: Component, consumer: Consumer): void {
    this.#consumers.set(component, consumer);
    this.#findOnly();
    this.#listen();
    component.attach(this.port, this.loop.nowMs());
    this.loop.epoch++;
    this.loop.drain();
  }

  /** Lets go of the component; with the last one, and no guard, of the socket as well. */
  detach(component: Component): void {
    if (!this.#consumers.delete(component)) return;
    this.#findOnly();
    this.loop.epoch++;
    this.#releaseIfIdle();
  }

  /** A guard takes over the receiving: it calls `receive`, and gives the way to send past itself. */
  takeOver(send: Send): void {
    this.#guardSend = send;
    this.#unlisten();
  }

  /** The guard is gone: bound ports go on by themselves. */
  giveBack(): void {
    this.#guardSend = undefined;
    if (this.#consumers.size > 0) this.#listen();
    this.#releaseIfIdle();
  }

  /** Who gets this datagram; undefined: nobody. */
  receive(bytes: Uint8Array, info: RemoteInfo): Consumer | undefined {
    const component = this.loop.receive(this.port, bytes, this.addresses.received(info.address), info.port);
    if (component === undefined) return undefined;
    return component === this.#onlyComponent ? this.#onlyConsumer : this.#consumers.get(component);
  }

  /** Sends for the engine or a bound port. False: refused at once; `callback` tells of what fails later. */
  transmit(bytes: Uint8Array, destination: TransportAddress, callback: SendCallback = this.#onSent): boolean {
    if (this.#isClosed) return false;
    const address = this.addresses.sent(destination.address);
    try {
      if (this.#guardSend) this.#guardSend(bytes, destination.port, address, callback);
      else this.socket.send(bytes, destination.port, address, callback);
      return true;
    } catch {
      this.sendErrors++; // closed under us, or connected by somebody: the socket says so by throwing
      return false;
    }
  }

  /** The socket is gone, or this latchkey closes: everybody on it is told, the engine's port is closed. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const consumers = [...this.#consumers.values()];
    this.#consumers.clear();
    this.#findOnly();
    this.#release();
    for (const consumer of consumers) consumer.onSocketClosed();
  }

  #findOnly(): void {
    const [first] = this.#consumers.size === 1 ? this.#consumers : [];
    this.#onlyComponent = first?.[0];
    this.#onlyConsumer = first?.[1];
  }

  #listen(): void {
    if (this.#isListening || this.#guardSend || this.#isClosed) return;
    this.#isListening = true;
    this.socket.on('message', this.#onMessage).on('error', this.#onError).on('close', this.#onClose);
  }

  #unlisten(): void {
    this.#isListening = false;
    this.socket.off('message', this.#onMessage).off('error', this.#onError).off('close', this.#onClose);
  }

  #releaseIfIdle(): void {
    if (this.#consumers.size > 0 || this.#guardSend || this.#isClosed) return;
    this.#isClosed = true;
    this.#release();
  }

  #release(): void {
    this.#unlisten();
    this.owner.forget(this);
    this.loop.engine.closePort(this.port);
    this.loop.epoch++;
    this.loop.drain();
  }

  readonly #onMessage = (bytes: Buffer, info: RemoteInfo): void => {
    this.receive(bytes, info)?.deliver(bytes, info);
  };

  /** ECONNREFUSED and the like say that one datagram was lost: counted, and no reason to end a process. */
  readonly #onError = (): void => {
    this.sendErrors++;
  };

  readonly #onSent = (error: Error | null): void => {
    if (error) this.sendErrors++;
  };

  readonly #onClose = (): void => this.close();
}
