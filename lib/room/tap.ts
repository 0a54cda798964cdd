/*
 * What somebody who taps rooms is told: the packets of media as the participants send them, and the clocks in their sender
 * reports. Types only. A tap is no participant: it is heard by nobody, changes nothing, and nobody in the room is told of it.
 */
import type { Format } from './formats.js';
import type { Leg } from './leg.js';
import type { NegotiatedStream } from './stream.js';

/** One RTP packet of a participant that the room distributes. */
export interface TappedPacket {
  /** As it came, in the numbers of the participant. It may be used again once the listener has returned: copy what you keep. */
  readonly bytes: Uint8Array;
  /** As the room knows the source: no two in a room have the same. */
  readonly ssrc: number;
  /** What its payload type means. */
  readonly format: Format;
  /** The m= section that it belongs to. */
  readonly stream: NegotiatedStream;
  /** When it came, in milliseconds of `performance.now()`. */
  readonly atMs: number;
}

/** What a sender report says of the timestamps of a source (RFC 3550 section 6.4.1). */
export interface TappedReport {
  /** The report, with its blocks, under the SSRCs of the room; its timestamp is the sender's own. See `TappedPacket.bytes`. */
  readonly bytes: Uint8Array;
  /** As in `TappedPacket`. */
  readonly ssrc: number;
  /** By the sender's clock, in milliseconds since 1970; undefined where the sender has none. It may be years off. */
  readonly ntpMs: number | undefined;
  /** The RTP timestamp of that moment. */
  readonly timestamp: number;
  /** When it came, in milliseconds of `performance.now()`. */
  readonly atMs: number;
}

/**
 * Listens to all rooms. What a function of it throws is thrown to whoever brought the packet, once the participants have theirs:
 * with ports of latchkey it is a `listenerError`.
 */
export interface Tap {
  onPacket(from: Leg, packet: TappedPacket): void;
  onReport?(from: Leg, report: TappedReport): void;
}
