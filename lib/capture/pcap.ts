/*
 * The classic pcap file: microseconds or nanoseconds, either byte order. It repairs nothing: after a record
 * that cannot be, nothing tells where the next one begins. Source: draft-ietf-opsawg-pcap.
 */
import type { Container, Damage, PacketListener } from './container.js';
import { MAX_PACKET_BYTES, readWord } from './container.js';
import { isLinkType } from './link-layer.js';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;

/** True for the first four bytes of such a file. */
export function isPcap(bytes: Uint8Array, at: number): boolean {
  return [true, false].some((isLittleEndian) => {
    const magic = readWord(bytes, at, isLittleEndian);
    return magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS;
  });
}

/** Damage: `link-type` for a file none of whose packets can be read, and `record-size`. */
export class Pcap implements Container {
  readonly #listener: PacketListener;
  #isLittleEndian = false;
  #ticksPerMs = 1e3;
  #linkType: number | undefined;
  needed = FILE_HEADER_BYTES;
  readonly unwanted = 0;
  damage: Damage | undefined;

  constructor(listener: PacketListener) {
    this.#listener = listener;
  }

  read(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    if (this.#linkType === undefined) {
      if (to - at < FILE_HEADER_BYTES || !this.#readHeader(bytes, at)) return at;
      at += FILE_HEADER_BYTES;
    }
    const linkType = this.#linkType ?? 0;
    const isLittleEndian = this.#isLittleEndian;
    while (to - at >= RECORD_HEADER_BYTES) {
      const size = readWord(bytes, at + 8, isLittleEndian);
      const start = at + RECORD_HEADER_BYTES;
      if (size > MAX_PACKET_BYTES) {
        const what = `a record claims ${size} bytes, the limit is ${MAX_PACKET_BYTES}`;
        this.damage = { code: 'record-size', what };
        return at;
      }
      if (to - start < size) {
        this.needed = RECORD_HEADER_BYTES + size;
        return at;
      }
      const seconds = readWord(bytes, at, isLittleEndian);
      const timeMs = seconds * 1000 + readWord(bytes, at + 4, isLittleEndian) / this.#ticksPerMs;
      this.#listener.onPacket(
        linkType,
        timeMs,
        bytes,
        start,
        start + size,
        readWord(bytes, at + 12, isLittleEndian),
      );
      at = start + size;
    }
    this.needed = RECORD_HEADER_BYTES;
    return at;
  }

  #readHeader(bytes: Uint8Array, at: number): boolean {
    this.#isLittleEndian = (bytes[at]! & 0xf0) !== 0xa0;
    if (readWord(bytes, at, this.#isLittleEndian) === MAGIC_NANOSECONDS) this.#ticksPerMs = 1e6;
    // The upper half of the field tells about frame check sequences, which no reader of ours needs.
    const linkType = readWord(bytes, at + 20, this.#isLittleEndian) & 0xffff;
    if (!isLinkType(linkType)) {
      this.damage = { code: 'link-type', what: `link type ${linkType} of this file is not read here` };
      return false;
    }
    this.#linkType = linkType;
    return true;
  }
}
