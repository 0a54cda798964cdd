// The sockets under one stream: one, and while its peer is asked to send to another port, or goes on to one, two (protocol.md 8.3.6).
// Which of them payload leaves from is the core's to say.
import type { Component, Port } from '../core/index.js';
import { isSameAddress } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';
import type { Consumer } from './consumer.js';
import type { SharedSocket } from './shared-socket.js';

export class StreamSockets {
  /** Nearly always the only one. */
  #first: SharedSocket;
  #second: SharedSocket | undefined;

  constructor(
    private readonly core: Component,
    private readonly consumer: Consumer,
    first: SharedSocket,
  ) {
    this.#first = first;
  }

  /** The one that payload leaves from. */
  get out(): SharedSocket {
    const second = this.#second;
    return second !== undefined && this.core.port === second.port ? second : this.#first;
  }

  /** The stream listens here too. Throws LATCHKEY_STATE for a third. */
  join(shared: SharedSocket): void {
    if (shared === this.#first || shared === this.#second) return;
    shared.join(this.core, this.consumer);
    this.#second = shared;
  }

  /** In place of all others. */
  replace(shared: SharedSocket): void {
    for (const old of [this.#first, this.#second]) if (old !== shared) old?.detach(this.core);
    this.#first = shared;
    this.#second = undefined;
  }

  /** The stream listens no more where the core says. */
  release(local: TransportAddress): void {
    const second = this.#second;
    if (!second) return;
    const gone = [this.#first, second].find((shared) => isSameAddress(shared.local, local));
    if (!gone) return;
    gone.detach(this.core);
    this.forget(gone.port);
  }

  /** That socket is gone. False where it was the last. */
  forget(port: Port): boolean {
    const left = [this.#first, this.#second].filter((one) => one !== undefined && one.port !== port);
    const [first] = left;
    if (!first) return false;
    this.#first = first;
    this.#second = undefined;
    return true;
  }

  detach(): void {
    this.#first.detach(this.core);
    this.#second?.detach(this.core);
  }
}
