// The SSRCs last heard on a component's active path, by which a port for many sessions tells whose media comes
// from a new address (protocol.md 5.1). A hint only: it never makes an address trusted.
import { readRtcpSsrc, readRtpSsrc, type PacketClass } from '../../wire/index.js';
import type { Port } from './port.js';

/** A bundle carries several; a peer that holds the keys may send any number. */
const MAX_SSRCS = 8;

export class HeardSsrcs<Owner> {
  #ssrcs: number[] = [];
  #last: number | undefined;

  constructor(private readonly owner: Owner) {}

  /** Called for every accepted packet: one with the SSRC of the packet before costs one comparison. */
  note(bytes: Uint8Array, kind: PacketClass, ports: readonly Port<Owner>[]): void {
    const ssrc = readSsrc(bytes, kind);
    if (ssrc === this.#last || ssrc === undefined) return;
    this.#last = ssrc;
    if (this.#ssrcs.includes(ssrc)) return;
    const oldest = this.#ssrcs.length === MAX_SSRCS ? this.#ssrcs.shift() : undefined;
    if (oldest !== undefined) for (const port of ports) port.removeSsrc(oldest, this.owner);
    this.#ssrcs.push(ssrc);
    for (const port of ports) port.addSsrc(ssrc, this.owner);
  }

  /** What a packet from another address looks like: media heard here before, other media, or neither. */
  kindOf(bytes: Uint8Array, kind: PacketClass): 'known-media' | 'media' | 'other' {
    const ssrc = readSsrc(bytes, kind);
    if (ssrc === undefined) return 'other';
    return this.#ssrcs.includes(ssrc) ? 'known-media' : 'media';
  }

  /** What was heard at one port is known at every port of its component. */
  join(port: Port<Owner>): void {
    for (const ssrc of this.#ssrcs) port.addSsrc(ssrc, this.owner);
  }

  leave(port: Port<Owner>): void {
    for (const ssrc of this.#ssrcs) port.removeSsrc(ssrc, this.owner);
  }

  clear(ports: readonly Port<Owner>[]): void {
    for (const port of ports) this.leave(port);
    this.#ssrcs = [];
    this.#last = undefined;
  }
}

/** The SSRC of an RTP packet, or of the sender of an RTCP packet; undefined for what is neither. */
export function readSsrc(bytes: Uint8Array, kind: PacketClass): number | undefined {
  if (kind === 'rtp') return readRtpSsrc(bytes);
  return kind === 'rtcp' ? readRtcpSsrc(bytes) : undefined;
}
