// One UDP socket as the engine's Port, for one session or many: datagrams in to the engine and on to whom it
// names, the engine's own messages out. Hands on nothing that the engine did not accept.
import type { RemoteInfo } from 'node:dgram';
import { countDrop, createCounters, LatchkeyError } from '../core/index.js';
import type { Component, Counters, Delivery, Port } from '../core/index.js';
import { classifyPacket } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';
import type { Consumer } from './consumer.js';
import type {
  BindableSocket,
  Datagram,
  DatagramReceiver,
  DatagramSocket,
  DatagramSource,
  SendCallback,
} from './datagram-socket.js';
import { datagramSocketOf, DgramSocket } from './dgram-socket.js';
import { KnownSource } from './known-source.js';
import type { SourceHint } from './known-source.js';
import type { Flushable, Loop } from './loop.js';
import { SocketAddresses } from './socket-address.js';

/** A guard on a socket: it calls `receiveOne` of the socket's SharedSocket, and has the way to send past itself. */
export interface Feed extends Pick<DatagramSocket, 'send'> {
  readonly sockets: SharedSockets;
  onShared(shared: SharedSocket | undefined): void;
}

/** Which socket is whose: two latchkeys on one socket would both answer its challenges. */
const held = new WeakMap<DatagramSocket, SharedSocket>();
const feeds = new WeakMap<DatagramSocket, Feed>();

export function feedOf(socket: DatagramSocket): Feed | undefined {
  return feeds.get(socket);
}

