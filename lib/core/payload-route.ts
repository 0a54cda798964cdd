// Where a component's payload goes and from where it is taken: the path in use, and for a while the one before it
// (protocol.md 5.5, 5.6). Keeps the port's table in step.
import type { TransportAddress } from '../wire/index.js';
import type { Component } from './component.js';
import type { Port } from './port.js';

export interface PreviousPath {
  readonly remote: TransportAddress;
  readonly untilMs: number;
}

export class PayloadRoute {
  #remote: TransportAddress | undefined;
  #previous: PreviousPath | undefined;

  constructor(private readonly component: Component) {}

  get remote(): TransportAddress | undefined {
    return this.#remote;
  }

  /** When the previous path ends; Infinity where there is none. */
  get nextMs(): number {
    return this.#previous ? this.#previous.untilMs + 1 : Infinity;
  }

  open(port: Port | undefined, remote: TransportAddress, previous?: PreviousPath): void {
    this.close(port);
    this.#remote = remote;
    port?.setRoute(remote, { component: this.component, untilMs: Infinity });
    if (!previous) return;
    this.#previous = previous;
    port?.setRoute(previous.remote, { component: this.component, untilMs: previous.untilMs });
  }

  close(port: Port | undefined): void {
    this.#closePrevious(port);
    if (this.#remote) port?.removeRoute(this.#remote, this.component);
    this.#remote = undefined;
  }

  handleTimeout(port: Port | undefined, nowMs: number): void {
    if (this.#previous && nowMs > this.#previous.untilMs) this.#closePrevious(port);
  }

  #closePrevious(port: Port | undefined): void {
    if (this.#previous) port?.removeRoute(this.#previous.remote, this.component);
    this.#previous = undefined;
  }
}
