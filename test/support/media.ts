// RTP and RTCP as a phone makes them: real headers, one SSRC, rising sequence numbers, 20 ms of G.711 a packet.
import type { Prng } from './prng.js';

const headerSizeBytes = 12;

export interface RtpFields {
  readonly ssrc: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payloadType?: number;
  readonly payload?: Uint8Array;
}

export function makeRtp(fields: RtpFields): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(160).fill(0xd5);
  const bytes = new Uint8Array(headerSizeBytes + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x80;
  bytes[1] = fields.payloadType ?? 0;
  view.setUint16(2, fields.sequence & 0xffff);
  view.setUint32(4, fields.timestamp >>> 0);
  view.setUint32(8, fields.ssrc);
  bytes.set(payload, headerSizeBytes);
  return bytes;
}

/** A sender report of 28 bytes followed by the empty SDES chunk that RFC 3550 6.1 wants in every compound. */
export function makeSenderReport(ssrc: number, nowMs: number, packets: number): Uint8Array {
  const bytes = new Uint8Array(28 + 16);
  const view = new DataView(bytes.buffer);
  bytes.set([0x80, 200, 0, 6], 0);
  view.setUint32(4, ssrc);
  view.setUint32(8, Math.floor(nowMs / 1000));
  view.setUint32(12, Math.floor((nowMs % 1000) * 4_294_967));
  view.setUint32(16, (nowMs * 8) >>> 0);
  view.setUint32(20, packets);
  view.setUint32(24, packets * 160);
  bytes.set([0x81, 202, 0, 3], 28);
  view.setUint32(32, ssrc);
  bytes.set([1, 3, 0x61, 0x40, 0x62], 36);
  return bytes;
}

/** One direction of one audio stream. */
export class MediaStream {
  readonly ssrc: number;
  payloadType = 0;
  sent = 0;
  #sequence: number;
  #timestamp: number;

  constructor(prng: Prng) {
    this.ssrc = prng.uint32();
    this.#sequence = prng.integer(0x10000);
    this.#timestamp = prng.uint32();
  }

  get sequence(): number {
    return this.#sequence;
  }

  get timestamp(): number {
    return this.#timestamp;
  }

  nextRtp(): Uint8Array {
    const bytes = makeRtp({
      ssrc: this.ssrc,
      sequence: this.#sequence,
      timestamp: this.#timestamp,
      payloadType: this.payloadType,
    });
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + 160) >>> 0;
    this.sent++;
    return bytes;
  }

  nextRtcp(nowMs: number): Uint8Array {
    return makeSenderReport(this.ssrc, nowMs, this.sent);
  }
}

/** RTP or RTCP by the first byte (RFC 7983): what an attacker would count as a catch. */
export const isMedia = (bytes: Uint8Array): boolean => bytes.length >= 8 && ((bytes[0] ?? 0) & 0xc0) === 0x80;

export const isRtcp = (bytes: Uint8Array): boolean =>
  isMedia(bytes) && (bytes[1] ?? 0) >= 192 && (bytes[1] ?? 0) <= 223;

export const ssrcOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(isRtcp(bytes) ? 4 : 8);
