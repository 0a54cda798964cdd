/*
 * The formats a room passes through, and what the payload type numbers of one m= section mean.
 * It knows names and numbers only: nothing here decodes, encodes or renumbers media.
 */
import type { SdpMedia } from '../wire/sdp.js';

/** One payload type number of an m= section and the codec it stands for there. */
export interface Format {
  /** 0 to 127, as it stands in the RTP header. */
  readonly payloadType: number;
  /** Encoding, clock rate and channels in one spelling: `opus/48000/2`. Two of one name may still differ by `fmtp`. */
  readonly codec: string;
  /** What follows the number in `a=fmtp`, as it was sent. */
  readonly fmtp?: string;
}

/** What a room distributes as RTP, in the order in which an offer of ours lists the sections. */
export const RTP_KINDS = ['audio', 'video', 'text'] as const;

/** Redundant text (RFC 4103): its packets hold numbers of T.140 inside. */
export const RED_TEXT = 'red/1000';
export const TEXT = 't140/1000';

/**
 * The codecs a room passes through. Events run on the clock of the codec beside them (RFC 4733 section 2.1), so one
 * for each clock there is. Retransmission and error correction are missing on purpose: both say numbers of other
 * streams inside, and feedback reaches the source itself.
 */
const CODECS: Readonly<Record<string, readonly string[]>> = {
  audio: [
    'PCMU/8000',
    'PCMA/8000',
    'G722/8000',
    'opus/48000/2',
    'telephone-event/8000',
    'telephone-event/16000',
    'telephone-event/48000',
  ],
  video: ['H264/90000', 'VP8/90000', 'VP9/90000', 'AV1/90000'],
  text: [TEXT, RED_TEXT],
};

/** AAC (RFC 3640), of any rate: every encoder has its own, with the decoder's configuration in `a=fmtp`. */
const AAC = /^mpeg4-generic\/\d{4,6}(?:\/\d)?$/;

const kinds = new Map<string, string>();
const canonicalNames = new Map<string, string>();
for (const [kind, codecs] of Object.entries(CODECS)) {
  for (const codec of codecs) {
    kinds.set(codec, kind);
    canonicalNames.set(codec.toLowerCase(), codec);
    // One channel may be left out of a=rtpmap (RFC 8866 section 6.6).
    if (kind === 'audio' && !isEvent({ codec })) canonicalNames.set(`${codec.toLowerCase()}/1`, codec);
  }
}

/** Numbers that need no a=rtpmap (RFC 3551 section 6). G722 says 8000 for historical reasons, and samples at 16000. */
const STATIC_CODECS = new Map([
  [0, 'PCMU/8000'],
  [8, 'PCMA/8000'],
  [9, 'G722/8000'],
]);

/** What an offer of ours contains, beside what the room speaks already. */
export const DEFAULT_FORMATS: readonly Format[] = [
  { payloadType: 0, codec: 'PCMU/8000' },
  { payloadType: 8, codec: 'PCMA/8000' },
  { payloadType: 9, codec: 'G722/8000' },
  { payloadType: 96, codec: 'opus/48000/2' },
  { payloadType: 101, codec: 'telephone-event/8000', fmtp: '0-16' },
];

/** Whether a format is telephone events: they accompany a codec and are never the codec of a call. */
export function isEvent(format: Pick<Format, 'codec'>): boolean {
  return format.codec.startsWith('telephone-event/');
}

/** Ticks a second of its RTP timestamps. */
export function clockRateOf({ codec }: Pick<Format, 'codec'>): number {
  return Number(codec.split('/')[1]);
}

/** `audio`, `video` or `text`. */
export function kindOf({ codec }: Pick<Format, 'codec'>): string | undefined {
  return kinds.get(codec) ?? (AAC.test(codec) ? 'audio' : undefined);
}

function canonicalCodec(name: string): string | undefined {
  const lower = name.toLowerCase();
  return canonicalNames.get(lower) ?? (AAC.test(lower) ? lower : undefined);
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
    const codec = name === undefined ? undefined : canonicalCodec(name);
    if (codec === undefined || kindOf({ codec }) !== media.kind) continue;
    const fmtp = media.fmtps.get(payloadType);
    formats.set(payloadType, fmtp === undefined ? { payloadType, codec } : { payloadType, codec, fmtp });
  }
  const all = [...formats.values()];
  return all.filter((format) => format.codec !== RED_TEXT || redundantType(format, all) !== undefined);
}

/**
 * The number that redundant text says inside: `98` of `a=fmtp:100 98/98/98`. Undefined for anything but red, and
 * where it is not T.140 of the same section throughout.
 */
export function redundantType(red: Format, formats: readonly Format[]): number | undefined {
  if (red.codec !== RED_TEXT) return undefined;
  const [inner, ...others] = new Set((red.fmtp ?? '').trim().split('/'));
  const text = formats.find(({ codec, payloadType }) => codec === TEXT && String(payloadType) === inner);
  return others.length === 0 ? text?.payloadType : undefined;
}

/** The attribute lines that describe these formats: a=rtpmap always, a=fmtp where there is one. */
export function describeFormats(formats: readonly Format[]): string[] {
  return formats.flatMap(({ payloadType, codec, fmtp }) => [
    `a=rtpmap:${payloadType} ${codec}`,
    ...(fmtp === undefined ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
  ]);
}
