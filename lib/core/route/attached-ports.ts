// The sockets that a component is behind: none, one, or for a while two, as media moves from the one to the other. It keeps in step what stands in their
// tables: names of messages, SSRCs, paths, and as what the peer was told of them. What a move means to the peer is not decided here.
import type { CallPlace } from '../call-place.js';
import type { Context } from '../context.js';
import { LatchkeyError } from '../errors.js';
import type { LocalPort, Path } from '../network-path.js';
import type { Generation } from '../proof/generation.js';
import type { Protection } from '../proof/protection.js';
import { HeardSsrcs } from './heard-ssrcs.js';
import { OwnTags } from './own-tags.js';
import type { PayloadRoute, RoutedPath } from './payload-route.js';
import type { Port } from './port.js';

/** While media moves from one socket of ours to another, both are open. */
const MAX_PORTS = 2;
const NONE: readonly never[] = [];

export interface Attached<Owner> {
  readonly ports: readonly Port<Owner>[];
  readonly session: CallPlace;
  readonly kind: Protection['kind'];
  /** A guest is found by its host. */
  readonly isGuest: boolean;
}

export class AttachedPorts<Owner extends Attached<Owner>> {
  #all: readonly Port<Owner>[] = NONE;
  readonly tags: OwnTags<Owner>;
  readonly heard: HeardSsrcs<Owner>;
  /** The address as which the peer was told of all of them; undefined where it was told nothing. */
  #told: string | undefined;

  constructor(
    private readonly owner: Owner,
    private readonly route: PayloadRoute<Owner>,
    private readonly context: Context,
  ) {
    this.tags = new OwnTags<Owner>(owner);
    this.heard = new HeardSsrcs<Owner>(owner);
  }

  get all(): readonly Port<Owner>[] {
    return this.#all;
  }

  /** Throws LATCHKEY_STATE for a third one. */
  join(port: Port<Owner>): void {
    if (this.#all.length === MAX_PORTS)
      throw new LatchkeyError('LATCHKEY_STATE', 'a stream has two sockets already: let go of one first');
    this.#endTold();
    // Of exactly this length: one that grows keeps room for sixteen more.
    this.#all = this.#all.concat(port);
    if (!this.owner.isGuest) port.components.add(this.owner);
    this.tags.join(port);
    this.heard.join(port);
    this.tellOwnSockets();
  }

  leave(port: Port<Owner>): void {
    this.route.leave(port);
    this.tags.leave(port);
    this.heard.leave(port);
    port.components.delete(this.owner);
    if (port.components.size === 0) port.isTold = false;
    this.#endTold();
    this.#all = this.#all.filter((one) => one !== port);
    this.tellOwnSockets();
  }

  find(port: LocalPort): Port<Owner> | undefined {
    for (const one of this.#all) if (one === port) return one;
    return undefined;
  }

  /** The path with the port's tables; undefined where the component has left that port. */
  routed({ port, remote }: Path): RoutedPath<Owner> | undefined {
    const attached = this.find(port);
    return attached && { port: attached, remote };
  }

  /** Other generations are in force, or a prover has left one. */
  renewTags(protection: Protection, former: readonly Generation[]): void {
    this.tags.renew(protection, former, this.#all);
  }

  /** Nobody's SDP may aim at what peers are told of us, for as long as they are (protocol.md 5.7). */
  tellOwnSockets(): void {
    this.#endTold();
    const { kind, session } = this.owner;
    this.#told = kind === 'closed' ? undefined : session.advertised;
    if (this.#told === undefined) return;
    for (const { local } of this.#all) this.context.ownSockets.add(this.#told, local.port);
  }

  #endTold(): void {
    if (this.#told === undefined) return;
    for (const { local } of this.#all) this.context.ownSockets.remove(this.#told, local.port);
    this.#told = undefined;
  }

  /** A description of ours has told the peer all of them. */
  noteTold(): void {
    for (const port of this.#all) port.isTold = true;
  }

  /** What is late to a port of the peer's makes nobody suspect (protocol.md 8.3.2). */
  noteLeaving(port: Port<Owner> | undefined = this.route.path?.port): void {
    const { path } = this.route;
    if (path && path.port === port)
      this.context.suspects.noteLeft(path.port.local, path.remote, this.context.nowMs);
  }

  /** Likewise from where the peer may be, where it has been told the port. */
  noteReleasing(port: Port<Owner>, addresses: readonly (string | undefined)[]): void {
    const { suspects, nowMs } = this.context;
    for (const address of addresses)
      if (address !== undefined && port.isTold) suspects.noteToldBefore(port.local, address, nowMs);
  }
}
