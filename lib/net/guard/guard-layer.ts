// The guard of one dgram socket, in place: own `emit`, `send`, `connect`, `disconnect` and `remoteAddress` over the
// socket's. In comes what the engine accepted, out goes what is for a proven address. Fails closed: with no session,
// after a fault of ours, and for anything that it cannot read, nothing passes.
import type { RemoteInfo, Socket } from 'node:dgram';
import { countDrop, LatchkeyError } from '../../core/index.js';
import type { Component } from '../../core/index.js';
import { countRefused } from '../counters.js';
import type { SendCallback } from '../datagram-socket.js';
import { DgramSocket } from '../dgram-socket.js';
import { Destinations, isMiss } from './destinations.js';
import type { Miss } from './destinations.js';
import { HandleGate } from './handle-gate.js';
import { loosen } from './loosen.js';
import { MethodLayer } from './method-layer.js';
import { readSendArguments } from './send-arguments.js';
import type { SendCallback as DgramCallback } from './send-arguments.js';
import { feedOf, setFeed } from '../shared-socket.js';
import type { Consumer } from '../consumer.js';
import type { Feed, SharedSocket, SharedSockets } from '../shared-socket.js';
import { canonicalIp, isConnected, isIpv6Socket } from '../socket-address.js';
import { systemLookup, VirtualConnection } from './virtual-connection.js';
import type { Lookup } from './virtual-connection.js';

type Emit = (this: Socket, event: string | symbol, ...args: unknown[]) => boolean;
type Send = (this: Socket, message: unknown, ...rest: unknown[]) => void;
type Connect = (this: Socket, ...args: unknown[]) => void;
type RemoteAddress = (this: Socket) => unknown;

export class GuardLayer implements Feed {
  readonly #destinations: Destinations;
  readonly #connection: VirtualConnection;
  readonly #methods: MethodLayer;
  readonly #isIpv6: boolean;
  readonly #dgram: DgramSocket;
  #belowEmit!: Emit;
  #belowSend!: Send;
  #gate: HandleGate | undefined;
  #shared: SharedSocket | undefined;
  #holds = 0;

  /** The layer of a bound socket, laid where there is none. Throws LATCHKEY_SOCKET. */
  static of(socket: Socket, sockets: SharedSockets): GuardLayer {
    const present = feedOf(DgramSocket.of(socket));
    if (present instanceof GuardLayer && present.sockets === sockets) return present;
    sockets.check(socket);
    return new GuardLayer(socket, sockets, false, systemLookup);
  }

