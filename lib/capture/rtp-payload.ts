/*
 * Where the payload of an RTP packet begins (RFC 3550 section 5.1), for packets that may be cut short.
 */
import { readUint16 } from '../wire/big-endian.js';

/** Behind CSRCs and extension; past the end where they are not all there. `bytes` has at least the twelve fixed ones. */
export function payloadOffset(bytes: Uint8Array): number {
  const first = bytes[0]!;
  const at = 12 + 4 * (first & 0x0f);
  if ((first & 0x10) === 0) return at;
  return bytes.length < at + 4 ? bytes.length + 1 : at + 4 + 4 * readUint16(bytes, at + 2);
}
