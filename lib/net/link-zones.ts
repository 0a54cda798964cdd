// Which network a link-local peer was heard in: its address says nothing about that (RFC 4007), and a socket may be in several.
// An answer goes into the network that its peer was heard in, and nobody in another network speaks for it.

/**
 * Addresses remembered. Reason: a flood of them costs a fixed amount of memory; more neighbours than a link has.
 */
const PEERS_MAX = 1024;
/** Old entries looked at to make room for one. Reason: constant work for each datagram. */
const LOOKS_MAX = 8;

interface LinkPeer {
  readonly address: string;
  readonly port: number;
  zone: string;
  /** The address with its zone, as a socket takes it. */
  written: string;
}

export class LinkZones {
  readonly #byPort = new Map<number, Map<string, LinkPeer>>();
  /** All of them; the one that was heard first, or found in use last, is at its end. */
  readonly #peers = new Set<LinkPeer>();
  readonly #isInUse: (address: string, port: number) => boolean;

  /** @param isInUse whether media goes to and comes from this address: such a one is not forgotten, and keeps its zone */
  constructor(isInUse: (address: string, port: number) => boolean) {
    this.#isInUse = isInUse;
  }

  /**
   * A datagram came from this address in the network `zone`. False: it must not be looked at, since whoever has the address in
   * use is in another network (an unproven peer never displaces a proven one, protocol.md 5.1), or there is no room.
   */
  note(address: string, port: number, zone: string): boolean {
    const known = this.#byPort.get(port)?.get(address);
    if (known?.zone === zone) return true;
    if (known) {
      if (this.#isInUse(address, port)) return false;
      known.zone = zone;
      known.written = address + zone;
      return true;
    }
    if (this.#peers.size >= PEERS_MAX && !this.#makeRoom()) return false;
    const peer = { address, port, zone, written: address + zone };
    let peers = this.#byPort.get(port);
    if (!peers) this.#byPort.set(port, (peers = new Map<string, LinkPeer>()));
    peers.set(address, peer);
    this.#peers.add(peer);
    return true;
  }

  /** The address with the zone that it was heard in; as it is where it never was. */
  written(address: string, port: number): string {
    return this.#byPort.get(port)?.get(address)?.written ?? address;
  }

  get size(): number {
    return this.#peers.size;
  }

  #makeRoom(): boolean {
    let looks = 0;
    for (const peer of this.#peers) {
      this.#peers.delete(peer);
      if (!this.#isInUse(peer.address, peer.port)) {
        const peers = this.#byPort.get(peer.port);
        peers?.delete(peer.address);
        if (peers?.size === 0) this.#byPort.delete(peer.port);
        return true;
      }
      this.#peers.add(peer);
      if (++looks === LOOKS_MAX) return false;
    }
    return false;
  }
}

/** Is this an IPv6 address of one link (fe80::/10, RFC 4291 2.5.6), as the core writes it? */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/.test(address);
}
