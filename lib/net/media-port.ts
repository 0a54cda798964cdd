// A media port on a socket that latchkey may have to itself: accepted packets in, packets out to wherever the
// peer has proved to be. Refuses to send anywhere else: it takes no address.
import { EventEmitter } from 'node:events';
import type { RemoteInfo, Socket } from 'node:dgram';
import { LatchkeyError } from '../core/index.js';
import type { Component, Counters } from '../core/index.js';
import type { TransportAddress } from '../wire/index.js';
import type { Consumer, SharedSocket, SharedSockets } from './shared-socket.js';
import { isConnected } from './socket-address.js';

export interface MediaPortEvents {
  /** An accepted packet of the peer, and the address that it really came from. */
  packet: [bytes: Buffer, info: RemoteInfo];
  /** The port is closed: by `close()`, with its session, or because its socket was closed. */
  close: [];
}

export interface MediaPortSite {
  readonly media: number;
  readonly component: 1 | 2;
  readonly core: Component;
  readonly sockets: SharedSockets;
  readonly onListenerError: (error: unknown) => void;
  readonly onClosed: () => void;
}

/** Made by `session.bind(socket)`. */
export class MediaPort extends EventEmitter<MediaPortEvents> implements Consumer {
  /** Index of the m= section. */
  readonly media: number;
  readonly component: 1 | 2;
  readonly #site: MediaPortSite;
  #shared: SharedSocket;
  #isClosed = false;

  /** Made by `session.bind`, not by hand. */
  constructor(site: MediaPortSite, socket: Socket) {
    super();
    this.media = site.media;
    this.component = site.component;
    this.#site = site;
    this.#shared = this.#attach(socket);
  }

  /** Where the socket is bound. */
  get local(): TransportAddress {
    return this.#shared.local;
  }

  get counters(): Counters {
    return this.#site.core.counters;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Sends one packet to the peer. False: it was dropped and counted, because no address of the peer is proved yet
   * (as on a lossy line), the port is closed, or the socket refused it. The bytes must stay as they are until they are out.
   * Throws LATCHKEY_OPTION for what is no Uint8Array.
   */
  send(bytes: Uint8Array): boolean {
    if (!(bytes instanceof Uint8Array))
      throw new LatchkeyError('LATCHKEY_OPTION', 'send() accepts a Uint8Array');
    if (this.#isClosed) return false;
    const { core, sockets } = this.#site;
    const destination = sockets.loop.destination(core, bytes);
    if (destination === undefined) return false;
    const isSent = this.#shared.transmit(bytes, destination, this.#onSent);
    if (!isSent) core.counters.dropped.sendError++;
    return isSent;
  }

  /**
   * The local address changed (a prover that went from Wi-Fi to mobile data): moves to another bound socket, says
   * hello from there at once, and lets go of the old socket, which stays open. Throws LATCHKEY_SOCKET, LATCHKEY_CLOSED.
   */
  rebind(socket: Socket): void {
    if (this.#isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the media port is closed');
    const { core, sockets } = this.#site;
    const old = this.#shared;
    if (old.socket !== socket) {
      this.#shared = this.#attach(socket);
      old.detach(core);
    }
    core.handleLocalChange(sockets.loop.nowMs());
    sockets.loop.drain();
  }

  /** Lets go of the socket, which stays open: it is the application's. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#shared.detach(this.#site.core);
    this.#ended();
  }

  /** For the socket below, not for the application. */
  deliver(bytes: Buffer, info: RemoteInfo): boolean {
    try {
      return this.emit('packet', bytes, info);
    } catch (error) {
      this.#site.onListenerError(error);
      return true;
    }
  }

  /** For the socket below, not for the application. */
  onSocketClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ended();
  }

  #attach(socket: Socket): SharedSocket {
    if (isConnected(socket))
      throw new LatchkeyError(
        'LATCHKEY_SOCKET',
        'the socket is connected: a mapping could not be heard. Bind it, do not connect it',
      );
    const shared = this.#site.sockets.of(socket);
    shared.attach(this.#site.core, this);
    return shared;
  }

  #ended(): void {
    this.#site.onClosed();
    try {
      this.emit('close');
    } catch (error) {
      this.#site.onListenerError(error);
    }
  }

  /** One function for all packets: what the kernel refuses later is counted. */
  readonly #onSent = (error: Error | null): void => {
    if (error) this.#site.core.counters.dropped.sendError++;
  };
}
