/*
 * The frame of a WebSocket as it stands in a stream of bytes (RFC 6455 section 5.2). It keeps no connection: what
 * may follow what is for its reader to say.
 */
import { readUint16, readUint32 } from '../wire/big-endian.js';
import { MORE, NONE } from './sip-framing.js';

export const OPCODE_CONTINUATION = 0;
const OPCODE_BINARY = 2;
const FIRST_CONTROL_OPCODE = 8;
const LAST_OPCODE = 10;
const MAX_CONTROL_BYTES = 125;

const FINAL_BIT = 0x80;
const RESERVED_BITS = 0x70;

export interface Frame {
  readonly isFinal: boolean;
  /** Compressed or otherwise extended (RFC 7692): not readable without what was agreed. */
  readonly isExtended: boolean;
  readonly opcode: number;
  readonly headBytes: number;
  /** As claimed: up to 2^63. */
  readonly payloadBytes: number;
  /** Where the four bytes of the mask stand, counted from the frame's beginning; undefined for none. */
  readonly maskAt: number | undefined;
}

/** The head of the frame at `at`; `MORE`, or `NONE` for what no frame begins with. */
export function parseFrame(bytes: Uint8Array, at: number, end: number): Frame | typeof MORE | typeof NONE {
  if (end - at < 2) return MORE;
  const [first, second] = [bytes[at]!, bytes[at + 1]!];
  const opcode = first & 0x0f;
  const isControl = opcode >= FIRST_CONTROL_OPCODE;
  const isFinal = (first & FINAL_BIT) !== 0;
  const short = second & 0x7f;
  if (opcode > LAST_OPCODE || (opcode > OPCODE_BINARY && !isControl)) return NONE;
  if (isControl && (!isFinal || short > MAX_CONTROL_BYTES || (first & RESERVED_BITS) !== 0)) return NONE;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const isMasked = (second & 0x80) !== 0;
  const headBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (end - at < headBytes) return MORE;
  const payloadBytes = lengthBytes === 0 ? short : readLength(bytes, at + 2, lengthBytes);
  if (payloadBytes >= 2 ** 63) return NONE;
  return {
    isFinal,
    isExtended: (first & RESERVED_BITS) !== 0,
    opcode,
    headBytes,
    payloadBytes,
    maskAt: isMasked ? headBytes - 4 : undefined,
  };
}

function readLength(bytes: Uint8Array, at: number, sizeBytes: 2 | 8): number {
  if (sizeBytes === 2) return readUint16(bytes, at);
  return readUint32(bytes, at) * 2 ** 32 + readUint32(bytes, at + 4);
}

/** The payload from `start` of the frame at `at`, `size` bytes of it: a copy when it was masked. */
export function unmask(bytes: Uint8Array, at: number, frame: Frame, size: number): Uint8Array {
  const start = at + frame.headBytes;
  if (frame.maskAt === undefined) return bytes.subarray(start, start + size);
  const mask = at + frame.maskAt;
  const plain = bytes.slice(start, start + size);
  for (let i = 0; i < plain.length; i++) plain[i]! ^= bytes[mask + (i & 3)]!;
  return plain;
}

/** True for a frame that only keeps or ends the connection. */
export function isControl(frame: Frame): boolean {
  return frame.opcode >= FIRST_CONTROL_OPCODE;
}
