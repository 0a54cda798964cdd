// Where a component's payload goes and from where it is taken: the path in use, and for a while the one before it
// (protocol.md 5.5, 5.6). Keeps the port's table in step.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import type { Port } from './port.js';

export interface PreviousPath {
  readonly remote: TransportAddress;
  readonly untilMs: number;
}

/** Verified paths beside the one in use: one before it, or those that ICE has verified (protocol.md 8.1). */
const MAX_OTHERS = 4;

export class PayloadRoute<Owner> {
  #remote: TransportAddress | undefined;
  #others: PreviousPath[] = [];

  constructor(private readonly owner: Owner) {}

  get remote(): TransportAddress | undefined {
    return this.#remote;
  }

  /** When the next of the other paths ends; Infinity where there is none. */
  get nextMs(): number {
    return this.#others.reduce((nextMs, { untilMs }) => Math.min(nextMs, untilMs + 1), Infinity);
  }

  /** Payload goes to `remote` and comes from there; what was open is closed. */
  open(port: Port<Owner> | undefined, remote: TransportAddress): void {
    this.close(port);
    this.#remote = remote;
    port?.setRoute(remote, { owner: this.owner, untilMs: Infinity });
  }

  /** Payload is taken from `path` too, unless another session has verified that address since (protocol.md 5.1). */
  keep(port: Port<Owner> | undefined, path: PreviousPath): void {
    const owner = port?.route(path.remote.address, path.remote.port)?.owner;
    if (owner && owner !== this.owner) return;
    this.#others = this.#others.filter(({ remote }) => !isSameAddress(remote, path.remote));
    const oldest = this.#others.length === MAX_OTHERS ? this.#others.shift() : undefined;
    if (oldest) port?.removeRoute(oldest.remote, this.owner);
    this.#others.push(path);
    port?.setRoute(path.remote, { owner: this.owner, untilMs: path.untilMs });
  }

  close(port: Port<Owner> | undefined): void {
    for (const { remote } of this.#others) port?.removeRoute(remote, this.owner);
    this.#others = [];
    if (this.#remote) port?.removeRoute(this.#remote, this.owner);
    this.#remote = undefined;
  }

  /**
   * The address has answered a challenge of ours, so no other session's payload comes from there any more (protocol.md 5.1). Ours
   * does where it is the path in use; a candidate's waits until it is.
   */
  claim(port: Port<Owner> | undefined, remote: TransportAddress): void {
    const owner = port?.route(remote.address, remote.port)?.owner;
    if (owner === this.owner) return;
    if (owner) port?.removeRoute(remote, owner);
    if (this.#remote && isSameAddress(this.#remote, remote)) {
      port?.setRoute(remote, { owner: this.owner, untilMs: Infinity });
    }
  }

  handleTimeout(port: Port<Owner> | undefined, nowMs: number): void {
    for (const { remote, untilMs } of this.#others) {
      if (nowMs > untilMs) port?.removeRoute(remote, this.owner);
    }
    this.#others = this.#others.filter(({ untilMs }) => nowMs <= untilMs);
  }
}
