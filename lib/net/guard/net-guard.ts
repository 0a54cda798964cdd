// A stream's hold on a guarded socket: what `session.guard(socket)` gives. The work is the layer's; this counts
// who still wants it.
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Component, Port } from '../../core/index.js';
import { snapshotOf } from '../counters.js';
import type { CountersSnapshot } from '../counters.js';
import type { BindableSocket, DatagramSource } from '../datagram-socket.js';
import type { Guard } from './guard.js';
import type { GuardLayer } from './guard-layer.js';
import type { Consumer } from '../consumer.js';
import { StreamSockets } from '../stream-sockets.js';
import type { TransportAddress } from '../../wire/index.js';

export interface GuardSite {
  readonly media: number;
  readonly component: 1 | 2;
  readonly core: Component;
  readonly layer: GuardLayer;
  readonly onReleased: () => void;
}

export class NetGuard implements Guard, Consumer {
  readonly media: number;
  readonly component: 1 | 2;
  readonly #site: GuardSite;
  readonly #sockets: StreamSockets;
  #holds = 1;
  #isAttached = true;

  constructor(site: GuardSite) {
    this.media = site.media;
    this.component = site.component;
    this.#site = site;
    site.layer.hold();
    try {
      this.#sockets = new StreamSockets(site.core, this, site.layer.attach(site.core, this));
    } catch (error) {
      site.layer.release();
      throw error;
    }
  }

  get socket(): Socket {
    return this.#site.layer.socket;
  }

  get counters(): CountersSnapshot {
    return snapshotOf(this.#site.core.counters);
  }

  unguard(): void {
    if (this.#holds === 0 || --this.#holds > 0) return;
    this.#detach();
    this.#site.onReleased();
    this.#site.layer.release();
  }

  /** For the session: guarded once more for the same stream. */
  hold(): void {
    this.#holds++;
  }

  /** For the session: it is closed. The socket stays guarded: what its peer's address is worth has not changed. */
  onSessionClosed(): void {
    this.#detach();
  }

  deliver(bytes: Buffer, source: DatagramSource): boolean {
    // What a dgram socket told of, or what is made like it for a packet that was held.
    return this.#site.layer.pass(this.#site.core, bytes, source as RemoteInfo);
  }

  /** For the session: what comes at this socket too is heard at the guarded one, and goes out where the peer was heard. */
  listen(socket: BindableSocket): void {
    this.#sockets.join(this.#site.layer.sockets.of(socket));
  }

  /** For the session: it listens here no more. */
  onReleased(local: TransportAddress): void {
    this.#sockets.release(local);
  }

  onSocketClosed(port: Port): void {
    if (!this.#sockets.forget(port)) this.#detach();
  }

  #detach(): void {
    if (!this.#isAttached) return;
    this.#isAttached = false;
    this.#site.layer.detach(this.#site.core);
    this.#sockets.detach();
  }
}
