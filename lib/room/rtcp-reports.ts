/*
 * What the reports of a participant say, out of bytes that rtcp-routing.ts has measured: the report blocks, and the clock of
 * a sender report. By hand, since rtp.js 0.15.5 reads 12 of the 24 bits of the cumulative loss. What is done with it, and
 * whether it is believed, is for report-ledger.ts.
 */
import { readUint32 } from '../wire/big-endian.js';

/**
 * What one participant reports of one source it hears (RFC 3550 section 6.4.1).
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                            the source                         |
 *    | fraction lost |       cumulative number of packets lost       |
 *    |           extended highest sequence number received           |
 *    |                      interarrival jitter                      |
 *    |                         last SR (LSR)                         |
 *    |                   delay since last SR (DLSR)                  |
 */
export interface ReportBlock {
  readonly ssrc: number;
  /** Since the report before, of 256. */
  readonly fractionLost: number;
  /** Since it hears the source: 24 bits, negative where packets came twice. */
  readonly cumulativeLost: number;
  /** In ticks of the source's timestamps. */
  readonly jitter: number;
  /** The middle of the NTP time in the last sender report that it has; 0 for none. */
  readonly lastReport: number;
  /** How long it has had that, in 1/65536 s. */
  readonly delaySinceLastReport: number;
}

const SENDER_INFO_BYTES = 20;
const BLOCK_BYTES = 24;

/** The block at `index` of an SR or RR that holds so many. */
export function readReportBlock(packet: Uint8Array, kind: 'sr' | 'rr', index: number): ReportBlock {
  const at = 8 + (kind === 'sr' ? SENDER_INFO_BYTES : 0) + BLOCK_BYTES * index;
  const lost = readUint32(packet, at + 4);
  return {
    ssrc: readUint32(packet, at),
    fractionLost: lost >>> 24,
    cumulativeLost: (lost << 8) >> 8,
    jitter: readUint32(packet, at + 12),
    lastReport: readUint32(packet, at + 16),
    delaySinceLastReport: readUint32(packet, at + 20),
  };
}

/** The middle 32 bits of an SR's NTP time, which receivers give back as LSR. 0: its sender has no clock. */
export function readReportTime(senderReport: Uint8Array): number {
  return readUint32(senderReport, 10);
}

/** What an SR says of its source's timestamps. */
export interface SenderTime {
  /** Milliseconds since 1970; undefined where the sender has no clock. */
  readonly ntpMs: number | undefined;
  /** The RTP timestamp of that moment. */
  readonly timestamp: number;
}

/** From 1900, where NTP begins, to 1970. */
const NTP_OFFSET_S = 2_208_988_800;

/** Times before 1968 are of the era of NTP that begins in 2036 (RFC 4330 section 3). */
export function readSenderTime(senderReport: Uint8Array): SenderTime {
  const [seconds, fraction] = [readUint32(senderReport, 8), readUint32(senderReport, 12)];
  const timestamp = readUint32(senderReport, 16);
  if (seconds === 0 && fraction === 0) return { ntpMs: undefined, timestamp };
  const eraS = seconds < 2 ** 31 ? 2 ** 32 : 0;
  return { ntpMs: (eraS + seconds - NTP_OFFSET_S + fraction / 2 ** 32) * 1000, timestamp };
}
