// Where a component's payload goes and from where it is taken: the path in use, and for a while the one before it
// (protocol.md 5.5, 5.6). Keeps the port's table in step.
import { isSameAddress, type TransportAddress } from '../wire/index.js';
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

  /** `previous` stays open only where another session has not verified that address since (protocol.md 5.1). */
  open(port: Port | undefined, remote: TransportAddress, previous?: PreviousPath): void {
    const isPreviousOurs = previous && this.#owns(port, previous.remote);
    this.close(port);
    this.#remote = remote;
    port?.setRoute(remote, { component: this.component, untilMs: Infinity });
    if (!previous || !isPreviousOurs) return;
    this.#previous = previous;
    port?.setRoute(previous.remote, { component: this.component, untilMs: previous.untilMs });
  }

  close(port: Port | undefined): void {
    this.#closePrevious(port);
    if (this.#remote) port?.removeRoute(this.#remote, this.component);
    this.#remote = undefined;
  }

  /**
   * The address has answered a challenge of ours, so no other session's payload comes from there any more (protocol.md 5.1). Ours
   * does where it is the path in use; a candidate's waits until it is.
   */
  claim(port: Port | undefined, remote: TransportAddress): void {
    const owner = port?.route(remote.address, remote.port)?.component;
    if (owner === this.component) return;
    if (owner) port?.removeRoute(remote, owner);
    if (this.#remote && isSameAddress(this.#remote, remote)) {
      port?.setRoute(remote, { component: this.component, untilMs: Infinity });
    }
  }

  handleTimeout(port: Port | undefined, nowMs: number): void {
    if (this.#previous && nowMs > this.#previous.untilMs) this.#closePrevious(port);
  }

  #closePrevious(port: Port | undefined): void {
    if (this.#previous) port?.removeRoute(this.#previous.remote, this.component);
    this.#previous = undefined;
  }

  #owns(port: Port | undefined, remote: TransportAddress): boolean {
    return port?.route(remote.address, remote.port)?.component === this.component;
  }
}
