/*
 * What `--play` plays from a capture: the packets of one RTP stream with the times at which they were
 * sent. Sends nothing and decodes no codec: what the capture holds passes through untouched.
 */
import { formatAddress } from '../wire/address.js';
import { classifyPacket } from '../wire/packet-class.js';
import { parseRtp } from '../wire/rtp.js';
import { readDatagrams } from './capture-file.js';
import { checkMediaOptions } from './media-packet.js';
import type { MediaOptions, MediaPacket } from './media-packet.js';

interface StreamPacket {
  readonly timeMs: number;
  readonly timestamp: number;
  readonly payloadType: number;
  readonly bytes: Uint8Array;
}

// Clock rates in use. A payload type without a static rate does not tell its own: the stream's pace does.
const CLOCK_RATES = [8000, 16_000, 32_000, 44_100, 48_000, 90_000];
const DEFAULT_RATE = 8000;
const STATIC_RATES = new Map([
  [6, 16_000],
  [10, 44_100],
  [11, 44_100],
  [14, 90_000],
  [16, 11_025],
  [17, 22_050],
]);
const FIRST_VIDEO_TYPE = 24;
const DEFAULT_DURATION_MS = 20;
// Above this, a step of the timestamp is silence suppression or a new source, and no packet's length.
const MAX_DURATION_MS = 1000;

/**
 * The packets of the capture's largest RTP stream, or of the largest with that SSRC, in the order and
 * at the times at which they were captured. A stream is one SSRC on its way to one destination: an echo
 * of it is another, and a source that a NAT rebinds is still the same. Empty when the capture has no
 * such stream or cannot be read, which `readDatagrams` explains. `bytes` are views of the capture. Throws a LatchkeyError
 * (`LATCHKEY_OPTION`) naming the option and what it accepts.
 */
export function playFromCapture(capture: Uint8Array, options: MediaOptions = {}): MediaPacket[] {
  checkMediaOptions('playFromCapture', options);
  const { ssrc } = options;
  const streams = new Map<string, StreamPacket[]>();
  for (const { timeMs, destination, payload, cutBytes } of readDatagrams(capture)) {
    if (cutBytes !== undefined || classifyPacket(payload) !== 'rtp') continue;
    const header = parseRtp(payload);
    if (!header.ok || (ssrc !== undefined && header.value.ssrc !== ssrc)) continue;
    const { timestamp, payloadType } = header.value;
    const key = `${header.value.ssrc} ${formatAddress(destination)}`;
    const packet = { timeMs, timestamp, payloadType, bytes: payload };
    const stream = streams.get(key);
    if (stream) stream.push(packet);
    else streams.set(key, [packet]);
  }
  let largest: StreamPacket[] = [];
  for (const stream of streams.values()) if (stream.length > largest.length) largest = stream;
  return scheduleStream(largest);
}

/** Capture times become offsets; how long a packet lasts is read from the timestamps. */
function scheduleStream(packets: readonly StreamPacket[]): MediaPacket[] {
  const first = packets[0];
  if (!first) return [];
  const ticksPerMs = clockRate(packets) / 1000;
  const durations = packets.map((packet, i) => {
    const next = packets[i + 1];
    return next && ((next.timestamp - packet.timestamp) | 0) / ticksPerMs;
  });
  const isPlausible = (ms: number | undefined): ms is number =>
    ms !== undefined && ms >= 0 && ms <= MAX_DURATION_MS;
  const usual = median(durations.filter((ms) => isPlausible(ms) && ms > 0)) ?? DEFAULT_DURATION_MS;
  let offsetMs = 0;
  return packets.map(({ timeMs, bytes }, i) => {
    // A clock that was set back during the capture does not send packets into the past.
    offsetMs = Math.max(offsetMs, timeMs - first.timeMs);
    const duration = durations[i];
    return { offsetMs, bytes, durationMs: isPlausible(duration) ? duration : usual };
  });
}

/** RFC 3551 table 4 for audio (G722 counts 8000 too); for all else the rate nearest to the pace seen. */
function clockRate(packets: readonly StreamPacket[]): number {
  const [first, last] = [packets[0], packets.at(-1)];
  if (!first || !last) return DEFAULT_RATE;
  const known = STATIC_RATES.get(first.payloadType);
  if (known !== undefined) return known;
  if (first.payloadType < FIRST_VIDEO_TYPE) return DEFAULT_RATE;
  const pace = (((last.timestamp - first.timestamp) >>> 0) / (last.timeMs - first.timeMs)) * 1000;
  if (!(pace > 0 && pace < Infinity)) return DEFAULT_RATE;
  const distance = (rate: number) => Math.abs(Math.log(rate / pace));
  return CLOCK_RATES.reduce((best, rate) => (distance(rate) < distance(best) ? rate : best));
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
