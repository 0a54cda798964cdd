/*
 * The formats a room passes through, and what the payload type numbers of one m= section mean.
 * It knows names and numbers only: nothing here decodes, encodes or renumbers media.
 */
import type { SdpMedia } from '../wire/sdp.js';

/** One payload type number of an m= section and the codec it stands for there. */
export interface Format {
  /** 0 to 127, as it stands in the RTP header. */
  readonly payloadType: number;
  /** Encoding, clock rate and channels in one spelling, so that equal codecs are the same string: `opus/48000/2`. */
  readonly codec: string;
  /** What follows the number in `a=fmtp`, as it was sent. */
  readonly fmtp?: string;
}

/** The codecs a room passes through, in the order an offer of ours lists them. */
const AUDIO_CODECS = ['PCMU/8000', 'PCMA/8000', 'G722/8000', 'opus/48000/2'] as const;
/** Events run on the clock of the codec beside them (RFC 4733 section 2.1), so one for each clock there is. */
const EVENT_CODECS = ['telephone-event/8000', 'telephone-event/16000', 'telephone-event/48000'] as const;

const canonicalNames = new Map<string, string>();
for (const codec of [...AUDIO_CODECS, ...EVENT_CODECS]) canonicalNames.set(codec.toLowerCase(), codec);
// One channel may be left out of a=rtpmap (RFC 8866 section 6.6).
for (const codec of ['PCMU/8000', 'PCMA/8000', 'G722/8000']) {
  canonicalNames.set(`${codec.toLowerCase()}/1`, codec);
}

/** Numbers that need no a=rtpmap (RFC 3551 section 6). G722 says 8000 for historical reasons, and samples at 16000. */
const STATIC_CODECS = new Map([
  [0, 'PCMU/8000'],
  [8, 'PCMA/8000'],
  [9, 'G722/8000'],
]);

/** What an offer of ours contains when the room has no members whose numbers should be kept. */
export const DEFAULT_FORMATS: readonly Format[] = [
  { payloadType: 0, codec: 'PCMU/8000' },
  { payloadType: 8, codec: 'PCMA/8000' },
  { payloadType: 9, codec: 'G722/8000' },
  { payloadType: 96, codec: 'opus/48000/2' },
  { payloadType: 101, codec: 'telephone-event/8000', fmtp: '0-16' },
];

/** Whether a format is telephone events: they accompany a codec and are never the codec of a call. */
export function isEvent(format: Format): boolean {
  return format.codec.startsWith('telephone-event/');
}

/**
 * The formats of an m= section that a room passes through, in the section's order, each number once.
 *
 * Numbers 64 to 95 are left out: with the marker bit they look like RTCP, and RFC 5761 section 4
 * forbids them where the two share a port.
 */
export function formatsOf(media: SdpMedia): Format[] {
  const formats = new Map<number, Format>();
  for (const text of media.formats) {
    const payloadType = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
    if (!(payloadType <= 127) || (payloadType >= 64 && payloadType <= 95)) continue;
    const name = media.rtpmaps.get(payloadType) ?? STATIC_CODECS.get(payloadType);
    const codec = name === undefined ? undefined : canonicalNames.get(name.toLowerCase());
    if (codec === undefined) continue;
    const fmtp = media.fmtps.get(payloadType);
    formats.set(payloadType, fmtp === undefined ? { payloadType, codec } : { payloadType, codec, fmtp });
  }
  return [...formats.values()];
}

/** The attribute lines that describe these formats: a=rtpmap always, a=fmtp where there is one. */
export function describeFormats(formats: readonly Format[]): string[] {
  return formats.flatMap(({ payloadType, codec, fmtp }) => [
    `a=rtpmap:${payloadType} ${codec}`,
    ...(fmtp === undefined ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
  ]);
}
