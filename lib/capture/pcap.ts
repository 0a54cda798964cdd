/*
 * Reads the classic pcap file: microseconds or nanoseconds, either byte order. Records come out one
 * at a time as views of the file. It decodes no packets, and it refuses pcapng, which editcap converts.
 */
import type { Result, WireError } from '../wire/result.js';
import { refuse, succeed } from '../wire/result.js';

/** One captured packet, as long as the capture kept it. */
export interface PcapRecord {
  /** Milliseconds since 1970, with the file's fraction as far as a number holds it (0.25 µs). */
  readonly timeMs: number;
  /** The kept bytes, beginning with the link layer: a view of the file's bytes. */
  readonly bytes: Uint8Array;
  /** The packet's length on the wire; more than `bytes.length` where a snap length cut it. */
  readonly originalSizeBytes: number;
}

/** A capture file whose header is sound. */
export interface Pcap {
  /** LINKTYPE_ number, see `parseDatagram`. */
  readonly linkType: number;
  /** The records before the first damage; can be iterated again. */
  readonly records: Iterable<PcapRecord>;
  /** Set when the file ends in a damaged record; `offset` is where in the file that record begins. */
  readonly error?: WireError;
}

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
// libpcap's own limit for a snap length: a record that claims more is damage and not a packet.
const MAX_RECORD_BYTES = 262_144;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const MAGIC_PCAPNG = 0x0a0d0d0a;

/**
 * Opens a capture held in memory. Errors `truncated`, `pcapng` and `magic` mean that nothing can be
 * read; damage further in leaves the good part readable and is told in `Pcap.error` with the codes
 * `truncated` and `record-size`. Source: draft-ietf-opsawg-pcap.
 */
export function parsePcap(bytes: Uint8Array): Result<Pcap> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 4 && view.getUint32(0) === MAGIC_PCAPNG) {
    return refuse('pcapng', 0, 'this is pcapng; "editcap -F pcap IN OUT" makes a pcap of it');
  }
  if (bytes.length < FILE_HEADER_BYTES) {
    return refuse('truncated', bytes.length, 'a pcap file begins with a header of 24 bytes');
  }
  const isLittleEndian = (view.getUint8(0) & 0xf0) !== 0xa0;
  const magic = view.getUint32(0, isLittleEndian);
  if (magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) {
    return refuse('magic', 0, 'this is not a pcap file');
  }
  const ticksPerMs = magic === MAGIC_MICROSECONDS ? 1e3 : 1e6;
  const { end, error } = findDamage(view, isLittleEndian);
  return succeed({
    // The upper half of the field tells about frame check sequences, which no reader of ours needs.
    linkType: view.getUint32(20, isLittleEndian) & 0xffff,
    records: { [Symbol.iterator]: () => readRecords(bytes, end, isLittleEndian, ticksPerMs) },
    ...(error && { error }),
  });
}

/** Walks the record headers only, so that damage is known before anybody reads a packet. */
function findDamage(view: DataView, isLittleEndian: boolean): { end: number; error?: WireError } {
  let end = FILE_HEADER_BYTES;
  while (end < view.byteLength) {
    const left = view.byteLength - end;
    if (left < RECORD_HEADER_BYTES)
      return { end, ...damage('truncated', end, 'the file ends in a record header') };
    const size = view.getUint32(end + 8, isLittleEndian);
    if (size > MAX_RECORD_BYTES) {
      return {
        end,
        ...damage('record-size', end, `a record claims ${size} bytes, the limit is ${MAX_RECORD_BYTES}`),
      };
    }
    if (left < RECORD_HEADER_BYTES + size) {
      return { end, ...damage('truncated', end, `the file ends in a record of ${size} bytes`) };
    }
    end += RECORD_HEADER_BYTES + size;
  }
  return { end };
}

function damage(code: string, offset: number, what: string): { error: WireError } {
  return { error: { code, offset, message: `${what}, at offset ${offset}` } };
}

function* readRecords(
  bytes: Uint8Array,
  end: number,
  isLittleEndian: boolean,
  ticksPerMs: number,
): Generator<PcapRecord, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = FILE_HEADER_BYTES;
  while (at < end) {
    const size = view.getUint32(at + 8, isLittleEndian);
    const start = at + RECORD_HEADER_BYTES;
    yield {
      timeMs: view.getUint32(at, isLittleEndian) * 1000 + view.getUint32(at + 4, isLittleEndian) / ticksPerMs,
      bytes: bytes.subarray(start, start + size),
      originalSizeBytes: view.getUint32(at + 12, isLittleEndian),
    };
    at = start + size;
  }
}
