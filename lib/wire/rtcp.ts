/*
 * The headers of a compound RTCP packet (RFC 3550 section 6.1, reduced-size ones of RFC 5506 too).
 * Reports are not read. Of SRTCP only the first header is in the clear: use `readRtcpSsrc` there.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |V=2|P|  count  |  packet type  |    length in words, minus 1   |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                         SSRC of sender                        |
 */
import { readUint16, readUint32 } from './big-endian.js';
import { refuse, succeed, type Result } from './result.js';

export interface RtcpHeader {
  /** 192 to 223: 200 is a sender report, 201 a receiver report. */
  readonly payloadType: number;
  /** The five bits after the padding bit: a count or a subtype, as the type has it. */
  readonly count: number;
  /** Of the whole packet, this header included. */
  readonly sizeBytes: number;
  /** Where the packet begins in the datagram. */
  readonly offset: number;
  /** Undefined in a packet of 4 bytes, such as a BYE that names nobody. */
  readonly ssrc: number | undefined;
}

/** Reason: constant work per datagram; real compound packets hold fewer than ten. */
const MAX_PACKETS = 64;

/** The sender SSRC of the first packet, in a datagram that `classifyPacket` calls `rtcp`. */
export function readRtcpSsrc(bytes: Uint8Array): number {
  return readUint32(bytes, 4);
}

/** Reads all headers of a datagram. Codes: `truncated`, `version`, `type`, `padding`, `limit`. */
export function parseRtcp(bytes: Uint8Array): Result<RtcpHeader[]> {
  const headers: RtcpHeader[] = [];
  let at = 0;
  do {
    if (bytes.length - at < 4) return refuse('truncated', bytes.length, 'shorter than an RTCP header');
    if (headers.length === MAX_PACKETS) return refuse('limit', at, `more than ${MAX_PACKETS} RTCP packets`);
    const first = bytes[at]!;
    const payloadType = bytes[at + 1]!;
    if (first >> 6 !== 2) return refuse('version', at, 'not RTCP version 2');
    if (payloadType < 192 || payloadType > 223) return refuse('type', at + 1, 'not an RTCP packet type');
    const sizeBytes = 4 + 4 * readUint16(bytes, at + 2);
    if (at + sizeBytes > bytes.length) return refuse('truncated', bytes.length, 'an RTCP packet is cut off');
    // RFC 3550 section 6.4.1: only the last packet of a compound may be padded.
    if ((first & 0x20) !== 0 && at + sizeBytes < bytes.length) {
      return refuse('padding', at, 'padding before the last RTCP packet');
    }
    const ssrc = sizeBytes >= 8 ? readUint32(bytes, at + 4) : undefined;
    headers.push({ payloadType, count: first & 0x1f, sizeBytes, offset: at, ssrc });
    at += sizeBytes;
  } while (at < bytes.length);
  return succeed(headers);
}
