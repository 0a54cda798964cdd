/*
 * What the ends of streams report of them by RTCP (RFC 3550 section 6.4): packets lost, jitter, and the round trip from where the
 * capture was taken to whoever reports. Only what is in the clear and whole; of SRTCP nothing can be read. It counts no packets
 * itself.
 */
import { readUint32 } from '../wire/big-endian.js';
import { parseRtcp } from '../wire/rtcp.js';
import type { CapturedDatagram } from './traffic.js';

/** All reports of one receiver about one SSRC. */
export interface ReceiverReports {
  count: number;
  /** As the last one says; below 0 where more came twice than were lost. */
  lost: number;
  /** The greatest share of one interval, 0 to 1. */
  maxFractionLost: number;
  /** In ticks of the stream's clock. */
  jitterTicks: number;
  maxJitterTicks: number;
  /** Of those reports that say when the sender's own had come. */
  roundTrips: number;
  roundTripSumMs: number;
  roundTripMinMs: number;
  roundTripMaxMs: number;
}

interface SenderReport {
  /** The middle 32 bits of its time, which a receiver repeats. */
  readonly stamp: number;
  readonly timeMs: number;
  readonly destination: string;
}

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SENDER_INFO_BYTES = 20;
const BLOCK_BYTES = 24;
/** Reason: bounded memory; as many streams as are listed, heard by two. */
const REPORTED_MAX = 32_768;
const SENDERS_MAX = 16_384;
/** Reports of a sender that may still be answered. */
const RECENT_MAX = 8;
const ROUND_TRIP_MAX_MS = 60_000;

export class RtcpLedger {
  /** By SSRC, then by the reporter's IP address. */
  readonly #reported = new Map<number, Map<string, ReceiverReports>>();
  #reportedCount = 0;
  readonly #senders = new Map<number, SenderReport[]>();
  /** Report blocks for which there was no room. */
  unlisted = 0;

  /** What was reported of this SSRC from an IP address; where nothing came from there, what the only reporter said. */
  reportsOf(ssrc: number, address: string): ReceiverReports | undefined {
    const reporters = this.#reported.get(ssrc);
    const own = reporters?.get(address);
    if (own || reporters?.size !== 1) return own;
    return [...reporters.values()][0];
  }

  /** One datagram that `classifyPacket` calls `rtcp`. */
  handleRtcp({ payload, timeMs, source, destination, cutBytes = 0 }: CapturedDatagram): void {
    if (cutBytes > 0) return;
    const headers = parseRtcp(payload);
    if (!headers.ok) return;
    for (const { payloadType, count, offset, sizeBytes, ssrc } of headers.value) {
      if (ssrc === undefined || (payloadType !== SENDER_REPORT && payloadType !== RECEIVER_REPORT)) continue;
      const blocksAt = payloadType === SENDER_REPORT ? 8 + SENDER_INFO_BYTES : 8;
      if (blocksAt + count * BLOCK_BYTES > sizeBytes) continue;
      if (payloadType === SENDER_REPORT)
        this.#noteSender(ssrc, {
          stamp: readUint32(payload, offset + 10),
          timeMs,
          destination: destination.address,
        });
      for (let i = 0; i < count; i++)
        this.#noteBlock(payload, offset + blocksAt + i * BLOCK_BYTES, source.address, timeMs);
    }
  }

  #noteSender(ssrc: number, report: SenderReport): void {
    const known = this.#senders.get(ssrc);
    if (known) {
      known.push(report);
      if (known.length > RECENT_MAX) known.shift();
    } else if (this.#senders.size < SENDERS_MAX) this.#senders.set(ssrc, [report]);
  }

  /** RFC 3550 section 6.4.1. */
  #noteBlock(bytes: Uint8Array, at: number, reporter: string, timeMs: number): void {
    const ssrc = readUint32(bytes, at);
    const reports = this.#reportsAt(ssrc, reporter);
    if (!reports) return;
    const jitter = readUint32(bytes, at + 12);
    reports.count++;
    // 24 bits with a sign.
    reports.lost = (readUint32(bytes, at + 4) << 8) >> 8;
    reports.maxFractionLost = Math.max(reports.maxFractionLost, bytes[at + 4]! / 256);
    reports.jitterTicks = jitter;
    reports.maxJitterTicks = Math.max(reports.maxJitterTicks, jitter);
    const stamp = readUint32(bytes, at + 16);
    if (stamp === 0) return;
    const asked = this.#senders
      .get(ssrc)
      ?.findLast((one) => one.stamp === stamp && one.destination === reporter);
    if (!asked) return;
    const heldMs = readUint32(bytes, at + 20) / 65.536;
    const roundTripMs = timeMs - asked.timeMs - heldMs;
    if (roundTripMs < 0 || roundTripMs > ROUND_TRIP_MAX_MS) return;
    reports.roundTrips++;
    reports.roundTripSumMs += roundTripMs;
    reports.roundTripMinMs = Math.min(reports.roundTripMinMs, roundTripMs);
    reports.roundTripMaxMs = Math.max(reports.roundTripMaxMs, roundTripMs);
  }

  #reportsAt(ssrc: number, reporter: string): ReceiverReports | undefined {
    let reporters = this.#reported.get(ssrc);
    const known = reporters?.get(reporter);
    if (known) return known;
    if (this.#reportedCount === REPORTED_MAX) {
      this.unlisted++;
      return undefined;
    }
    if (!reporters) this.#reported.set(ssrc, (reporters = new Map<string, ReceiverReports>()));
    const made = {
      count: 0,
      lost: 0,
      maxFractionLost: 0,
      jitterTicks: 0,
      maxJitterTicks: 0,
      roundTrips: 0,
      roundTripSumMs: 0,
      roundTripMinMs: Infinity,
      roundTripMaxMs: 0,
    };
    reporters.set(reporter, made);
    this.#reportedCount++;
    return made;
  }
}
