/*
 * One participant of a room as its owner sees it, and what is counted of it. Types only; the work is done in
 * participant.ts.
 */
import type { LinkPorts } from './room-port.js';
import type { NegotiatedStream } from './stream.js';

/** One stream of a participant. Streams of one transport (`NegotiatedStream.transport`) have the same ports. */
export interface LegStream extends LinkPorts {
  readonly stream: NegotiatedStream;
}

/** One stream of somebody who watches: what one participant sends in that channel, and nothing of anybody else. */
export interface WatchedStream extends LegStream {
  readonly speaker: Leg;
}

/** Somebody who watches, as the caller of `Rooms.watch` describes it. */
export interface WatchOptions {
  /** Its name in logs. */
  readonly call: string;
  readonly streams: readonly WatchedStream[];
}

/** One participant, as the caller of `Rooms.join` describes it. */
export interface LegOptions {
  /** The call's name in events and logs, such as the SIP Call-ID. */
  readonly call: string;
  /** What those who watch may ask for it by; the session's id unless given. */
  readonly name?: string;
  /** The latch session's id, where there is one. */
  readonly session?: string;
  readonly streams: readonly LegStream[];
}

/** Packets by what became of them, as they are counted. */
export interface LegTally {
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

/** Packets by what became of them: a copy, as they were when they were asked for. */
export interface LegCounters extends Readonly<Omit<LegTally, 'dropped'>> {
  readonly dropped: Readonly<LegTally['dropped']>;
}

/** One participant of a room. Made by `rooms.join`. */
export interface Leg {
  /** The room's name. */
  readonly room: string;
  /** The call's name in events and logs. */
  readonly call: string;
  /** What those who watch may ask for it by. */
  readonly name: string;
  /** The latch session's id, where there is one. */
  readonly session: string | undefined;
  readonly counters: LegCounters;
  /** What is negotiated now. */
  readonly streams: readonly NegotiatedStream[];

  /**
   * Takes over the outcome of a re-INVITE: streams that came and went, formats, directions, hold and resume. A stream
   * on the ports it had goes on; whoever heard one that is no more gets a BYE.
   */
  update(streams: readonly LegStream[]): void;

  /** Takes the participant out of the room; whoever heard it gets a BYE. The ports stay open. Idempotent. */
  leave(): void;
}
