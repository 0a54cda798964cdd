// Two components behind the same sockets (protocol.md 8.1): RTCP whose peer sends it to a port of its own, for which we have
// none, is the guest of its RTP. What arrives is told apart by RFC 5761 and by the priority of an ICE check; each has paths of
// its own, and the application of both is that of the host.
import type { PacketClass } from '../../wire/index.js';
import { componentOfPriority } from '../proof/ice-generation.js';
import type { Port } from '../route/port.js';

interface Sharer<Owner extends Sharer<Owner>> {
  readonly ports: readonly Port<Owner>[];
  readonly sharing: PortSharing<Owner>;
  addPort(port: Port<Owner>, nowMs: number): void;
  detach(nowMs: number): void;
}

export class PortSharing<Owner extends Sharer<Owner>> {
  #guest: Owner | undefined;
  #host: Owner | undefined;

  constructor(private readonly owner: Owner) {}

  /** It is behind another's sockets, and has none of its own. */
  get isGuest(): boolean {
    return this.#host !== undefined;
  }

  /** RTCP that is behind the same sockets, if it is one's guest. */
  get guest(): Owner | undefined {
    return this.#guest;
  }

  /** Whose application gets what is accepted here. */
  get application(): Owner {
    return this.#host ?? this.owner;
  }

  /** The peer's RTCP comes to our sockets, until others are bound for it, or `undefined` says that there is none. */
  host(guest: Owner | undefined, nowMs: number): void {
    const before = this.#guest;
    if (before === guest || (guest && !guest.sharing.isGuest && guest.ports.length > 0)) return;
    if (before) {
      before.detach(nowMs);
      before.sharing.#host = undefined;
    }
    this.#guest = guest;
    if (!guest) return;
    guest.sharing.#host = this.owner;
    for (const port of this.owner.ports) guest.addPort(port, nowMs);
  }

  /** It has sockets of its own from now on. */
  leave(nowMs: number): void {
    this.#host?.sharing.host(undefined, nowMs);
  }

  /** Of the two the one that a packet is for (RFC 5761). */
  forKind(kind: PacketClass): Owner {
    return kind === 'rtcp' ? (this.#guest ?? this.owner) : this.application;
  }

  /** Of the two the one that an ICE check is for. */
  forCheck(priority: number): Owner {
    return componentOfPriority(priority) === 2 ? (this.#guest ?? this.owner) : this.application;
  }
}
