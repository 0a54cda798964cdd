// The SSRCs last heard on a component's active path, by which a port for many sessions tells whose media comes from a new
// address (protocol.md 5.1). A hint only: it never makes an address trusted. Who heard one first owns it, so that nobody can
// take the hint away by sending with the SSRC of another.
import { readRtcpSsrc, readRtpSsrc, type PacketClass } from '../../wire/index.js';
import { SSRC_KEPT_MS, type Port, type SsrcHearer } from './port.js';

/** A bundle carries several; a peer that holds the keys may send any number. */
const MAX_SSRCS = 8;

interface HeardSsrc {
  /** With a sign, as `#last`. */
  readonly ssrc: number;
  /** When it was last accepted, but for the SSRC of the last packet. */
  heardMs: number;
}

const NONE: readonly HeardSsrc[] = [];

export class HeardSsrcs<
  Owner extends { readonly ports: readonly Port<Owner>[] },
> implements SsrcHearer<Owner> {
  #heard = NONE;
  /**
   * The SSRC of the last packet, and its time: whole numbers of 32 bits, which the engine keeps in the object itself. Written for every packet,
   * they would each be elsewhere in the memory as others.
   */
  #last = 0;
  #lastMs = 0;
  #hasLast = false;

  constructor(readonly owner: Owner) {}

  /** Called for every accepted packet: one with the SSRC of the packet before costs three comparisons. */
  note(bytes: Uint8Array, kind: PacketClass, nowMs: number): void {
    const ssrc = readSsrc(bytes, kind);
    if (ssrc === undefined) return;
    const isLast = this.#hasLast && (ssrc | 0) === this.#last;
    if (isLast && nowMs - this.#lastMs <= SSRC_KEPT_MS) this.#lastMs = Math.floor(nowMs);
    else this.#hear(ssrc, nowMs);
  }

  #hear(ssrc: number, nowMs: number): void {
    const { ports } = this.owner;
    const before = this.#hasLast ? this.#find(this.#last) : undefined;
    if (before) before.heardMs = this.#lastMs;
    const heard = this.#find(ssrc);
    const goesOn = heard !== undefined && nowMs - heard.heardMs <= SSRC_KEPT_MS;
    if (!heard) this.#add(ssrc, ports, nowMs);
    this.#last = ssrc | 0;
    this.#lastMs = Math.floor(nowMs);
    this.#hasLast = true;
    if (!goesOn) for (const port of ports) port.addSsrc(ssrc, this);
  }

  heardMs(ssrc: number): number {
    const isLast = this.#hasLast && (ssrc | 0) === this.#last;
    return isLast ? this.#lastMs : (this.#find(ssrc)?.heardMs ?? -Infinity);
  }

  #find(ssrc: number): HeardSsrc | undefined {
    return this.#heard.find((heard) => heard.ssrc === (ssrc | 0));
  }

  /** Of too many the one goes that was heard longest ago: what is heard stays its first hearer's (protocol.md 5.1). */
  #add(ssrc: number, ports: readonly Port<Owner>[], heardMs: number): void {
    if (this.#heard.length === MAX_SSRCS) {
      const oldest = this.#heard.reduce((a, b) => (b.heardMs < a.heardMs ? b : a));
      this.#heard = this.#heard.filter((heard) => heard !== oldest);
      for (const port of ports) port.removeSsrc(oldest.ssrc, this.owner);
    }
    this.#heard = this.#heard.concat({ ssrc: ssrc | 0, heardMs: Math.floor(heardMs) });
  }

  /** What a packet from another address looks like: media heard here before, other media, or neither. */
  kindOf(bytes: Uint8Array, kind: PacketClass): 'known-media' | 'media' | 'other' {
    const ssrc = readSsrc(bytes, kind);
    if (ssrc === undefined) return 'other';
    return this.#find(ssrc) ? 'known-media' : 'media';
  }

  /** What was heard at one port is known at every port of its component. */
  join(port: Port<Owner>): void {
    for (const { ssrc } of this.#heard) port.addSsrc(ssrc, this);
  }

  leave(port: Port<Owner>): void {
    for (const { ssrc } of this.#heard) port.removeSsrc(ssrc, this.owner);
  }

  clear(ports: readonly Port<Owner>[]): void {
    for (const port of ports) this.leave(port);
    this.#heard = NONE;
    this.#hasLast = false;
  }
}

/** The SSRC of an RTP packet, or of the sender of an RTCP packet; undefined for what is neither. */
export function readSsrc(bytes: Uint8Array, kind: PacketClass): number | undefined {
  if (kind === 'rtp') return readRtpSsrc(bytes);
  return kind === 'rtcp' ? readRtcpSsrc(bytes) : undefined;
}
