/*
 * The blocks of an extended report (RTCP XR, RFC 3611 section 2), by their headers: what is in them is for who knows the type.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |      BT       | type-specific |  length in words, minus 1     |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { readUint16 } from './big-endian.js';
import type { RtcpHeader } from './rtcp.js';

export const EXTENDED_REPORT = 207;

export interface ExtendedBlock {
  /** 4: the time at its sender (RFC 3611 4.4); 5: what was done with such times (4.5). */
  readonly type: number;
  /** Of the whole block, its header included. */
  readonly sizeBytes: number;
  /** Where the block begins in the datagram. */
  readonly offset: number;
}

/** The blocks of one packet of a compound that `parseRtcp` has read, up to one that is cut off. */
export function extendedBlocks(bytes: Uint8Array, packet: RtcpHeader): ExtendedBlock[] {
  const blocks: ExtendedBlock[] = [];
  const end = packet.offset + packet.sizeBytes;
  for (let offset = packet.offset + 8; offset + 4 <= end;) {
    const sizeBytes = 4 + 4 * readUint16(bytes, offset + 2);
    if (offset + sizeBytes > end) break;
    blocks.push({ type: bytes[offset]!, sizeBytes, offset });
    offset += sizeBytes;
  }
  return blocks;
}
