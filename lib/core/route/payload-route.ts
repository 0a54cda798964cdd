// Over which path a component's payload goes and from where it is taken: the path in use, and for a while the one before it
// (protocol.md 5.5, 5.6). A path is a port of ours and a remote address. Keeps the tables of the ports in step.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import type { Port } from './port.js';

export interface RoutedPath<Owner> {
  readonly port: Port<Owner>;
  readonly remote: TransportAddress;
}

interface OtherPath<Owner> extends RoutedPath<Owner> {
  readonly untilMs: number;
}

/** Paths beside the one in use: the one before it, or those that a peer with ICE has verified (protocol.md 8.1). */
const MAX_OTHERS = 4;

export class PayloadRoute<Owner> {
  #active: RoutedPath<Owner> | undefined;
  #others: OtherPath<Owner>[] = [];

  constructor(private readonly owner: Owner) {}

  /** The path in use. */
  get path(): RoutedPath<Owner> | undefined {
    return this.#active;
  }

  /** When the next of the other paths ends; Infinity where there is none. */
  get nextMs(): number {
    return this.#others.reduce((nextMs, { untilMs }) => Math.min(nextMs, untilMs + 1), Infinity);
  }

  /** Payload goes over this path and comes from there; what was open is closed. */
  open({ port, remote }: RoutedPath<Owner>): void {
    this.close();
    this.#active = { port, remote };
    port.setRoute(remote, { owner: this.owner, untilMs: Infinity });
  }

  /** Payload is taken from `path` too, unless another session has verified that address since (protocol.md 5.1). */
  keep({ port, remote }: RoutedPath<Owner>, untilMs: number): void {
    const owner = port.route(remote.address, remote.port)?.owner;
    if (owner && owner !== this.owner) return;
    const path = { port, remote, untilMs };
    this.#others = this.#others.filter((other) => !isSame(other, path));
    const oldest = this.#others.length === MAX_OTHERS ? this.#others.shift() : undefined;
    if (oldest) this.#remove(oldest);
    this.#others.push(path);
    port.setRoute(remote, { owner: this.owner, untilMs });
  }

  close(): void {
    for (const other of this.#others) this.#remove(other);
    this.#others = [];
    if (this.#active) this.#remove(this.#active);
    this.#active = undefined;
  }

  /** The port is gone: no path at it is open any more. */
  leave(port: Port<Owner>): void {
    for (const other of this.#others) if (other.port === port) this.#remove(other);
    this.#others = this.#others.filter((other) => other.port !== port);
    if (this.#active?.port !== port) return;
    this.#remove(this.#active);
    this.#active = undefined;
  }

  /**
   * The path has answered a challenge of ours, so no other session's payload comes from there any more (protocol.md 5.1). Ours
   * does where it is the path in use; a candidate's waits until it is.
   */
  claim(path: RoutedPath<Owner>): void {
    const { port, remote } = path;
    const owner = port.route(remote.address, remote.port)?.owner;
    if (owner === this.owner) return;
    if (owner) port.removeRoute(remote, owner);
    if (this.#active && isSame(this.#active, path)) {
      port.setRoute(remote, { owner: this.owner, untilMs: Infinity });
    }
  }

  handleTimeout(nowMs: number): void {
    for (const other of this.#others) if (nowMs > other.untilMs) this.#remove(other);
    this.#others = this.#others.filter(({ untilMs }) => nowMs <= untilMs);
  }

  #remove({ port, remote }: RoutedPath<Owner>): void {
    port.removeRoute(remote, this.owner);
  }
}

function isSame<Owner>(a: RoutedPath<Owner>, b: RoutedPath<Owner>): boolean {
  return a.port === b.port && isSameAddress(a.remote, b.remote);
}
