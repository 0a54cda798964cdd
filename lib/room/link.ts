/*
 * One transport of a participant: a port, or two, and the m= sections that run over it. It tells the room what came
 * in and for which section, and sends what the room has for it; who hears whom is the room's business.
 */
import { readRtpPayloadType } from '../wire/rtp.js';
import { classifyPacket } from '../wire/packet-class.js';
import type { Leg } from './leg.js';
import { renameRtcp } from './rtcp-renaming.js';
import { SsrcSwaps } from './ssrc-swaps.js';
import { Track } from './track.js';
import type { Sent } from './track.js';
import type { NegotiatedStream } from './stream.js';

/** What a leg needs of a media port; `session.bind()` returns one, and so does a test. */
export interface RoomPort {
  on(event: 'packet', listener: (bytes: Uint8Array) => void): unknown;
  off(event: 'packet', listener: (bytes: Uint8Array) => void): unknown;
  /** False when there is no proven way to the participant, so that the packet was dropped. */
  send(bytes: Uint8Array): boolean;
}

/** The ports of one transport. */
export interface LinkPorts {
  readonly rtp: RoomPort;
  /** Left out with rtcp-mux, or where no RTCP is to be exchanged. */
  readonly rtcp?: RoomPort | undefined;
}

/** What a link reports to: the room. */
export interface LinkHost {
  handleRtp(sent: Sent, payloadType: number, bytes: Uint8Array): void;
  handleRtcp(link: Link, bytes: Uint8Array): void;
  handleData(track: Track, bytes: Uint8Array): void;
}

export class Link {
  readonly leg: Leg;
  readonly ports: LinkPorts;
  readonly swaps = new SsrcSwaps();
  readonly #host: LinkHost;
  readonly #onPacket = (bytes: Uint8Array) => this.#handlePacket(bytes);
  #tracks: readonly Track[] = [];
  #sends: readonly (Sent | undefined)[] = [];
  #data: Track | undefined;
  /** The participant could hear the room at some time, and so may know its sources. */
  #hasListened = false;

  constructor(host: LinkHost, leg: Leg, ports: LinkPorts) {
    this.#host = host;
    this.leg = leg;
    this.ports = ports;
    ports.rtp.on('packet', this.#onPacket);
    ports.rtcp?.on('packet', this.#onPacket);
  }

  get tracks(): readonly Track[] {
    return this.#tracks;
  }

  get isListening(): boolean {
    return this.#tracks.some(({ stream }) => stream.isListening);
  }

  get hasListened(): boolean {
    return this.#hasListened;
  }

  /** Takes over what was negotiated. */
  update(streams: readonly NegotiatedStream[]): void {
    const before = this.#tracks;
    this.#tracks = streams.map((stream) => new Track(this, stream));
    for (const track of this.#tracks) {
      const same = before.find(({ stream }) => stream.channel === track.stream.channel);
      track.currentSource = same?.currentSource;
      track.hasMissed = same?.hasMissed === true;
    }
    this.#data = this.#tracks.find(({ stream }) => !stream.isRtp);
    this.#sends = Array.from({ length: 128 }, (_, number) =>
      this.#tracks.map((track) => track.sends[number]).find((sent) => sent !== undefined),
    );
    this.#hasListened ||= this.isListening;
  }

  /** Lets go of the ports, which stay open. */
  close(): void {
    this.ports.rtp.off('packet', this.#onPacket);
    this.ports.rtcp?.off('packet', this.#onPacket);
  }

  /** Whether there is a section here for the channel, that listens; with undefined, for any. */
  hears(channel: string | undefined): boolean {
    return this.#tracks.some(
      ({ stream }) => stream.isListening && (channel === undefined || stream.channel === channel),
    );
  }

  hasChannelOf(other: Link): boolean {
    return this.#tracks.some(({ stream }) =>
      other.#tracks.some((track) => track.stream.channel === stream.channel),
    );
  }

  /** Sends one packet of media; true where it went out. */
  send(bytes: Uint8Array): boolean {
    const isSent = this.#send(this.ports.rtp, bytes);
    if (isSent) this.leg.counters.sent++;
    return isSent;
  }

  /** Sends one RTCP compound packet, in the numbers of the room, wherever the participant takes RTCP. */
  sendRtcp(bytes: Uint8Array): void {
    const { counters } = this.leg;
    const [first] = this.#tracks;
    if (!this.#tracks.some(({ stream }) => stream.isReportable)) {
      counters.dropped.direction++;
      return;
    }
    const port = first?.stream.isRtcpMux === true ? this.ports.rtp : this.ports.rtcp;
    const renamed = this.swaps.isEmpty ? bytes : renameRtcp(bytes, this.swaps);
    if (this.#send(port, renamed)) counters.rtcpSent++;
  }

  /** A port that throws must not keep the packet from the others, so nothing is thrown from here. */
  #send(port: RoomPort | undefined, bytes: Uint8Array): boolean {
    const { dropped } = this.leg.counters;
    try {
      if (port?.send(bytes) === true) return true;
      dropped.noPath++;
    } catch {
      dropped.portError++;
    }
    return false;
  }

  /** RTCP is taken on either port: some send it multiplexed without asking, and the port has proven who sends. */
  #handlePacket(bytes: Uint8Array): void {
    const { counters } = this.leg;
    if (this.#data !== undefined) {
      this.#host.handleData(this.#data, bytes);
      return;
    }
    switch (classifyPacket(bytes)) {
      case 'rtp': {
        const payloadType = readRtpPayloadType(bytes);
        const sent = this.#sends[payloadType];
        if (sent !== undefined) this.#host.handleRtp(sent, payloadType, bytes);
        else if (this.#tracks.some(({ stream }) => stream.isSending)) counters.dropped.payloadType++;
        else counters.dropped.direction++;
        break;
      }
      case 'rtcp':
        counters.rtcpReceived++;
        this.#host.handleRtcp(this, bytes);
        break;
      default:
        counters.dropped.notRtp++;
    }
  }
}
