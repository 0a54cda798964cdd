/*
 * A copy of an RTP packet in the numbers of another participant: payload type, SSRC, the id of the audio level and
 * the numbers inside redundant text, which whoever does not take it gets without its redundancy. Of a sender whose
 * numbers stay with it also sequence number and timestamp, and without the SSRCs of those it mixed. Media and everything else
 * stay byte for byte.
 */
import { writeUint32 } from '../wire/big-endian.js';
import { ByteSheet, PACKETS } from '../wire/byte-sheet.js';
import { parseRtp } from '../wire/rtp.js';
import { shiftRtp } from './number-shift.js';
import type { NumberShift } from './number-shift.js';

/** How a packet is to read. */
export interface Spelling {
  readonly payloadType: number;
  readonly ssrc: number;
  /** How far sequence number and timestamp are moved. One object for a stream. */
  readonly shift: NumberShift | undefined;
  /** Ids of the audio level, from and to; equal where there is nothing to change. */
  readonly levelFrom: number;
  readonly levelTo: number;
  /** The number that redundant text says inside; undefined for all other media, and where it may stay. */
  readonly innerType: number | undefined;
  /** Redundant text is to be plain. */
  readonly isUnpacked: boolean;
}

/** For a packet that needs no copy. */
export const AS_IT_IS: Spelling = {
  payloadType: -1,
  ssrc: -1,
  shift: undefined,
  levelFrom: 0,
  levelTo: 0,
  innerType: undefined,
  isUnpacked: false,
};

export function isSameSpelling(one: Spelling, other: Spelling | undefined): boolean {
  return (
    other?.payloadType === one.payloadType &&
    other.ssrc === one.ssrc &&
    other.shift === one.shift &&
    other.levelFrom === one.levelFrom &&
    other.levelTo === one.levelTo &&
    other.innerType === one.innerType &&
    other.isUnpacked === one.isUnpacked
  );
}

const ONE_BYTE_HEADERS = 0xbede;
const copies = new ByteSheet(PACKETS);

function copyBytes(bytes: Uint8Array): Uint8Array {
  const copy = copies.take(bytes.length);
  copy.set(bytes);
  return copy;
}

/** `bytes` has been classified as RTP. What cannot be read in it is left as it is. */
export function copyRtp(bytes: Uint8Array, spelling: Spelling): Uint8Array {
  const { shift } = spelling;
  const copy = shift ? withoutContributors(bytes) : copyBytes(bytes);
  if (shift) shiftRtp(copy, shift);
  copy[1] = (copy[1]! & 0x80) | spelling.payloadType;
  writeUint32(copy, 8, spelling.ssrc);
  if (spelling.levelFrom !== spelling.levelTo) renumberLevel(copy, spelling);
  if (spelling.innerType !== undefined) renumberRedundancy(copy, spelling.innerType);
  return spelling.isUnpacked ? withoutRedundancy(copy) : copy;
}

/** A copy without the list of those whom a mixer heard (RFC 3550 section 5.1): it has numbers of its own there, or of others. */
function withoutContributors(bytes: Uint8Array): Uint8Array {
  const count = bytes[0]! & 0x0f;
  if (count === 0) return copyBytes(bytes);
  const rest = bytes.subarray(Math.min(12 + 4 * count, bytes.length));
  const copy = copies.take(12 + rest.length);
  copy.set(bytes.subarray(0, 12));
  copy.set(rest, 12);
  copy[0] = bytes[0]! & 0xf0;
  return copy;
}

/** Header extensions of RFC 8285, in both of their forms. */
function renumberLevel(copy: Uint8Array, { levelFrom, levelTo }: Spelling): void {
  const header = parseRtp(copy);
  const view = new DataView(copy.buffer, copy.byteOffset, copy.length);
  if (!header.ok || (view.getUint8(0) & 0x10) === 0) return;
  const start = 12 + 4 * header.value.csrcCount;
  const profile = view.getUint16(start);
  const isShort = profile === ONE_BYTE_HEADERS;
  if (!isShort && (profile & 0xfff0) !== 0x1000) return;
  for (let at = start + 4; at < header.value.headerSizeBytes;) {
    const first = view.getUint8(at);
    if (first === 0) {
      at++;
      continue;
    }
    const id = isShort ? first >> 4 : first;
    if (isShort && id === 15) return;
    if (id === levelFrom) view.setUint8(at, isShort ? (levelTo << 4) | (first & 0x0f) : levelTo);
    if (isShort) at += 2 + (first & 0x0f);
    else if (at + 1 < header.value.headerSizeBytes) at += 2 + view.getUint8(at + 1);
    else return;
  }
}

/** Block headers of RFC 2198 section 3: four bytes each, with the top bit set, but for the last, which is one. */
function renumberRedundancy(copy: Uint8Array, payloadType: number): void {
  const header = parseRtp(copy);
  if (!header.ok) return;
  const end = copy.length - header.value.paddingSizeBytes;
  for (let at = header.value.headerSizeBytes; at < end; at += 4) {
    const first = copy[at]!;
    copy[at] = (first & 0x80) | payloadType;
    if ((first & 0x80) === 0) return;
  }
}

/** The header and the last block, which is what the packet is sent for. */
function withoutRedundancy(bytes: Uint8Array): Uint8Array {
  const header = parseRtp(bytes);
  if (!header.ok) return bytes;
  const { headerSizeBytes } = header.value;
  let at = headerSizeBytes;
  let redundantBytes = 0;
  // Of the four bytes, the last ten bits are the length of a block.
  for (; at + 4 <= bytes.length && (bytes[at]! & 0x80) !== 0; at += 4) {
    redundantBytes += ((bytes[at + 2]! & 0x03) << 8) | bytes[at + 3]!;
  }
  const plain = copies.take(headerSizeBytes + Math.max(0, bytes.length - at - 1 - redundantBytes));
  plain.set(bytes.subarray(0, headerSizeBytes));
  plain.set(bytes.subarray(at + 1 + redundantBytes), headerSizeBytes);
  return plain;
}
