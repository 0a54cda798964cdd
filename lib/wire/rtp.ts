/*
 * The RTP header (RFC 3550 section 5.1), read by hand. It looks at no payload; of SRTP, whose padding
 * is encrypted, `readRtpSsrc` and `readRtpPayloadType` are right and `parseRtp` may not be.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                           timestamp                           |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                 synchronization source (SSRC)                 |
 *    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
 *    |  CSRCs, then with X a 4-byte header and the extension itself  |
 */
import { readUint16, readUint32 } from './big-endian.js';
import { refuse, succeed, type Result } from './result.js';

export interface RtpHeader {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly csrcCount: number;
  /** Up to the payload: CSRCs and extension included. */
  readonly headerSizeBytes: number;
  /** At the end of the packet, its count byte included. */
  readonly paddingSizeBytes: number;
}

/** The SSRC of a packet that `classifyPacket` calls `rtp`. */
export function readRtpSsrc(bytes: Uint8Array): number {
  return readUint32(bytes, 8);
}

/** The payload type, 0 to 127, of a packet that `classifyPacket` calls `rtp`. */
export function readRtpPayloadType(bytes: Uint8Array): number {
  return bytes[1]! & 0x7f;
}

/** Reads a header. Codes: `truncated`, `version`, `padding`. */
export function parseRtp(bytes: Uint8Array): Result<RtpHeader> {
  if (bytes.length < 12) return refuse('truncated', bytes.length, 'shorter than an RTP header');
  const first = bytes[0]!;
  if (first >> 6 !== 2) return refuse('version', 0, 'not RTP version 2');
  const csrcCount = first & 0x0f;
  let headerSizeBytes = 12 + 4 * csrcCount;
  if ((first & 0x10) !== 0) {
    if (bytes.length < headerSizeBytes + 4) {
      return refuse('truncated', bytes.length, 'the extension header is cut off');
    }
    headerSizeBytes += 4 + 4 * readUint16(bytes, headerSizeBytes + 2);
  }
  if (bytes.length < headerSizeBytes) return refuse('truncated', bytes.length, 'the header is cut off');
  let paddingSizeBytes = 0;
  if ((first & 0x20) !== 0) {
    paddingSizeBytes = bytes[bytes.length - 1]!;
    if (paddingSizeBytes === 0 || paddingSizeBytes > bytes.length - headerSizeBytes) {
      return refuse('padding', bytes.length - 1, 'the padding count is 0 or runs into the header');
    }
  }
  return succeed({
    payloadType: readRtpPayloadType(bytes),
    marker: (bytes[1]! & 0x80) !== 0,
    sequence: readUint16(bytes, 2),
    timestamp: readUint32(bytes, 4),
    ssrc: readRtpSsrc(bytes),
    csrcCount,
    headerSizeBytes,
    paddingSizeBytes,
  });
}
