/*
 * Media that is ready to be sent: whole RTP packets with the times at which they go out, made out of
 * audio samples, and repeated without a seam. Sends nothing and knows no clock.
 */
import { randomInt } from 'node:crypto';
import { checkOptions, option } from '../core/option-check.js';
import type { OptionRules } from '../core/option-check.js';
import { encodeMuLaw } from './mu-law.js';

/** One RTP packet of a stream that is played. */
export interface MediaPacket {
  /** When it goes out, in milliseconds after the first packet. */
  readonly offsetMs: number;
  /** The whole RTP packet. */
  readonly bytes: Uint8Array;
  /** How long its media lasts; the last packet's `offsetMs + durationMs` is the length of the stream. */
  readonly durationMs: number;
}

/** What may be chosen when packets are made. */
export interface MediaOptions {
  /** The SSRC of the stream; by default one at random (RFC 3550 section 8.1). */
  readonly ssrc?: number;
}

const RULES: OptionRules<MediaOptions> = { ssrc: option.wholeNumber(0, 2 ** 32 - 1) };

/** Throws LATCHKEY_OPTION. */
export function checkMediaOptions(what: string, given: MediaOptions): void {
  checkOptions(what, given, RULES);
}

const PACKET_MS = 20;
const PACKET_SAMPLES = 160;
const PCMU = 0;
const RTP_HEADER_BYTES = 12;
const SILENCE = encodeMuLaw(0);

/**
 * PCMU packets of 20 ms from 8000 samples a second, each -32768 to 32767; the last is filled up with
 * silence. The first has the marker set, as the beginning of a talkspurt (RFC 3551 section 4.1). Throws a
 * LatchkeyError (`LATCHKEY_OPTION`) naming the option and what it accepts.
 */
export function packetizePcmu(samples: ArrayLike<number>, options: MediaOptions = {}): MediaPacket[] {
  checkMediaOptions('packetizePcmu', options);
  const { ssrc = randomInt(2 ** 32) } = options;
  const packets: MediaPacket[] = [];
  for (let start = 0; start < samples.length; start += PACKET_SAMPLES) {
    const index = packets.length;
    const bytes = new Uint8Array(RTP_HEADER_BYTES + PACKET_SAMPLES).fill(SILENCE, RTP_HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, 0x80);
    view.setUint8(1, index === 0 ? 0x80 | PCMU : PCMU);
    view.setUint16(2, index & 0xffff);
    view.setUint32(4, start);
    view.setUint32(8, ssrc);
    const end = Math.min(start + PACKET_SAMPLES, samples.length);
    for (let i = start; i < end; i++) bytes[RTP_HEADER_BYTES + i - start] = encodeMuLaw(samples[i] ?? 0);
    packets.push({ offsetMs: index * PACKET_MS, bytes, durationMs: PACKET_MS });
  }
  return packets;
}

/** `seconds` of a 440 Hz tone as PCMU, at a quarter of full scale so that it hurts nobody. */
export function playTone(seconds: number, options: MediaOptions = {}): MediaPacket[] {
  const count = Math.max(0, Math.round(seconds * 8000));
  const samples = Float64Array.from({ length: count }, (_, i) =>
    Math.round(8192 * Math.sin((2 * Math.PI * 440 * i) / 8000)),
  );
  return packetizePcmu(samples, options);
}

/**
 * The same packets over and over, without end: sequence numbers, timestamps and offsets go on where the
 * round before stopped, and `ssrc`, if given, replaces the stream's own. Nothing for no packets.
 */
export function* repeatMedia(
  packets: readonly MediaPacket[],
  { ssrc }: MediaOptions = {},
): Generator<MediaPacket> {
  const [first, last] = [packets[0], packets.at(-1)];
  if (!first || !last) return;
  const spanMs = last.offsetMs + last.durationMs;
  const sequences = viewOf(last).getUint16(2) - viewOf(first).getUint16(2) + 1;
  const ticks = viewOf(last).getUint32(4) - viewOf(first).getUint32(4) + lastStep(packets);
  for (let round = 0; ; round++) {
    for (const packet of packets) {
      // A copy also of a Buffer, whose own slice() is none.
      const bytes = new Uint8Array(packet.bytes);
      const view = new DataView(bytes.buffer);
      view.setUint16(2, view.getUint16(2) + round * sequences);
      view.setUint32(4, view.getUint32(4) + round * ticks);
      if (ssrc !== undefined) view.setUint32(8, ssrc);
      yield { offsetMs: round * spanMs + packet.offsetMs, bytes, durationMs: packet.durationMs };
    }
  }
}

/** The last step between two timestamps that went forward stands for the packet that nothing follows. */
function lastStep(packets: readonly MediaPacket[]): number {
  for (let i = packets.length - 1; i > 0; i--) {
    const [before, after] = [packets[i - 1], packets[i]];
    const step = before && after ? (viewOf(after).getUint32(4) - viewOf(before).getUint32(4)) | 0 : 0;
    if (step > 0) return step;
  }
  return PACKET_SAMPLES;
}

function viewOf(packet: MediaPacket): DataView {
  return new DataView(packet.bytes.buffer, packet.bytes.byteOffset, packet.bytes.byteLength);
}
