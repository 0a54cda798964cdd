// Over which path a component's payload goes and from where it is taken: the path in use, and for a while the one before it
// (protocol.md 5.5, 5.6). A path is a port of ours and a remote address. Keeps the tables of the ports in step.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import type { Judge, Port } from './port.js';

export interface RoutedPath<Owner> {
  readonly port: Port<Owner>;
  readonly remote: TransportAddress;
}

interface OtherPath<Owner> extends RoutedPath<Owner> {
  readonly untilMs: number;
  /** Its payload is taken; else the address is only held for a candidate on trial. */
  readonly isTaken: boolean;
}

/** Paths beside the one in use: the one before it, or those that a peer with ICE has verified (protocol.md 8.1). */
const MAX_OTHERS = 4;
/** A trial is over after 2 s and what its round trips add, at the latest (protocol.md 5.11). */
const TRIAL_MS = 5000;

/** Of all who have one path, which is nearly everybody. */
const NONE: readonly never[] = [];

export class PayloadRoute<Owner> {
  #active: RoutedPath<Owner> | undefined;
  #isProven = false;
  #others: readonly OtherPath<Owner>[] = NONE;

  constructor(private readonly owner: Owner) {}

  /** The path in use. */
  get path(): RoutedPath<Owner> | undefined {
    return this.#active;
  }

  /** When the next of the other paths ends; Infinity where there is none. */
  get nextMs(): number {
    return this.#others.reduce((nextMs, { untilMs }) => Math.min(nextMs, untilMs + 1), Infinity);
  }

  /**
   * Payload goes over this path, which has proved itself, and comes from there; what was open is closed, and what is held for
   * other candidates on trial stays so. Where another session has verified the address since the path answered, it stays that
   * session's (protocol.md 5.1).
   *
   * @param judge looks at each packet from there, before anybody has it (8.2)
   */
  open({ port, remote }: RoutedPath<Owner>, judge?: Judge): void {
    const isOurs = !this.#isAnothers({ port, remote });
    const held = this.#others.filter((other) => !other.isTaken && !isSame(other, { port, remote }));
    this.#setOthers(this.#others.filter((other) => !held.includes(other)));
    this.close();
    this.#setOthers(held);
    this.#active = { port, remote };
    this.#isProven = true;
    if (isOurs) port.proveRoute(remote, this.owner, judge ? -Infinity : Infinity, judge);
  }

  /** Payload goes to an address that nothing has proven, and comes from there, while no better claim to it holds. */
  openUnproven({ port, remote }: RoutedPath<Owner>, isBacked: boolean): void {
    const isOpen = !this.#isProven && this.#active && isSame(this.#active, { port, remote });
    if (!isOpen) this.close();
    this.#active = { port, remote };
    port.claimRoute(remote, this.owner, isBacked);
  }

  /** The path in use has proved itself. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** No better claim than ours holds the address of the path in use (protocol.md 5.1). */
  get isHeld(): boolean {
    return this.#active !== undefined && this.holds(this.#active);
  }

  /** The address of this path of ours is ours (protocol.md 5.1). */
  holds({ port, remote }: RoutedPath<Owner>): boolean {
    return port.route(remote.address, remote.port)?.owner === this.owner;
  }

  /** Another session has proven the address of the path in use (protocol.md 5.1). */
  get isProvenByAnother(): boolean {
    return this.#active !== undefined && this.#isAnothers(this.#active);
  }

  /** Payload is taken from `path` too, unless another session has verified that address since (protocol.md 5.1). */
  keep(path: RoutedPath<Owner>, untilMs: number): void {
    if (!this.#isAnothers(path)) this.#keep({ port: path.port, remote: path.remote, untilMs, isTaken: true });
  }

  /** The address stays ours, unless another session has verified it since; what comes from there is looked at by its owner (8.2). */
  hold({ port, remote }: RoutedPath<Owner>, untilMs: number): void {
    if (!this.#isAnothers({ port, remote })) this.#keep({ port, remote, untilMs, isTaken: false });
  }

  #keep(path: OtherPath<Owner>): void {
    const others = this.#others.filter((other) => !isSame(other, path));
    const oldest = others.length === MAX_OTHERS ? others.shift() : undefined;
    if (oldest) this.#remove(oldest);
    this.#others = others.concat(path);
    path.port.proveRoute(path.remote, this.owner, path.isTaken ? path.untilMs : -Infinity);
  }

  close(): void {
    for (const other of this.#others) this.#remove(other);
    this.#others = NONE;
    if (this.#active) this.#remove(this.#active);
    this.#active = undefined;
    this.#isProven = false;
  }

  /** The port is gone: no path at it is open any more. */
  leave(port: Port<Owner>): void {
    for (const other of this.#others) if (other.port === port) this.#remove(other);
    this.#setOthers(this.#others.filter((other) => other.port !== port));
    if (this.#active?.port !== port) return;
    this.#remove(this.#active);
    this.#active = undefined;
    this.#isProven = false;
  }

  /**
   * The path has answered a challenge of ours, so no other session's payload comes from there any more (protocol.md 5.1). Ours
   * does where it is the path in use. A candidate's does not yet; but while it is on trial nobody else has the address.
   */
  claim(path: RoutedPath<Owner>, nowMs: number): void {
    const { port, remote } = path;
    const holder = port.route(remote.address, remote.port);
    if (holder?.owner === this.owner) return;
    if (this.#active && isSame(this.#active, path)) port.proveRoute(remote, this.owner, Infinity);
    else this.#keep({ port, remote, untilMs: nowMs + TRIAL_MS, isTaken: false });
  }

  handleTimeout(nowMs: number): void {
    if (this.#others.length === 0) return;
    for (const other of this.#others) if (nowMs > other.untilMs) this.#remove(other);
    this.#setOthers(this.#others.filter(({ untilMs }) => nowMs <= untilMs));
  }

  #setOthers(others: readonly OtherPath<Owner>[]): void {
    this.#others = others.length === 0 ? NONE : others;
  }

  /** Another session has proven the address. */
  #isAnothers({ port, remote }: RoutedPath<Owner>): boolean {
    const holder = port.route(remote.address, remote.port);
    return holder?.isProven === true && holder.owner !== this.owner;
  }

  #remove({ port, remote }: RoutedPath<Owner>): void {
    port.removeRoute(remote, this.owner);
  }
}

function isSame<Owner>(a: RoutedPath<Owner>, b: RoutedPath<Owner>): boolean {
  return a.port === b.port && isSameAddress(a.remote, b.remote);
}