  constructor(
    readonly socket: Socket,
    readonly sockets: SharedSockets,
    /** Laid when the socket was made, and never taken off. */
    private readonly isFromBirth: boolean,
    private readonly lookup: Lookup,
  ) {
    this.#isIpv6 = isIpv6Socket(socket);
    this.#dgram = DgramSocket.of(socket);
    this.#destinations = new Destinations(sockets.loop);
    this.#connection = new VirtualConnection(socket, this.#isIpv6, lookup);
    if (!isFromBirth && isConnected(socket)) this.#connection.adopt(loosen(socket));
    this.#methods = new MethodLayer(socket);
    this.#lay();
    if (isFromBirth) socket.prependOnceListener('listening', () => this.#shutHandle());
    else this.#shutHandle();
    setFeed(this.#dgram, this);
  }

  /** One more guard: the layer stays until as many are released. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    if (--this.#holds > 0 || this.isFromBirth) return;
    this.#gate?.remove();
    this.#methods.remove();
    setFeed(this.#dgram, undefined);
    if (!this.#connection.peer || isClosed(this.socket)) return;
    // The application believes it connected: from here on the kernel believes it too.
    const { port, address } = this.#connection.remoteAddress();
    this.socket.connect(port, address);
  }

  attach(component: Component, consumer: Consumer): SharedSocket {
    this.#destinations.add(component);
    try {
      const shared = this.sockets.of(this.socket);
      shared.attach(component, consumer);
      return shared;
    } catch (error) {
      this.#destinations.delete(component);
      throw error;
    }
  }

  detach(component: Component): void {
    this.#destinations.delete(component);
  }

  /** Gives an accepted packet to the application's listeners; what they throw is theirs, as without a guard. */
  pass(component: Component, bytes: Buffer, info: RemoteInfo): boolean {
    const { peer } = this.#connection;
    // A connected socket hears only its peer: the peer's stream, wherever its media comes from now. Another that signalled the
    // same address is not heard in its place.
    if (peer && this.#destinations.find(peer.port, peer.address) !== component) return false;
    return this.#belowEmit.call(this.socket, 'message', bytes, info);
  }

  /** For SharedSocket: the one of our socket, as long as it has one. */
  onShared(shared: SharedSocket | undefined): void {
    this.#shared = shared;
  }

  /** For SharedSocket: past the guard. */
  send(bytes: Uint8Array, port: number, address: string, callback: SendCallback): void {
    this.#pass(bytes, port, address, callback);
  }

  /** The one way out. False where the system refused it at once. */
  #pass(
    bytes: Uint8Array,
    port: number,
    address: string,
    callback: SendCallback | DgramCallback | undefined,
  ): boolean {
    this.#gate?.open();
    let isTaken = true;
    try {
      this.#belowSend.call(this.socket, bytes, port, this.#dgram.written(address), callback);
    } finally {
      if (this.#gate) isTaken = this.#gate.shut();
    }
    return isTaken;
  }

  /** Not sooner than the socket is bound: until then it may get another handle. */
  #shutHandle(): void {
    this.#gate = HandleGate.of(this.socket, () => {
      countDrop(this.sockets.residue.counters, 'destination');
    });
  }

