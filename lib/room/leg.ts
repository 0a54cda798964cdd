/*
 * One participant of a room: its transports, what was negotiated, and what was counted. What is heard and said over
 * a transport is link.ts's business, who hears whom the room's.
 */
import { Link } from './link.js';
import type { LinkHost, LinkPorts } from './link.js';
import type { NegotiatedStream } from './stream.js';

/** One stream of a participant. Streams of one transport (`NegotiatedStream.transport`) have the same ports. */
export interface LegStream extends LinkPorts {
  readonly stream: NegotiatedStream;
}

/** One participant, as the caller of `Rooms.join` describes it. */
export interface LegOptions {
  /** The call's name in events and logs, such as the SIP Call-ID. */
  readonly call: string;
  /** The latch session's id, where there is one. */
  readonly session?: string;
  readonly streams: readonly LegStream[];
}

/** Packets by what became of them. `received` and what follows of it came from the participant. */
export interface LegCounters {
  /** RTP packets and datagrams of data taken into the room. */
  received: number;
  /** RTP packets and datagrams of data that went out to the participant. */
  sent: number;
  rtcpReceived: number;
  rtcpSent: number;
  dropped: {
    /** From the participant: a number it has not negotiated. To it: a codec it does not take. */
    payloadType: number;
    /** From or to the participant: against the direction in force, or during hold. */
    direction: number;
    /** From the participant: in the name of somebody else in the room. */
    ssrcConflict: number;
    /** From the participant: neither RTP nor RTCP. */
    notRtp: number;
    /** From the participant: RTCP that cannot be read. A compound packet counts for each part. */
    rtcpMalformed: number;
    /** From the participant: RTCP about an SSRC that nobody here has, or that concerns nobody. */
    rtcpUnroutable: number;
    /** To the participant: its port had no proven path, or there is no port for RTCP. */
    noPath: number;
    /** To the participant: its port threw. */
    portError: number;
  };
}

/** What a leg reports to: its room. */
export interface LegHost extends LinkHost {
  /** The streams of the leg are others than before. */
  handleUpdate(leg: Leg, closed: readonly Link[]): void;
  handleLeave(leg: Leg): void;
}

export class Leg {
  readonly room: string;
  readonly call: string;
  readonly session: string | undefined;
  readonly counters: LegCounters = {
    received: 0,
    sent: 0,
    rtcpReceived: 0,
    rtcpSent: 0,
    dropped: {
      payloadType: 0,
      direction: 0,
      ssrcConflict: 0,
      notRtp: 0,
      rtcpMalformed: 0,
      rtcpUnroutable: 0,
      noPath: 0,
      portError: 0,
    },
  };
  readonly #host: LegHost;
  #streams: readonly LegStream[];
  #links: readonly Link[] = [];
  #hasLeft = false;

  /** Use `Rooms.join`. */
  constructor(host: LegHost, room: string, options: LegOptions) {
    this.#host = host;
    this.room = room;
    this.call = options.call;
    this.session = options.session;
    this.#streams = options.streams;
    this.#connect();
  }

  /** What is negotiated now. */
  get streams(): readonly NegotiatedStream[] {
    return this.#streams.map(({ stream }) => stream);
  }

  get links(): readonly Link[] {
    return this.#links;
  }

  /**
   * Takes over the outcome of a re-INVITE: streams that came and went, formats, directions, hold and resume. A stream
   * on the ports it had goes on; whoever heard one that is no more gets a BYE.
   */
  update(streams: readonly LegStream[]): void {
    if (this.#hasLeft) return;
    this.#streams = streams;
    this.#host.handleUpdate(this, this.#connect());
  }

  /** Takes the participant out of the room; whoever heard it gets a BYE. The ports stay open. Idempotent. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    for (const link of this.#links) link.close();
    this.#host.handleLeave(this);
  }

  /** Makes a link for each transport, keeps those whose ports are the same, and returns those that are closed. */
  #connect(): readonly Link[] {
    const before = this.#links;
    const byPort = new Map<unknown, LegStream[]>();
    for (const one of this.#streams) byPort.set(one.rtp, [...(byPort.get(one.rtp) ?? []), one]);
    this.#links = [...byPort.values()].flatMap((sharing) => {
      const [first] = sharing;
      if (first === undefined) return [];
      const { rtp, rtcp } = first;
      const same = before.find(({ ports }) => ports.rtp === rtp && ports.rtcp === rtcp);
      const link = same ?? new Link(this.#host, this, { rtp, rtcp });
      link.update(sharing.map(({ stream }) => stream));
      return [link];
    });
    const closed = before.filter((link) => !this.#links.includes(link));
    for (const link of closed) link.close();
    return closed;
  }
}
