/*
 * One transport of a participant: a port, or two, and the m= sections that run over it. It tells the room what came
 * in and for which section, and sends what the room has for it; who hears whom is the room's business.
 */
import type { PacketClass } from '../wire/packet-class.js';
import { sendTo } from './inlet.js';
import type { Inlet, Outlet } from './inlet.js';
import type { Leg, LegTally } from './leg.js';
import type { NumberShift } from './number-shift.js';
import { renameRtcp } from './rtcp-renaming.js';
import { listen, stopListening } from './port-listening.js';
import type { EventListeners } from './port-listening.js';
import type { LinkPorts, PortReceiver, RoomPort } from './room-port.js';
import { shiftBackReports } from './rtcp-shift.js';
import { SsrcSwaps } from './ssrc-swaps.js';
import { Track } from './track.js';
import type { Sent } from './track.js';
import type { NegotiatedStream } from './stream.js';

/** A stream of the link, and the one participant that it is of where it is not of all. */
export interface LinkStream {
  readonly stream: NegotiatedStream;
  readonly speaker?: Leg;
}

/** A section of a participant on its link, and what a payload type means there. */
export type LinkTrack = Track<Link>;
export type LinkSent = Sent<Link>;
export type LinkInlet = Inlet<Link>;
export type LinkOutlet = Outlet<Link>;

/** Whose link it is. */
export interface LinkOwner extends Leg {
  readonly tally: LegTally;
}

/** What a link reports to: the room. */
export interface LinkHost {
  /** `atMs`: when it came, where the port knows. */
  handleRtp(link: Link, bytes: Uint8Array, atMs: number | undefined): void;
  handleRtcp(link: Link, bytes: Uint8Array): void;
  /** RTCP to the participant goes to another address than before. */
  handleReportsDue(link: Link): void;
  handleData(track: LinkTrack, bytes: Uint8Array): void;
  /** A number has another name on a link from now on, or its own again. */
  handleSwaps(): void;
  /** How far the numbers of a source of this link are moved, by the room's SSRC; undefined where they are not, and for sources of others. */
  shiftOf(link: Link, ssrc: number): NumberShift | undefined;
}

export class Link implements PortReceiver {
  /* What each packet needs comes first, and lies together. */
  readonly #host: LinkHost;
  #data: LinkTrack | undefined;
  /** The way of its last packet through the room, and those of others of its streams. For the room. */
  inlet: LinkInlet | undefined;
  readonly leg: LinkOwner;
  readonly ports: LinkPorts;
  readonly swaps: SsrcSwaps;
  readonly inlets = new Map<number, LinkInlet>();
  #tracks: readonly LinkTrack[] = [];
  #sends: ReadonlyMap<number, LinkSent> = new Map();
  /** Of ports that do not hand over what comes. */
  readonly #rtpListeners: EventListeners | undefined;
  readonly #rtcpListeners: EventListeners | undefined;
  /** The participant could hear the room at some time, and so may know its sources. */
  #hasListened = false;

  constructor(host: LinkHost, leg: LinkOwner, ports: LinkPorts) {
    this.#host = host;
    this.swaps = new SsrcSwaps(() => host.handleSwaps());
    this.leg = leg;
    this.ports = ports;
    this.#rtpListeners = listen(ports.rtp, this);
    this.#rtcpListeners = ports.rtcp && listen(ports.rtcp, this);
  }

  get tracks(): readonly LinkTrack[] {
    return this.#tracks;
  }

  /** Nothing proves the participant now. */
  get isKeyless(): boolean {
    return this.ports.rtp.isKeyless === true;
  }

  get isListening(): boolean {
    return this.#tracks.some(({ stream }) => stream.isListening);
  }

  get hasListened(): boolean {
    return this.#hasListened;
  }

  /** Takes over what was negotiated. */
  update(streams: readonly LinkStream[]): void {
    const before = this.#tracks;
    this.#tracks = streams.map(({ stream, speaker }) => new Track(this, stream, speaker));
    for (const track of this.#tracks) {
      const same = before.find(({ stream }) => stream.channel === track.stream.channel);
      track.hasMissed = same?.hasMissed === true;
    }
    this.#data = this.#tracks.find(({ stream }) => !stream.isRtp);
    // Of two sections that use one number the first has it.
    this.#sends = new Map(this.#tracks.toReversed().flatMap(({ sends }) => [...sends]));
    this.#hasListened ||= this.isListening;
  }

  /** Lets go of the ports, which stay open. */
  close(): void {
    const { rtp, rtcp } = this.ports;
    stopListening(rtp, this, this.#rtpListeners);
    if (rtcp) stopListening(rtcp, this, this.#rtcpListeners);
  }

  /** What a payload type means here; undefined, and counted, where nobody has agreed on it. */
  sentAs(payloadType: number): LinkSent | undefined {
    const sent = this.#sends.get(payloadType);
    const { dropped } = this.leg.tally;
    if (sent?.track.stream.isSending === true) return sent;
    if (sent === undefined && this.#tracks.some(({ stream }) => stream.isSending)) dropped.payloadType++;
    else dropped.direction++;
    return undefined;
  }

  /** Whether there is a section here for the channel, that listens; with undefined, for any. */
  hears(channel: string | undefined): boolean {
    return this.#tracks.some(
      ({ stream }) => stream.isListening && (channel === undefined || stream.channel === channel),
    );
  }

  /** Whether one can be heard by the other, over any stream; who watches meets those whom it watches, and nobody else. */
  meets(other: Link): boolean {
    return this.#tracks.some((own) =>
      other.#tracks.some(
        (track) => track.stream.channel === own.stream.channel && own.isOf(other.leg) && track.isOf(this.leg),
      ),
    );
  }

  /** Sends one packet of media; true where it went out. */
  send(bytes: Uint8Array): boolean {
    const isSent = sendTo(this.ports.rtp, bytes, this.leg.tally);
    if (isSent) this.leg.tally.sent++;
    return isSent;
  }

  /** Sends one RTCP compound packet, in the numbers of the room, wherever the participant takes RTCP. */
  sendRtcp(bytes: Uint8Array): void {
    const { tally } = this.leg;
    if (!this.#tracks.some(({ stream }) => stream.isReportable)) {
      tally.dropped.direction++;
      return;
    }
    const renamed = this.swaps.isEmpty ? bytes : this.#inOwnNumbers(bytes);
    if (sendTo(this.#rtcpPort, renamed, tally)) tally.rtcpSent++;
  }

  #inOwnNumbers(bytes: Uint8Array): Uint8Array {
    const copy = renameRtcp(bytes, this.swaps);
    shiftBackReports(copy, (ssrc) => this.#host.shiftOf(this, this.swaps.swap(ssrc)));
    return copy;
  }

  get #rtcpPort(): RoomPort | undefined {
    return this.#tracks[0]?.stream.isRtcpMux === true ? this.ports.rtp : this.ports.rtcp;
  }

  onReportsDue(port: unknown): void {
    if (port === this.#rtcpPort) this.#host.handleReportsDue(this);
  }

  /** RTCP is taken on either port: some send it multiplexed without asking, and the port has proven who sends. */
  onPacket(bytes: Uint8Array, _source: unknown, kind: PacketClass, atMs: number | undefined): void {
    if (this.#data !== undefined) return this.#host.handleData(this.#data, bytes);
    switch (kind) {
      case 'rtp':
        return this.#host.handleRtp(this, bytes, atMs);
      case 'rtcp':
        this.leg.tally.rtcpReceived++;
        return this.#host.handleRtcp(this, bytes);
      default:
        this.leg.tally.dropped.notRtp++;
    }
  }
}
