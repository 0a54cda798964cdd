/*
 * The way of one stream of packets through a room, worked out once: who takes them and how they read there. It is good until somebody comes, goes
 * or changes. All that a packet needs stands together here, so that in a process of thousands of calls it is not gathered from all over the
 * memory: that costs more than all that is computed.
 */
import type { LegTally } from './leg.js';
import type { Reception } from './reception.js';
import type { LinkPorts, RoomPort } from './room-port.js';
import type { Spelling } from './rtp-copy.js';
import type { Source } from './sources.js';
import type { SsrcSwaps } from './ssrc-swaps.js';
import type { Sent, Track } from './track.js';

interface Carrier {
  readonly swaps: SsrcSwaps;
  readonly ports: LinkPorts;
  readonly leg: { readonly tally: LegTally };
}

/** The packets that one participant sends with one SSRC and payload type. */
export class Inlet<On extends Carrier> {
  /** As a signed number of 32 bits: the engine keeps it in the object itself. */
  readonly #ssrc: number;
  readonly clockRate: number;
  readonly reception: Reception;
  readonly tally: LegTally;
  /** Pictures: somebody may wait for a key frame. */
  readonly isSeen: boolean;

  /** @param canShift Its numbers are the sender's own, and are not once nothing proves it any more. */
  constructor(
    readonly sent: Sent<On>,
    readonly payloadType: number,
    readonly source: Source<On>,
    readonly outlets: readonly Outlet<On>[],
    /** Of the room, when it was worked out. */
    readonly version: number,
    readonly canShift: boolean,
  ) {
    this.#ssrc = source.ownSsrc | 0;
    this.clockRate = sent.clockRate;
    this.reception = source.reception;
    this.tally = sent.track.link.leg.tally;
    this.isSeen = sent.track.stream.channel.startsWith('video');
  }

  isOf(payloadType: number, ssrc: number): boolean {
    return payloadType === this.payloadType && (ssrc | 0) === this.#ssrc;
  }
}

/** One of those who are to have the packets of an inlet. */
export class Outlet<On extends Carrier> {
  /** How they read there. Undefined: not at all. */
  readonly spelling: Spelling | undefined;
  /** Whether the last one went out: nothing is to be told while that stays so. */
  hasSent: boolean | undefined;
  readonly #port: RoomPort;
  readonly #tally: LegTally;

  constructor(
    readonly track: Track<On>,
    spelling: Spelling | undefined,
  ) {
    const { link } = track;
    this.spelling = spelling;
    this.#port = link.ports.rtp;
    this.#tally = link.leg.tally;
  }

  /** Sends one packet; true where it went out. */
  send(bytes: Uint8Array): boolean {
    const isSent = sendTo(this.#port, bytes, this.#tally);
    if (isSent) this.#tally.sent++;
    return isSent;
  }

  /** One that does not go there: it is not heard there at all, or is of a codec that is not taken. */
  drop(): void {
    this.#tally.dropped[this.track.stream.isListening ? 'payloadType' : 'direction']++;
  }
}

/** A port that throws must not keep the packet from the others, so nothing is thrown from here. */
export function sendTo(port: RoomPort | undefined, bytes: Uint8Array, { dropped }: LegTally): boolean {
  try {
    if (port?.send(bytes) === true) return true;
    dropped.noPath++;
  } catch {
    dropped.portError++;
  }
  return false;
}
