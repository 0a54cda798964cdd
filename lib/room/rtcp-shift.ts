/*
 * The sequence numbers and timestamps in RTCP that belong to a stream whose numbers are moved (number-shift.ts): what its sender says of it, and what the
 * others say to its sender. It goes by lengths and positions alone, in place; SSRCs are for rtcp-renaming.ts.
 */
import { readUint16, readUint32, writeUint16, writeUint32 } from '../wire/big-endian.js';
import { parseRtcp } from '../wire/rtcp.js';
import type { RtcpHeader } from '../wire/rtcp.js';
import type { NumberShift } from './number-shift.js';

/** Undefined for a stream that has its own numbers. */
type ShiftOf = (ssrc: number) => NumberShift | undefined;

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const TRANSPORT_FEEDBACK = 205;
const EXTENDED_REPORT = 207;
const SENDER_INFO_BYTES = 20;
const BLOCK_BYTES = 24;
/** NACK (RFC 4585 section 6.2.1) and TLLEI (RFC 6642 section 5.1) list a packet and the 16 after it; ECN tells the last one (RFC 6679 section 5.1). */
const LISTS_OF_LOST: readonly number[] = [1, 7];
const ECN = 8;
/** Extended report blocks with the numbers of the first packet and of the one after the last (RFC 3611 sections 4.1 to 4.3 and 4.6). */
const XR_WITH_RANGE: readonly number[] = [1, 2, 3, 6];
const XR_RECEIPT_TIMES = 3;

/** The timestamps of sender reports, from the sender's own to those that the others get. */
export function shiftSenderReports(bytes: Uint8Array, shiftOf: ShiftOf): void {
  for (const [packet, { payloadType }] of packetsOf(bytes)) {
    if (payloadType !== SENDER_REPORT || packet.length < 8 + SENDER_INFO_BYTES) continue;
    const shift = shiftOf(readUint32(packet, 4));
    if (shift) writeUint32(packet, 16, readUint32(packet, 16) + shift.timestamp);
  }
}

/** A sender report with the timestamp that its sender gave it. */
export function unshiftedReport(report: Uint8Array, shift: NumberShift | undefined): Uint8Array {
  if (!shift) return report;
  const own = Uint8Array.from(report);
  writeUint32(own, 16, readUint32(own, 16) - shift.timestamp);
  return own;
}

/** What is said about streams of one participant, back into the numbers that it sends. */
export function shiftBackReports(bytes: Uint8Array, shiftOf: ShiftOf): void {
  for (const [packet, { payloadType, count }] of packetsOf(bytes)) {
    switch (payloadType) {
      case SENDER_REPORT:
        shiftBackBlocks(packet, 8 + SENDER_INFO_BYTES, count, shiftOf);
        break;
      case RECEIVER_REPORT:
        shiftBackBlocks(packet, 8, count, shiftOf);
        break;
      case TRANSPORT_FEEDBACK:
        shiftBackFeedback(packet, count, shiftOf);
        break;
      case EXTENDED_REPORT:
        shiftBackExtended(packet, shiftOf);
    }
  }
}

function* packetsOf(bytes: Uint8Array): Iterable<[packet: Uint8Array, header: RtcpHeader]> {
  const headers = parseRtcp(bytes);
  if (!headers.ok) return;
  for (const header of headers.value) {
    yield [bytes.subarray(header.offset, header.offset + header.sizeBytes), header];
  }
}

function shiftBackBlocks(packet: Uint8Array, from: number, count: number, shiftOf: ShiftOf): void {
  const end = Math.min(packet.length, from + BLOCK_BYTES * count);
  for (let at = from; at + BLOCK_BYTES <= end; at += BLOCK_BYTES) {
    const shift = shiftOf(readUint32(packet, at));
    if (shift) shiftBackExtendedSequence(packet, at + 8, shift);
  }
}

/**
 * The number with its wraps in front. A receiver counts those from where it came in, so that only the difference of two
 * reports says something; that stays.
 */
function shiftBackExtendedSequence(packet: Uint8Array, at: number, { sequence }: NumberShift): void {
  writeUint32(packet, at, readUint32(packet, at) - sequence);
}

function shiftBackSequence(packet: Uint8Array, at: number, { sequence }: NumberShift): void {
  writeUint16(packet, at, readUint16(packet, at) - sequence);
}

function shiftBackFeedback(packet: Uint8Array, type: number, shiftOf: ShiftOf): void {
  const shift = packet.length < 12 ? undefined : shiftOf(readUint32(packet, 8));
  if (!shift) return;
  if (type === ECN && packet.length >= 16) shiftBackExtendedSequence(packet, 12, shift);
  if (!LISTS_OF_LOST.includes(type)) return;
  for (let at = 12; at + 4 <= packet.length; at += 4) shiftBackSequence(packet, at, shift);
}

function shiftBackExtended(packet: Uint8Array, shiftOf: ShiftOf): void {
  for (let at = 8; at + 4 <= packet.length;) {
    const type = packet[at]!;
    const end = Math.min(packet.length, at + 4 + 4 * readUint16(packet, at + 2));
    if (XR_WITH_RANGE.includes(type) && at + 12 <= end) {
      const shift = shiftOf(readUint32(packet, at + 4));
      if (shift) shiftBackBlock(packet.subarray(at, end), shift);
    }
    at += 4 + 4 * readUint16(packet, at + 2);
  }
}

/** The times at which packets came are in ticks of the stream, and begin where its timestamps do (RFC 3611 section 4.3). */
function shiftBackBlock(block: Uint8Array, shift: NumberShift): void {
  shiftBackSequence(block, 8, shift);
  shiftBackSequence(block, 10, shift);
  if (block[0] !== XR_RECEIPT_TIMES) return;
  for (let at = 12; at + 4 <= block.length; at += 4) {
    writeUint32(block, at, readUint32(block, at) - shift.timestamp);
  }
}
