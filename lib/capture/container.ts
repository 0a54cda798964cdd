/*
 * What a capture format has to do for the reader: find packets in bytes that come in pieces. It holds no bytes of its
 * own, and it does not know what a packet carries.
 */
import { readUint16, readUint32 } from '../wire/big-endian.js';

/** Who is told of the packets in a file. */
export interface PacketListener {
  /**
   * A packet: `bytes` from `start` up to, not including, `end`, beginning with a link layer by its LINKTYPE_ number.
   * `original` is how many bytes it had on the wire: more than are here where the capture cut it short.
   */
  onPacket(
    linkType: number,
    timeMs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    original: number,
  ): void;
  /** A packet of an interface that the file never described. */
  onUndescribed(): void;
}

/** Why a file can be read no further. */
export interface Damage {
  readonly code: string;
  /** What is wrong, without the place. */
  readonly what: string;
}

/** One file being read, unit by unit; a unit is a header, a record or a block. */
export interface Container {
  /** How many bytes, from its beginning, the next unit needs before anything can be done with it. */
  readonly needed: number;
  /** How long the unit is at which `read` stopped when nobody needs it; it need not be kept. 0 for none. */
  readonly unwanted: number;
  /** Set when the unit at which `read` stopped is damaged. */
  readonly damage: Damage | undefined;
  /**
   * Reads the units in `bytes` from `from` up to, not including, `to`. Returns where the first unit begins that is not
   * whole, not wanted or damaged, or `to`.
   */
  read(bytes: Uint8Array, from: number, to: number): number;
}

/** libpcap's own limit for a snap length: a packet that claims more is damage. */
export const MAX_PACKET_BYTES = 262_144;

/** Four bytes at `at` in the byte order given, unsigned; the caller has checked the bounds. */
export function readWord(bytes: Uint8Array, at: number, isLittleEndian: boolean): number {
  if (!isLittleEndian) return readUint32(bytes, at);
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Two bytes, likewise. */
export function readHalf(bytes: Uint8Array, at: number, isLittleEndian: boolean): number {
  return isLittleEndian ? bytes[at]! | (bytes[at + 1]! << 8) : readUint16(bytes, at);
}
