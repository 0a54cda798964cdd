/*
 * One participant of a room: its transports, what was negotiated, and what was counted. What is heard and said over
 * a transport is link.ts's business, who hears whom the room's.
 */
import type { Leg, LegCounters, LegOptions, LegStream, LegTally, WatchedStream } from './leg.js';
import { Link } from './link.js';
import type { LinkHost, LinkOwner } from './link.js';
import type { NegotiatedStream } from './stream.js';

/** What a participant reports to: its room. */
export interface ParticipantHost extends LinkHost {
  /** The streams of the participant are others than before. */
  handleUpdate(participant: Participant, closed: readonly Link[]): void;
  handleLeave(participant: Participant): void;
}

export class Participant implements Leg, LinkOwner {
  readonly room: string;
  readonly call: string;
  readonly name: string;
  readonly session: string | undefined;
  /** For the room and the links, which count. */
  readonly tally: LegTally = {
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
  readonly #host: ParticipantHost;
  #streams: readonly (LegStream | WatchedStream)[];
  #links: readonly Link[] = [];
  #hasLeft = false;

  constructor(host: ParticipantHost, room: string, options: LegOptions) {
    this.#host = host;
    this.room = room;
    this.call = options.call;
    this.session = options.session;
    this.name = options.name ?? options.session ?? options.call;
    this.#streams = options.streams;
    this.#connect();
  }

  get counters(): LegCounters {
    return Object.freeze({ ...this.tally, dropped: Object.freeze({ ...this.tally.dropped }) });
  }

  get streams(): readonly NegotiatedStream[] {
    return this.#streams.map(({ stream }) => stream);
  }

  get links(): readonly Link[] {
    return this.#links;
  }

  update(streams: readonly LegStream[]): void {
    if (this.#hasLeft) return;
    this.#streams = streams;
    this.#host.handleUpdate(this, this.#connect());
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    for (const link of this.#links) link.close();
    this.#host.handleLeave(this);
  }

  /** Makes a link for each transport, keeps those whose ports are the same, and returns those that are closed. */
  #connect(): readonly Link[] {
    const before = this.#links;
    const byPort = new Map<unknown, (LegStream | WatchedStream)[]>();
    for (const one of this.#streams) byPort.set(one.rtp, [...(byPort.get(one.rtp) ?? []), one]);
    this.#links = [...byPort.values()].flatMap((sharing) => {
      const [first] = sharing;
      if (first === undefined) return [];
      const { rtp, rtcp } = first;
      const same = before.find(({ ports }) => ports.rtp === rtp && ports.rtcp === rtcp);
      const link = same ?? new Link(this.#host, this, { rtp, rtcp });
      link.update(sharing);
      return [link];
    });
    const closed = before.filter((link) => !this.#links.includes(link));
    for (const link of closed) link.close();
    return closed;
  }
}
