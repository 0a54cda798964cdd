// The SSRCs last heard on a component's active path, by which a port for many sessions tells whose media comes from a new
// address (protocol.md 5.1). A hint only: it never makes an address trusted. Who heard one first owns it, so that nobody can
// take the hint away by sending with the SSRC of another.
import { readRtcpSsrc, readRtpSsrc, type PacketClass } from '../../wire/index.js';
import type { Port, SsrcHearer } from './port.js';

/** A bundle carries several; a peer that holds the keys may send any number. */
const MAX_SSRCS = 8;
/** How often a packet with an SSRC that is another's asks whether it still is: not each of them has to look. */
const CLAIM_AGAIN_MS = 1000;

interface HeardSsrc {
  readonly ssrc: number;
  /** When it was last accepted, but for the SSRC of the last packet. */
  heardMs: number;
}

export class HeardSsrcs<Owner> implements SsrcHearer {
  #heard: HeardSsrc[] = [];
  #last: number | undefined;
  #lastMs = -Infinity;
  /** Until then a packet with the SSRC of the last one has nothing to ask. */
  #settledUntilMs = -Infinity;

  constructor(private readonly owner: Owner) {}

  /** Called for every accepted packet: one with the SSRC of the packet before costs two comparisons. */
  note(bytes: Uint8Array, kind: PacketClass, ports: readonly Port<Owner>[], nowMs: number): void {
    const ssrc = readSsrc(bytes, kind);
    if (ssrc === this.#last && nowMs < this.#settledUntilMs) {
      this.#lastMs = nowMs;
      return;
    }
    if (ssrc !== undefined) this.#claim(ssrc, ports, nowMs);
  }

  #claim(ssrc: number, ports: readonly Port<Owner>[], nowMs: number): void {
    const before = this.#last === undefined ? undefined : this.#find(this.#last);
    if (before) before.heardMs = this.#lastMs;
    if (!this.#find(ssrc)) this.#add(ssrc, ports, nowMs);
    const isOwned = ports.every((port) => port.claimSsrc(ssrc, this.owner, this, nowMs));
    this.#last = ssrc;
    this.#lastMs = nowMs;
    this.#settledUntilMs = isOwned ? Infinity : nowMs + CLAIM_AGAIN_MS;
  }

  heardMs(ssrc: number): number {
    return ssrc === this.#last ? this.#lastMs : (this.#find(ssrc)?.heardMs ?? -Infinity);
  }

  lose(ssrc: number): void {
    if (ssrc === this.#last) this.#settledUntilMs = -Infinity;
  }

  #find(ssrc: number): HeardSsrc | undefined {
    return this.#heard.find((heard) => heard.ssrc === ssrc);
  }

  #add(ssrc: number, ports: readonly Port<Owner>[], heardMs: number): void {
    const oldest = this.#heard.length === MAX_SSRCS ? this.#heard.shift() : undefined;
    if (oldest !== undefined) for (const port of ports) port.removeSsrc(oldest.ssrc, this.owner);
    this.#heard.push({ ssrc, heardMs });
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
      const isOwned = port.claimSsrc(heard.ssrc, this.owner, this, this.heardMs(heard.ssrc));
      if (!isOwned) this.lose(heard.ssrc);
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
