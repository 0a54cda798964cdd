// One dgram socket as the engine's Port, for one session or many: datagrams in to the engine and on to whom it
// names, the engine's own messages out. Hands on nothing that the engine did not accept.
import { Socket as DgramSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { createCounters, LatchkeyError } from '../core/index.js';
import type { Component, Counters, Delivery, Port } from '../core/index.js';
import type { TransportAddress } from '../wire/index.js';
import type { Loop } from './loop.js';
import { isIpv6Socket, localAddress, SocketAddresses } from './socket-address.js';

/** Takes what the engine accepted for one component. */
export interface Consumer {
  /** True where somebody heard it. */
  deliver(bytes: Buffer, info: RemoteInfo): boolean;
  onSocketClosed(): void;
}

type SendCallback = (error: Error | null) => void;

/** A guard on a socket: it calls `receive` of the socket's SharedSocket, and has the way to send past itself. */
export interface Feed {
  readonly sockets: SharedSockets;
  send(bytes: Uint8Array, port: number, address: string, callback: SendCallback): void;
  onShared(shared: SharedSocket | undefined): void;
}

/** Which socket is whose: two latchkeys on one socket would both answer its challenges. */
const held = new WeakMap<Socket, SharedSocket>();
const feeds = new WeakMap<Socket, Feed>();

export function feedOf(socket: Socket): Feed | undefined {
  return feeds.get(socket);
}

/** A guard was laid on the socket, or taken off it. */
export function setFeed(socket: Socket, feed: Feed | undefined): void {
  if (feed) feeds.set(socket, feed);
  else feeds.delete(socket);
  held.get(socket)?.onFeedChanged();
}

/** The sockets of one latchkey by the engine's port. */
export class SharedSockets {
  readonly #byPort = new Map<Port, SharedSocket>();
  /** Counts what belongs to no session: messages that the kernel refused, packets for nobody, faults of ours. */
  readonly residue: { readonly counters: Counters } = { counters: createCounters() };

  constructor(readonly loop: Loop) {}

  /** The one SharedSocket of a bound socket, made where there is none. Throws LATCHKEY_SOCKET. */
  of(socket: Socket): SharedSocket {
    const local = this.check(socket);
    const present = held.get(socket);
    if (present) return present;
    const shared = new SharedSocket(socket, local, this);
    held.set(socket, shared);
    this.#byPort.set(shared.port, shared);
    shared.onFeedChanged();
    return shared;
  }

  /** Where the socket is bound. Throws LATCHKEY_SOCKET where it is not, or is another latchkey's. */
  check(socket: Socket): TransportAddress {
    const owner = feeds.get(socket)?.sockets ?? held.get(socket)?.owner;
    if (owner !== undefined && owner !== this)
      throw new LatchkeyError('LATCHKEY_SOCKET', 'the socket belongs to another latchkey');
    const local = socket instanceof DgramSocket ? localAddress(socket) : undefined;
    if (local === undefined || local.port === 0)
      throw new LatchkeyError(
        'LATCHKEY_SOCKET',
        'this needs a dgram socket that is bound: wait until it listens',
      );
    return local;
  }

  /** Sends a message of the engine's. */
  transmit(port: Port, bytes: Uint8Array, destination: TransportAddress): void {
    if (!this.#byPort.get(port)?.transmit(bytes, destination, this.#onSent)) this.#countSendError();
  }

  /** Hands on payload that the engine held. */
  deliver({ component, bytes, source }: Delivery): void {
    if (component.port) this.#byPort.get(component.port)?.deliver(component, bytes, source);
  }

  forget(shared: SharedSocket): void {
    if (held.get(shared.socket) === shared) held.delete(shared.socket);
    this.#byPort.delete(shared.port);
  }

  releaseAll(): void {
    for (const shared of [...this.#byPort.values()]) shared.close();
  }

  #countSendError(): void {
    this.residue.counters.dropped.sendError++;
  }

  readonly #onSent: SendCallback = (error) => {
    if (error) this.#countSendError();
  };
}

export class SharedSocket {
  readonly port: Port;
  readonly addresses: SocketAddresses;
  readonly loop: Loop;
  readonly #consumers = new Map<Component, Consumer>();
  /** The only one, where there is only one: spares the look-up per packet. */
  #onlyComponent: Component | undefined;
  #onlyConsumer: Consumer | undefined;
  /** Set while a guard feeds us: then we do not listen ourselves. */
  #feed: Feed | undefined;
  #isListening = false;
  #isClosed = false;

  constructor(
    readonly socket: Socket,
    readonly local: TransportAddress,
    readonly owner: SharedSockets,
  ) {
    this.loop = owner.loop;
    this.addresses = new SocketAddresses(isIpv6Socket(socket));
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
    try {
      component.attach(this.port, this.loop.nowMs());
    } catch (error) {
      this.detach(component);
      throw error;
    }
    this.#listen();
    this.loop.epoch++;
    this.loop.drain();
  }

  /** Lets go of the component; with the last one, and no guard, of the socket as well. */
  detach(component: Component): void {
    if (!this.#consumers.delete(component)) return;
    // Not where it has moved to another socket already.
    if (component.port === this.port) component.detach(this.loop.nowMs());
    this.#findOnly();
    this.loop.epoch++;
    this.releaseIfIdle();
  }

  /** A guard feeds us from now on, or does no more. */
  onFeedChanged(): void {
    if (this.#isClosed) return;
    this.#feed = feeds.get(this.socket);
    if (this.#feed) this.#unlisten();
    else if (this.#consumers.size > 0) this.#listen();
    this.#feed?.onShared(this);
  }

  /** Hands the datagram to whom the engine accepts it for. True where somebody heard it. */
  receive(bytes: Buffer, info: RemoteInfo): boolean {
    const component = this.loop.receive(this.port, bytes, this.addresses.received(info.address), info.port);
    if (component === undefined) return false;
    try {
      if (component === this.#onlyComponent) return this.#onlyConsumer?.deliver(bytes, info) ?? false;
      return this.#consumers.get(component)?.deliver(bytes, info) ?? false;
    } finally {
      this.loop.endTurn();
    }
  }

  /** Payload that was held, as it would have come. An exception of a listener's is no fault of ours: it surfaces as ever. */
  deliver(component: Component, bytes: Uint8Array, source: TransportAddress): void {
    const address = this.addresses.sent(source.address);
    const family = address.includes(':') ? 'IPv6' : 'IPv4';
    const info: RemoteInfo = { address, family, port: source.port, size: bytes.length };
    try {
      this.#consumers
        .get(component)
        ?.deliver(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), info);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** Sends for the engine or a bound port. False: refused at once; `callback` tells of what fails later. */
  transmit(bytes: Uint8Array, destination: TransportAddress, callback: SendCallback): boolean {
    if (this.#isClosed) return false;
    const address = this.addresses.sent(destination.address);
    try {
      (this.#feed ?? this.socket).send(bytes, destination.port, address, callback);
      return true;
    } catch {
      return false; // closed under us, or connected by somebody: the socket says so by throwing
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
    if (this.#isListening || this.#feed || this.#isClosed) return;
    this.#isListening = true;
    this.socket.on('message', this.#onMessage).on('error', this.#onError).on('close', this.#onClose);
  }

  #unlisten(): void {
    this.#isListening = false;
    this.socket.off('message', this.#onMessage).off('error', this.#onError).off('close', this.#onClose);
  }

  /** Without anybody on it the socket is none of ours: the engine's port is closed. */
  releaseIfIdle(): void {
    if (this.#consumers.size > 0 || this.#isClosed) return;
    this.#isClosed = true;
    this.#release();
  }

  #release(): void {
    this.#unlisten();
    this.#feed?.onShared(undefined);
    this.owner.forget(this);
    this.loop.engine.closePort(this.port, this.loop.nowMs());
    this.loop.epoch++;
    this.loop.drain();
  }

  readonly #onMessage = (bytes: Buffer, info: RemoteInfo): void => {
    this.receive(bytes, info);
  };

  /** ECONNREFUSED and the like say that one datagram was lost: counted, and no reason to end a process. */
  readonly #onError = (): void => {
    this.owner.residue.counters.dropped.sendError++;
  };

  readonly #onClose = (): void => this.close();
}
