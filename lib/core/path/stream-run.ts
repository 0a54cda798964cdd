// A stream as somebody who has no key can follow it (protocol.md 8.3.1, 8.3.7): one SSRC from one source, by the place of its packets. Three in a row are
// a run. Whether a packet from elsewhere goes on with it is told by numbers that nobody off the path knows. It decides about no address.
import { readRtpPayloadType, readRtpSsrc } from '../../wire/index.js';
import { readUint16, readUint32 } from '../../wire/big-endian.js';
import type { StreamTerms } from '../proof/evidence-terms.js';
import type { PacketTime } from './packet-time.js';

/** Packets that make a run. */
const RUN_PACKETS = 3;
/** From one to the next of a run. */
const RUN_STEP = 16;
const RUN_PAUSE_MS = 500;
/** A run lives for five packet times. */
const LIVE_PACKETS = 5;
const LIVE_MIN_MS = 60;
const LIVE_MAX_MS = 500;
/** A packet so far behind is late, and no new beginning. */
const LATE_STEP = 64;
/** So far ahead of the last one a stream may go on: the packets of the silence come on top. */
export const AHEAD_STEP = 64;
/** By so much more than the time that has passed a timestamp may have risen. */
const AHEAD_MS = 1000;

/** Where one RTP packet stands in its stream. */
export interface RtpPlace {
  readonly ssrc: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payloadType: number;
}

/** Of a packet that `classifyPacket` calls `rtp`. */
export function readPlace(bytes: Uint8Array): RtpPlace {
  return {
    ssrc: readRtpSsrc(bytes),
    sequence: readUint16(bytes, 2),
    timestamp: readUint32(bytes, 4),
    payloadType: readRtpPayloadType(bytes),
  };
}

/** Of the source of a stream: when something last came from there, and how far apart its packets are. */
interface SourcePace {
  readonly lastMs: number;
  readonly packetTime: PacketTime;
}

/** Comfort noise is sent though no description names it (RFC 3389). */
export const COMFORT_NOISE = 13;

const AUDIO_CLOCK_RATE = 8000;
const VIDEO_CLOCK_RATE = 90_000;
const FIRST_VIDEO_TYPE = 24;

export class StreamRun {
  sequence: number;
  timestamp: number;
  lastMs: number;
  /** When the first packet of the present row came. */
  beganMs: number;
  /** When the row became a run; Infinity before. */
  runMs = Infinity;
  /** It has been a run once. */
  isEstablished = false;
  #count = 1;

  constructor(
    readonly ssrc: number,
    { sequence, timestamp }: RtpPlace,
    nowMs: number,
  ) {
    this.sequence = sequence;
    this.timestamp = timestamp;
    this.lastMs = this.beganMs = nowMs;
  }

  get isRun(): boolean {
    return this.#count >= RUN_PACKETS;
  }

  /** A packet of the stream from its source. False where it is late, or was there before. */
  note({ sequence, timestamp }: RtpPlace, nowMs: number): boolean {
    const step = (sequence - this.sequence) & 0xffff;
    if (step === 0 || step > 0x10000 - LATE_STEP) return false;
    const goesOn =
      step <= RUN_STEP && !isBefore(timestamp, this.timestamp) && nowMs - this.lastMs <= RUN_PAUSE_MS;
    if (goesOn) {
      if (this.#count < RUN_PACKETS && ++this.#count === RUN_PACKETS) {
        this.runMs = nowMs;
        this.isEstablished = true;
      }
    } else {
      this.#count = 1;
      this.beganMs = nowMs;
      this.runMs = Infinity;
    }
    this.sequence = sequence;
    this.timestamp = timestamp;
    this.lastMs = nowMs;
    return true;
  }

  /** Until when the run lives if nothing more comes; -Infinity where it is none. */
  livesUntilMs(packetTime: PacketTime): number {
    return this.isRun ? this.lastMs + liveMs(packetTime) : -Infinity;
  }

  /**
   * Whether a packet of another address goes on with this stream. What its source has sent while another of its streams was heard has been heard too: numbers go
   * on with the silence of the whole source alone, timestamps with that of the stream.
   */
  isContinuedBy(place: RtpPlace, source: SourcePace, terms: StreamTerms, nowMs: number): boolean {
    const step = (place.sequence - this.sequence) & 0xffff;
    const unheard = (nowMs - source.lastMs) / source.packetTime.ms;
    if (step === 0 || step > AHEAD_STEP + unheard) return false;
    if (!isOfCall(place, terms)) return false;
    if (terms.eventTypes.has(place.payloadType)) return true;
    const silenceMs = nowMs - this.lastMs;
    const rise = (place.timestamp - this.timestamp) >>> 0;
    return rise <= ((silenceMs + AHEAD_MS) * clockRateOf(place, terms)) / 1000;
  }
}

export function liveMs(packetTime: PacketTime): number {
  return Math.min(LIVE_MAX_MS, Math.max(LIVE_MIN_MS, LIVE_PACKETS * packetTime.ms));
}

/** One number of a stream is after another. */
export function isLater(sequence: number, other: number): boolean {
  const step = (sequence - other) & 0xffff;
  return step !== 0 && step < 0x8000;
}

export function isOfCall({ payloadType }: RtpPlace, { payloadTypes }: StreamTerms): boolean {
  return payloadTypes === undefined || payloadType === COMFORT_NOISE || payloadTypes.has(payloadType);
}

function clockRateOf({ payloadType }: RtpPlace, { clockRates }: StreamTerms): number {
  const known = clockRates.get(payloadType);
  return known ?? (payloadType < FIRST_VIDEO_TYPE ? AUDIO_CLOCK_RATE : VIDEO_CLOCK_RATE);
}

function isBefore(timestamp: number, other: number): boolean {
  return (timestamp - other) >>> 0 >= 0x8000_0000;
}
