/*
 * A copy of an RTP packet in the numbers of another participant: payload type, SSRC, the id of the audio level and
 * the numbers inside redundant text. Media and everything else stay byte for byte.
 */
import { parseRtp } from '../wire/rtp.js';

/** How a packet is to read. */
export interface Spelling {
  readonly payloadType: number;
  readonly ssrc: number;
  /** Ids of the audio level, from and to; equal where there is nothing to change. */
  readonly levelFrom: number;
  readonly levelTo: number;
  /** The number that redundant text says inside; undefined for all other media, and where it may stay. */
  readonly innerType: number | undefined;
}

const ONE_BYTE_HEADERS = 0xbede;

/** `bytes` has been classified as RTP. What cannot be read in it is left as it is. */
export function copyRtp(bytes: Uint8Array, spelling: Spelling): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const view = new DataView(copy.buffer);
  view.setUint8(1, (view.getUint8(1) & 0x80) | spelling.payloadType);
  view.setUint32(8, spelling.ssrc);
  if (spelling.levelFrom !== spelling.levelTo) renumberLevel(view, spelling);
  if (spelling.innerType !== undefined) renumberRedundancy(view, spelling.innerType);
  return copy;
}

/** Header extensions of RFC 8285, in both of their forms. */
function renumberLevel(view: DataView, { levelFrom, levelTo }: Spelling): void {
  const header = parseRtp(new Uint8Array(view.buffer));
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
function renumberRedundancy(view: DataView, payloadType: number): void {
  const header = parseRtp(new Uint8Array(view.buffer));
  if (!header.ok) return;
  const { headerSizeBytes, paddingSizeBytes } = header.value;
  const end = view.byteLength - paddingSizeBytes;
  for (let at = headerSizeBytes; at < end; at += 4) {
    const first = view.getUint8(at);
    view.setUint8(at, (first & 0x80) | payloadType);
    if ((first & 0x80) === 0) return;
  }
}