/** A guard was laid on the socket, or taken off it. */
export function setFeed(socket: DatagramSocket, feed: Feed | undefined): void {
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
  of(given: BindableSocket): SharedSocket {
    const { socket, local } = this.check(given);
    const present = held.get(socket);
    if (present) return present;
    const shared = new SharedSocket(socket, local, this);
    held.set(socket, shared);
    this.#byPort.set(shared.port, shared);
    shared.onFeedChanged();
    return shared;
  }

  /** The socket and where it is bound. Throws LATCHKEY_SOCKET where it is not, or is another latchkey's. */
  check(given: BindableSocket): { readonly socket: DatagramSocket; readonly local: TransportAddress } {
    const socket = datagramSocketOf(given);
    const owner = socket && (feeds.get(socket)?.sockets ?? held.get(socket)?.owner);
    if (owner !== undefined && owner !== this)
      throw new LatchkeyError('LATCHKEY_SOCKET', 'the socket belongs to another latchkey');
    const local = socket?.local;
    if (socket === undefined || local === undefined || local.port === 0)
      throw new LatchkeyError(
        'LATCHKEY_SOCKET',
        'this needs a UDP socket that is bound: wait until it listens',
      );
    return { socket, local };
  }

  /** The one of this port of the engine's. */
  at(port: Port | undefined): SharedSocket | undefined {
    return port && this.#byPort.get(port);
  }

  /** Sends a message of the engine's. */
  transmit(port: Port, bytes: Uint8Array, destination: TransportAddress): void {
    if (!this.#byPort.get(port)?.transmit(bytes, destination, this.#onSent)) this.#countSendError();
  }

  /** Hands on payload that the engine held. */
  deliver(delivery: Delivery): void {
    this.#byPort.get(delivery.port)?.deliver(delivery);
  }

  forget(shared: SharedSocket): void {
    if (held.get(shared.socket) === shared) held.delete(shared.socket);
    this.#byPort.delete(shared.port);
  }

  releaseAll(): void {
    for (const shared of [...this.#byPort.values()]) shared.close();
  }

  #countSendError(): void {
    countDrop(this.residue.counters, 'sendError');
  }

  readonly #onSent: SendCallback = (error) => {
    if (error) this.#countSendError();
  };
}

export class SharedSocket implements DatagramReceiver, Flushable {
  readonly port: Port;
  readonly addresses: SocketAddresses;
  readonly loop: Loop;
  readonly #consumers = new Map<Component, Consumer>();
  /** The only one, where there is only one: spares the look-up per packet. */
  #onlyComponent: Component | undefined;
  #onlyConsumer: Consumer | undefined;
  /** Rises when somebody comes or goes. */
  #version = 0;
  /** Set while a guard feeds us: then we do not listen ourselves. */
  #feed: Feed | undefined;
  #isListening = false;
  /** One of dgram keeps nothing: it is spared the book-keeping for each packet. */
  readonly #mayKeep: boolean;
  #isUnflushed = false;
  /** It listens without anybody on it: a canary. */
  #isWatched = false;
  #isClosed = false;

  constructor(
    readonly socket: DatagramSocket,
    readonly local: TransportAddress,
    readonly owner: SharedSockets,
  ) {
    this.loop = owner.loop;
    this.#mayKeep = !(socket instanceof DgramSocket);
    const port = this.loop.engine.openPort(local);
    this.port = port;
    this.addresses = new SocketAddresses(
      local.address.includes(':'),
      (address, remotePort) => port.route(address, remotePort) !== undefined,
    );
  }

  has(component: Component): boolean {
    return this.#consumers.has(component);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Puts the component behind this socket alone. */
  attach(component: Component, consumer: Consumer): void {
    this.#enter(component, consumer, () => component.attach(this.port, this.loop.nowMs()));
  }

  /** Behind this one too. Throws LATCHKEY_STATE where it has two. */
  join(component: Component, consumer: Consumer): void {
    this.#enter(component, consumer, () => component.addPort(this.port, this.loop.nowMs()));
  }

  #enter(component: Component, consumer: Consumer, attach: () => void): void {
    this.#consumers.set(component, consumer);
    this.#findOnly();
    try {
      attach();
    } catch (error) {
      this.detach(component);
      throw error;
    }
    this.#listen();
    this.loop.epoch++;
    this.loop.drain();
  }

  /** Listens, though nobody is on it: what comes is told to the engine, and goes no further. */
  watch(): void {
    this.#isWatched = true;
    this.#listen();
  }

  unwatch(): void {
    this.#isWatched = false;
    this.releaseIfIdle();
  }

  /** Lets go of the component; with the last one, and no guard, of the socket as well. */
  detach(component: Component): void {
    if (!this.#consumers.delete(component)) return;
    component.removePort(this.port, this.loop.nowMs());
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

  /** For the socket below: a turn of the loop. */
  onBatch(batch: readonly Datagram[]): void {
    const { loop } = this;
    loop.beginTurn();
    try {
      // By index: a listener may close the socket, and what came after is for nobody then.
      for (let i = 0; i < batch.length && !this.#isClosed; i++) {
        const { bytes, source } = batch[i]!;
        this.#take(bytes, source);
      }
    } finally {
      loop.endTurn();
    }
  }

  /** For a guard, which hands on what it is fed, one by one. True where somebody heard it. */
  receiveOne(bytes: Buffer, source: DatagramSource): boolean {
    this.loop.beginTurn();
    try {
      return this.#take(bytes, source);
    } finally {
      this.loop.endTurn();
    }
  }

  /** Decides what kind of packet it is, once for all, and hands it to whom the engine accepts it for. */
  #take(bytes: Buffer, source: DatagramSource): boolean {
    const kind = classifyPacket(bytes);
    const address = this.addresses.received(source.address, source.port);
    if (address === undefined) return this.#drop();
    const { loop } = this;
    const hint = KnownSource.hintOf(source);
    const component = loop.receive(this.port, bytes, address, source.port, kind, hint);
    // What was protected comes to the application by `deliver`, until the next from there need not.
    if (hint === undefined && source instanceof KnownSource)
      if (component !== undefined || this.port.isJudged(address, source.port)) KnownSource.noteTaken(source);
    if (component === undefined) return false;
    const { opened } = loop;
    const payload = opened === undefined ? bytes : bufferOf(opened);
    return this.#consumerOf(component, hint)?.deliver(payload, source, kind) ?? false;
  }

  #consumerOf(component: Component, hint: SourceHint | undefined): Consumer | undefined {
    if (hint === undefined)
      return component === this.#onlyComponent ? this.#onlyConsumer : this.#consumers.get(component);
    if (hint.socket !== this || hint.version !== this.#version || hint.component !== component) {
      hint.socket = this;
      hint.version = this.#version;
      hint.component = component;
      hint.consumer = this.#consumers.get(component);
    }
    return hint.consumer;
  }

  /** It is no peer's, though the engine, which sees no zones, would take it for one's. */
  #drop(): false {
    const { counters } = this.owner.residue;
    counters.received++;
    countDrop(counters, 'unroutable');
    return false;
  }

  /** Payload that was held, as it would have come. An exception of a listener's is no fault of ours: it surfaces as ever. */
  deliver({ component, bytes, source, kind }: Delivery): void {
    const address = this.addresses.source(source.address, source.port);
    const family = address.includes(':') ? 'IPv6' : 'IPv4';
    const info: RemoteInfo = { address, family, port: source.port, size: bytes.length };
    try {
      this.#consumers.get(component)?.deliver(bufferOf(bytes), info, kind);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** Sends for the engine or a bound port. False: refused at once; `callback` tells of what fails later. */
  transmit(bytes: Uint8Array, destination: TransportAddress, callback: SendCallback): boolean {
    if (this.#isClosed) return false;
    const address = this.addresses.sent(destination.address, destination.port);
    try {
      (this.#feed ?? this.socket).send(bytes, destination.port, address, callback);
    } catch {
      return false; // closed under us, or connected by somebody: the socket says so by throwing
    }
    if (this.#mayKeep && !this.#isUnflushed) {
      this.#isUnflushed = true;
      this.loop.flushLater(this);
    }
    return true;
  }

  /** For the loop: the turn is over. */
  flush(): void {
    this.#isUnflushed = false;
    this.socket.flush();
  }

  /** ECONNREFUSED and the like say that one datagram was lost: counted, and no reason to end a process. */
  onError(): void {
    countDrop(this.owner.residue.counters, 'sendError');
  }

  onClose(): void {
    this.close();
  }

  /** The socket is gone, or this latchkey closes: everybody on it is told, the engine's port is closed. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const consumers = [...this.#consumers.values()];
    this.#consumers.clear();
    this.#findOnly();
    this.#release();
    for (const consumer of consumers) consumer.onSocketClosed(this.port);
  }

  #findOnly(): void {
    this.#version++;
    const [first] = this.#consumers.size === 1 ? this.#consumers : [];
    this.#onlyComponent = first?.[0];
    this.#onlyConsumer = first?.[1];
  }

  #listen(): void {
    if (this.#isListening || this.#feed || this.#isClosed) return;
    this.#isListening = true;
    this.socket.receive(this);
  }

  #unlisten(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    this.socket.receive(undefined);
  }

  /** Without anybody on it the socket is none of ours: the engine's port is closed. */
  releaseIfIdle(): void {
    if (this.#consumers.size > 0 || this.#isWatched || this.#isClosed) return;
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
}

/** The same memory. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
