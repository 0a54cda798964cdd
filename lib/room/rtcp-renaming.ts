/*
 * A copy of an RTCP compound packet with other SSRCs: of senders and of those they tell about. It goes by lengths
 * and positions alone, changes nothing else, and decides nothing.
 */
import { parseRtcp } from '../wire/rtcp.js';
import type { RtcpHeader } from '../wire/rtcp.js';
import type { SsrcSwaps } from './ssrc-swaps.js';

/** Extended report blocks that are about one source (RFC 3611 section 4, RFC 6679 section 5.2). */
const XR_WITH_SOURCE: readonly number[] = [1, 2, 3, 6, 7, 13];
const XR_DLRR = 5;

/** What cannot be read stays as it is: whoever gets it counts it as malformed. */
export function renameRtcp(bytes: Uint8Array, swaps: SsrcSwaps): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const headers = parseRtcp(copy);
  if (!headers.ok) return copy;
  for (const header of headers.value) {
    const view = new DataView(copy.buffer, header.offset, header.sizeBytes);
    for (const at of ssrcOffsets(view, header)) {
      if (at + 4 > view.byteLength) continue;
      const ssrc = view.getUint32(at);
      // In feedback, 0 says that those concerned are named further on.
      if (ssrc !== 0) view.setUint32(at, swaps.swap(ssrc));
    }
  }
  return copy;
}

/** Where in one RTCP packet an SSRC stands; some may be past its end. */
function ssrcOffsets(view: DataView, { payloadType, count }: RtcpHeader): readonly number[] {
  switch (payloadType) {
    case 200:
      return [4, ...every(24, 28, 28 + 24 * count)];
    case 201:
      return [4, ...every(24, 8, 8 + 24 * count)];
    case 202:
      return chunkOffsets(view, count);
    case 203:
      return every(4, 4, 4 + 4 * count);
    case 205:
    case 206:
      return [4, 8, ...listedOffsets(view, payloadType, count)];
    case 207:
      return [4, ...reportOffsets(view)];
    default:
      return [4];
  }
}

/** SDES: chunks of an SSRC and items up to a zero, filled up to four bytes (RFC 3550 section 6.5). */
function chunkOffsets(view: DataView, count: number): readonly number[] {
  const offsets: number[] = [];
  for (let at = 4; offsets.length < count && at + 4 <= view.byteLength;) {
    offsets.push(at);
    at += 4;
    while (at + 1 < view.byteLength && view.getUint8(at) !== 0) at += 2 + view.getUint8(at + 1);
    at = 4 * (Math.floor(at / 4) + 1);
  }
  return offsets;
}

/** Feedback that lists whom it concerns: RFC 5104 section 4 in entries of eight bytes, REMB in SSRCs. */
function listedOffsets(view: DataView, payloadType: number, type: number): readonly number[] {
  if (isListed(payloadType, type)) return every(8, 12, view.byteLength);
  return payloadType === 206 && type === 15 && isRemb(view) ? every(4, 20, view.byteLength) : [];
}

/** FIR, TSTR, TSTN, TMMBR and TMMBN. */
export function isListed(payloadType: number, type: number): boolean {
  return payloadType === 205 ? type === 3 || type === 4 : payloadType === 206 && type >= 4 && type <= 6;
}

/** A receiver's estimate of what its way in can bear, by the four letters that begin it. `view` is the whole packet. */
export function isRemb(view: DataView): boolean {
  return view.byteLength >= 20 && view.getUint32(12) === 0x52454d42;
}

function reportOffsets(view: DataView): readonly number[] {
  const offsets: number[] = [];
  for (let at = 8; at + 4 <= view.byteLength;) {
    const type = view.getUint8(at);
    const next = at + 4 + 4 * view.getUint16(at + 2);
    // A block of no length names nobody: what follows it is the next block.
    if (XR_WITH_SOURCE.includes(type) && next >= at + 8) offsets.push(at + 4);
    if (type === XR_DLRR) offsets.push(...every(12, at + 4, Math.min(next, view.byteLength)));
    at = next;
  }
  return offsets;
}

function every(step: number, from: number, to: number): readonly number[] {
  return Array.from(
    { length: Math.max(0, Math.ceil((to - from) / step)) },
    (_, index) => from + index * step,
  );
}
