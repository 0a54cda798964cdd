// One stream on a socket of its own or on a shared one: takes what the engine accepted for it, and sends to wherever the
// engine says that the peer is. Refuses to send anywhere else: it takes no address.
import { Socket } from 'node:dgram';
import { LatchkeyError } from '../core/index.js';
import type { Component, Port } from '../core/index.js';
import { classifyPacket } from '../wire/index.js';
import type { PacketClass, TransportAddress } from '../wire/index.js';
import { countRefused, snapshotOf } from './counters.js';
import type { CountersSnapshot } from './counters.js';
import type { BindableSocket, DatagramSource, SendCallback } from './datagram-socket.js';
import { datagramSocketOf } from './dgram-socket.js';
import type { MediaPort, MediaPortEvents } from './media-port.js';
import type { Consumer } from './consumer.js';
import { StreamSockets } from './stream-sockets.js';
import type { Loop } from './loop.js';
import type { SharedSocket, SharedSockets } from './shared-socket.js';
import { isConnected } from './socket-address.js';
import { SteadyEmitter } from './steady-emitter.js';

/** Which stream of its session it is. */
export type PortPlace = Pick<MediaPort, 'media' | 'component'>;

/** Its session. */
export interface PortOwner {
  readonly sockets: SharedSockets;
  onListenerError(error: unknown): void;
  onPortClosed(port: NetMediaPort): void;
}

/** A room: it has packets and the rest at once, before those who listen for the events. */
interface PacketReceiver {
  onPacket(bytes: Buffer, source: DatagramSource, kind: PacketClass, atMs: number): void;
  onReportsDue(port: MediaPort): void;
}

export class NetMediaPort extends SteadyEmitter<MediaPortEvents> implements MediaPort, Consumer {
  readonly #core: Component;
  readonly #owner: PortOwner;
  readonly #loop: Loop;
  readonly #sockets: StreamSockets;
  #isClosed = false;
  #receiver: PacketReceiver | undefined;
  /** What the kernel refuses later is counted: one function for all packets, since the first. */
  #onSent: SendCallback | undefined;
  #onGuestSent: SendCallback | undefined;

  constructor(core: Component, owner: PortOwner, socket: BindableSocket) {
    super();
    this.#core = core;
    this.#owner = owner;
    this.#loop = owner.sockets.loop;
    const shared = this.#sharedOf(socket);
    shared.attach(core, this);
    this.#sockets = new StreamSockets(core, this, shared);
  }

  get media(): number {
    return this.#core.media;
  }

  get component(): 1 | 2 {
    return this.#core.component;
  }

  get local(): TransportAddress {
    return this.#sockets.out.local;
  }

  get counters(): CountersSnapshot {
    return snapshotOf(this.#core.counters);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isKeyless(): boolean {
    const { kind } = this.#core;
    return kind !== 'latch' && kind !== 'ice' && kind !== 'srtp';
  }

  send(bytes: Uint8Array): boolean {
    if (!(bytes instanceof Uint8Array))
      throw new LatchkeyError('LATCHKEY_OPTION', 'send() accepts a Uint8Array');
    if (this.#isClosed) return false;
    const core = this.#core;
    const loop = this.#loop;
    // RTCP that shares the socket counts for itself.
    const sender = core.guest ? core.sharing.forKind(classifyPacket(bytes)) : core;
    const payload = loop.payload(sender, bytes);
    const destination = payload && loop.destination(sender, payload);
    if (payload === undefined || destination === undefined) return false;
    const onSent = sender === core ? (this.#onSent ??= noteSent(core)) : this.#noteGuestSent;
    const isSent = this.#sockets.out.transmit(payload, destination, onSent);
    if (!isSent) countRefused(sender.counters);
    return isSent;
  }

  /** For a room (its RoomPort). */
  attachReceiver(receiver: PacketReceiver): boolean {
    this.#receiver ??= receiver;
    return this.#receiver === receiver;
  }

  detachReceiver(receiver: PacketReceiver): void {
    if (this.#receiver === receiver) this.#receiver = undefined;
  }

  rebind(socket: BindableSocket): void {
    if (this.#isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the media port is closed');
    const core = this.#core;
    const loop = this.#loop;
    if (this.#sockets.out.socket !== datagramSocketOf(socket)) {
      const shared = this.#sharedOf(socket);
      shared.attach(core, this);
      this.#sockets.replace(shared);
    }
    core.handleLocalChange(loop.nowMs());
    loop.drain();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sockets.detach();
    this.#ended();
  }

  deliver(bytes: Buffer, source: DatagramSource, kind: PacketClass): boolean {
    const receiver = this.#receiver;
    const { turnMs } = this.#loop;
    // As `tell`, without a list of arguments more for each packet.
    try {
      receiver?.onPacket(bytes, source, kind, turnMs);
      const isHeard = this.hasListeners && this.emit('packet', bytes, source, kind, turnMs);
      return isHeard || receiver !== undefined;
    } catch (error) {
      this.onFailure(error);
      return true;
    }
  }

  /** For the session: it listens at this socket too. */
  listen(socket: BindableSocket): void {
    this.#sockets.join(this.#sharedOf(socket));
  }

  /** For the session: it listens here no more. */
  onReleased(local: TransportAddress): void {
    this.#sockets.release(local);
  }

  /** For the session: the core says that payload goes elsewhere from now on. */
  onMoved(): void {
    if (!this.#core.isJudging || !this.#core.isSealing) return;
    try {
      this.#receiver?.onReportsDue(this);
    } catch (error) {
      this.onFailure(error);
    }
    this.tell('reportsDue');
  }

  protected override tellFailure(error: unknown): boolean {
    this.#owner.onListenerError(error);
    return true;
  }

  onSocketClosed(port: Port): void {
    if (this.#isClosed || this.#sockets.forget(port)) return;
    this.#isClosed = true;
    this.#ended();
  }

  #sharedOf(socket: BindableSocket): SharedSocket {
    if (socket instanceof Socket && isConnected(socket))
      throw new LatchkeyError(
        'LATCHKEY_SOCKET',
        'the socket is connected: a mapping could not be heard. Bind it, do not connect it',
      );
    return this.#owner.sockets.of(socket);
  }

  #ended(): void {
    this.#owner.onPortClosed(this);
    this.tell('close');
  }

  get #noteGuestSent(): SendCallback {
    const core = this.#core;
    return (this.#onGuestSent ??= (error) => {
      const { guest } = core;
      if (error && guest) countRefused(guest.counters);
    });
  }
}

function noteSent({ counters }: Component): SendCallback {
  return (error) => {
    if (error) countRefused(counters);
  };
}
