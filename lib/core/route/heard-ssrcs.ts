// The SSRCs last heard on a component's active path, by which a port for many sessions tells whose media comes from a new
// address (protocol.md 5.1). A hint only: it never makes an address trusted. Who heard one first owns it, so that nobody can
// take the hint away by sending with the SSRC of another.
import { readRtcpSsrc, readRtpSsrc, type PacketClass } from '../../wire/index.js';
import type { HeardSsrc, Port } from './port.js';

/** A bundle carries several; a peer that holds the keys may send any number. */
const MAX_SSRCS = 8;

export class HeardSsrcs<Owner> {
  #heard: HeardSsrc[] = [];
  #last: HeardSsrc | undefined;

  constructor(private readonly owner: Owner) {}

  /** Called for every accepted packet: one with the SSRC of the packet before costs one comparison. */
  note(bytes: Uint8Array, kind: PacketClass, ports: readonly Port<Owner>[], nowMs: number): void {
    const ssrc = readSsrc(bytes, kind);
    const last = this.#last;
    if (last !== undefined && ssrc === last.ssrc) {
      last.heardMs = nowMs;
      if (last.isOwned) return;
    }
    if (ssrc === undefined) return;
    const heard = this.#find(ssrc) ?? this.#add(ssrc, ports, nowMs);
    heard.heardMs = nowMs;
    heard.isOwned = ports.every((port) => port.claimSsrc(heard, this.owner, nowMs));
    this.#last = heard;
  }

  #find(ssrc: number): HeardSsrc | undefined {
    return this.#heard.find((heard) => heard.ssrc === ssrc);
  }

  #add(ssrc: number, ports: readonly Port<Owner>[], nowMs: number): HeardSsrc {
    const oldest = this.#heard.length === MAX_SSRCS ? this.#heard.shift() : undefined;
    if (oldest !== undefined) for (const port of ports) port.removeSsrc(oldest.ssrc, this.owner);
    const heard = { ssrc, heardMs: nowMs, isOwned: false };
    this.#heard.push(heard);
    return heard;
  }

  /** What a packet from another address looks like: media heard here before, other media, or neither. */
  kindOf(bytes: Uint8Array, kind: PacketClass): 'known-media' | 'media' | 'other' {
    const ssrc = readSsrc(bytes, kind);
    if (ssrc === undefined) return 'other';
    return this.#find(ssrc) ? 'known-media' : 'media';
  }

  /** What was heard at one port is known at every port of its component. */
  join(port: Port<Owner>): void {
    for (const heard of this.#heard) {
      heard.isOwned = port.claimSsrc(heard, this.owner, heard.heardMs) && heard.isOwned;
    }
  }

  leave(port: Port<Owner>): void {
    for (const { ssrc } of this.#heard) port.removeSsrc(ssrc, this.owner);
  }

  clear(ports: readonly Port<Owner>[]): void {
    for (const port of ports) this.leave(port);
    this.#heard = [];
    this.#last = undefined;
  }
}

/** The SSRC of an RTP packet, or of the sender of an RTCP packet; undefined for what is neither. */
export function readSsrc(bytes: Uint8Array, kind: PacketClass): number | undefined {
  if (kind === 'rtp') return readRtpSsrc(bytes);
  return kind === 'rtcp' ? readRtcpSsrc(bytes) : undefined;
}
