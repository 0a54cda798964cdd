// What SRTP reads of a header: how long it is, and of which stream. The padding is encrypted, so `parseRtp` would not be right here.
import { readUint16 } from '../wire/big-endian.js';

const FIXED_SIZE_BYTES = 12;

/** Of the RTP header with its CSRCs and extension (RFC 3711 3.1); undefined where the packet ends before it does. */
export function rtpHeaderSize(packet: Uint8Array): number | undefined {
  if (packet.length < FIXED_SIZE_BYTES) return undefined;
  const first = packet[0]!;
  if (first >> 6 !== 2) return undefined;
  let sizeBytes = FIXED_SIZE_BYTES + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) {
    if (packet.length < sizeBytes + 4) return undefined;
    sizeBytes += 4 + 4 * readUint16(packet, sizeBytes + 2);
  }
  return sizeBytes <= packet.length ? sizeBytes : undefined;
}