  #lay(): void {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the methods' own `this` is the socket
    const layer = this;
    const methods = this.#methods;
    this.#belowEmit = methods.lay<Emit>(
      'emit',
      (below) =>
        function emit(this: Socket, event, bytes, info) {
          if (event === 'message' && methods.isActive)
            return layer.#shared?.receiveOne(bytes as Buffer, info as RemoteInfo) ?? false;
          if (event === 'close' && methods.isActive) layer.#shared?.close();
          // Read one by one, and never handed on whole: else every packet would pay for an arguments object.
          const args: unknown[] = [];
          // eslint-disable-next-line prefer-rest-params
          for (let i = 1; i < arguments.length; i++) args.push(arguments[i]);
          return below.call(this, event, ...args);
        },
    );
    this.#belowSend = methods.lay<Send>(
      'send',
      (below) =>
        // eslint-disable-next-line max-params -- one by one, as Node declares them: a list for every packet would cost
        function send(this: Socket, message, a?, b?, c?, d?, e?) {
          if (!methods.isActive) return below.call(this, message, a, b, c, d, e);
          // The two signatures that media is sent with, when there is nothing to convert; the others are read in full.
          if (message instanceof Uint8Array && layer.#connection.peer === undefined) {
            if (isPort(a) && typeof b === 'string' && b !== '' && isCallback(c) && d === undefined)
              return layer.#route(message, a, b, c);
            const isWhole = a === 0 && b === message.byteLength;
            if (isWhole && isPort(c) && typeof d === 'string' && d !== '' && isCallback(e))
              return layer.#route(message, c, d, e);
          }
          layer.#read([message, a, b, c, d, e]);
        },
    );
    methods.lay<Connect>(
      'connect',
      (below) =>
        function connect(this: Socket, ...args) {
          if (!methods.isActive) return below.apply(this, args);
          layer.#connection.connect(
            args,
            (port, address) => !isMiss(layer.#destinations.find(port, address)),
          );
        },
    );
    methods.lay<Connect>(
      'disconnect',
      (below) =>
        function disconnect(this: Socket, ...args) {
          if (!methods.isActive) return below.apply(this, args);
          layer.#connection.disconnect();
        },
    );
    methods.lay<RemoteAddress>(
      'remoteAddress',
      (below) =>
        function remoteAddress(this: Socket) {
          return methods.isActive ? layer.#connection.remoteAddress() : below.call(this);
        },
    );
  }

  #read(args: readonly unknown[]): void {
    const { peer } = this.#connection;
    const { message, port, address, callback } = readSendArguments(args, peer !== undefined);
    const destination = peer?.address ?? address ?? (this.#isIpv6 ? '::1' : '127.0.0.1');
    this.#route(message, peer?.port ?? (port as number), destination, callback);
  }

  /** The per-packet way out: one look-up, one question to the core. */
  #route(message: Uint8Array, port: number, address: string, callback: DgramCallback | undefined): void {
    const component = this.#destinations.find(port, address);
    if (isMiss(component)) this.#miss(component, message, port, address, callback);
    else this.#forward(component, message, callback);
  }

  #forward(component: Component, message: Uint8Array, callback: DgramCallback | undefined): void {
    const shared = this.sockets.at(component.port);
    const payload = this.sockets.loop.payload(component, message);
    const destination = payload && shared && this.sockets.loop.destination(component, payload);
    if (shared === undefined || payload === undefined || destination === undefined) {
      // Like a packet lost on the line: the sender is told that it went out (protocol.md 5.6).
      if (callback) process.nextTick(callback, null, message.byteLength);
      return;
    }
    const address = shared.addresses.sent(destination.address, destination.port);
    if (shared === this.#shared) {
      if (!this.#pass(payload, destination.port, address, callback)) countRefused(component.counters);
      return;
    }
    const onSent: SendCallback = (error) => {
      if (error) countRefused(component.counters);
      callback?.(error ?? null, message.byteLength);
    };
    if (!shared.transmit(payload, destination, onSent)) countRefused(component.counters);
  }

  /** Names are looked up as dgram would; then the address must be a stream's. */
  #miss(
    miss: Miss,
    message: Uint8Array,
    port: number,
    address: string,
    callback: DgramCallback | undefined,
  ): void {
    throwIfClosed(this.socket);
    if (miss === 'ambiguous' || this.#destinations.size === 0 || canonicalIp(address) !== undefined)
      return this.#refuse(miss, port, address, callback);
    this.lookup(address, this.#isIpv6 ? 6 : 4, (error, resolved) => {
      if (error) {
        if (callback) callback(error, 0);
        else this.socket.emit('error', error);
        return;
      }
      const component = this.#destinations.find(port, resolved);
      if (isMiss(component)) this.#refuse(component, port, address, callback);
      else if (!isClosed(this.socket)) this.#forward(component, message, callback);
    });
  }

  #refuse(miss: Miss, port: number, address: string, callback: DgramCallback | undefined): void {
    const { only } = this.#destinations;
    countDrop((only ?? this.sockets.residue).counters, 'destination');
    if (!callback) return;
    const text =
      miss === 'ambiguous'
        ? 'is the address of two sessions on this socket that have proved theirs: use bind(), which needs no address'
        : 'is neither the signalled address nor the mapping of a session on this socket';
    process.nextTick(
      callback,
      new LatchkeyError('LATCHKEY_DESTINATION', `${address} port ${port} ${text}`),
      0,
    );
  }
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < 65536 && Number.isInteger(value);
}

function isCallback(value: unknown): value is DgramCallback | undefined {
  return value === undefined || typeof value === 'function';
}

/** Nothing tells it but the error: an unbound socket has EBADF, a closed one this. */
function throwIfClosed(socket: Socket): void {
  try {
    socket.address();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SOCKET_DGRAM_NOT_RUNNING') throw error;
  }
}

function isClosed(socket: Socket): boolean {
  try {
    throwIfClosed(socket);
    return false;
  } catch {
    return true;
  }
}
