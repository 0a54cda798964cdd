/*
 * The payload of a telephone event (RFC 4733 section 2.3): a key that is pressed, told again and again while it is down.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |     event     |E|R| volume    |          duration             |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { readUint16 } from './big-endian.js';

export interface TelephoneEventPacket {
  /** `0` to `9`, `*`, `#`, `A` to `D`; `!` for a hook flash. */
  readonly digit: string;
  /** The key is up again. */
  readonly isEnd: boolean;
  /** So far, in ticks of the RTP clock. */
  readonly durationTicks: number;
}

/** RFC 4733 section 3.2, and event 16 of RFC 2833. */
const DIGITS = '0123456789*#ABCD!';
const PAYLOAD_BYTES = 4;
const END_BIT = 0x80;
const RESERVED_BIT = 0x40;
/** An event that lasts longer goes on in a packet whose timestamp is later by so much (RFC 4733 section 2.5.1.3). */
export const EVENT_TICKS_MAX = 0xffff;

/** What stands in `payload` from `at` on. Undefined for tones other than keys, and for what has not the form of an event. */
export function parseTelephoneEvent(payload: Uint8Array, at: number): TelephoneEventPacket | undefined {
  if (payload.length < at + PAYLOAD_BYTES) return undefined;
  const digit = DIGITS[payload[at]!];
  const flags = payload[at + 1]!;
  if (digit === undefined || (flags & RESERVED_BIT) !== 0) return undefined;
  return { digit, isEnd: (flags & END_BIT) !== 0, durationTicks: readUint16(payload, at + 2) };
}
