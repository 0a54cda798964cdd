/**
 * Offers and answers of one audio stream (RFC 3264), as text: what the RTP handler says, and what the peer's descriptions
 * mean for it. No sockets and no keys here; sections of other kinds are answered with port 0.
 */
import { hasUsableKeys, parseSdp } from '../../lib/index.js';
import type { Sdp, SdpMedia } from '../../lib/index.js';
import { Refusal } from './refusal.js';

/** One payload type and the codec that it stands for, as `a=rtpmap` has it: `PCMU/8000`, `opus/48000/2`. */
export interface RtpFormat {
  readonly payloadType: number;
  readonly codec: string;
  readonly fmtp?: string | undefined;
}

export const DEFAULT_FORMATS: readonly RtpFormat[] = [
  { payloadType: 0, codec: 'PCMU/8000' },
  { payloadType: 8, codec: 'PCMA/8000' },
];

export type Direction = SdpMedia['direction'];

/** The sections of the call so far, which later offers must keep (RFC 3264 section 8), and which of them is the audio. */
export interface Layout {
  readonly sections: readonly Pick<SdpMedia, 'kind' | 'protocol' | 'formats' | 'mid'>[];
  readonly audio: number;
}

export const FIRST_LAYOUT: Layout = {
  sections: [{ kind: 'audio', protocol: 'RTP/AVP', formats: [] }],
  audio: 0,
};

/** What stands in a description of ours. */
export interface LocalMedia {
  readonly address: string;
  readonly rtpPort: number;
  /** Where RTCP is taken unless it shares the port of RTP; undefined where it has to. */
  readonly rtcpPort: number | undefined;
  readonly isRtcpMux: boolean;
  readonly direction: Direction;
  readonly formats: readonly RtpFormat[];
  /** Digits, one for the call. */
  readonly id: string;
  readonly version: number;
}

/** What a description of the peer's says of the audio. */
export interface RemoteMedia {
  readonly layout: Layout;
  readonly direction: Direction;
  readonly isRtcpMux: boolean;
  /** Those that both sides have, under the peer's numbers and in its order. */
  readonly formats: readonly RtpFormat[];
}

/** What we can send and read. */
export interface Abilities {
  readonly formats: readonly RtpFormat[];
  /** SRTP too, where its keys stand in the descriptions: the session makes ours, protects and decrypts. */
  readonly makesKeys: boolean;
}

/** Profiles without encryption. */
const PROFILES: readonly string[] = ['RTP/AVP', 'RTP/AVPF'];
/** Numbers that need no a=rtpmap (RFC 3551 section 6). */
const STATIC: ReadonlyMap<number, string> = new Map([
  [0, 'PCMU/8000'],
  [3, 'GSM/8000'],
  [8, 'PCMA/8000'],
  [9, 'G722/8000'],
  [18, 'G729/8000'],
]);

/** The text of an offer or, with the layout of one, of its answer. */
export function writeDescription(local: LocalMedia, { sections, audio }: Layout): string {
  const { address, id, version, formats, isRtcpMux, rtpPort, rtcpPort } = local;
  const network = `IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`;
  const lines = ['v=0', `o=- ${id} ${version} ${network}`, 's=-', `c=${network}`, 't=0 0'];
  for (const [index, { kind, protocol, formats: theirs, mid }] of sections.entries()) {
    const isAudio = index === audio;
    const numbers = isAudio ? formats.map(({ payloadType }) => payloadType) : theirs;
    lines.push(`m=${kind} ${isAudio ? rtpPort : 0} ${protocol} ${numbers.join(' ') || '0'}`);
    if (mid !== undefined) lines.push(`a=mid:${mid}`);
    if (!isAudio) continue;
    for (const { payloadType, codec, fmtp } of formats) {
      lines.push(`a=rtpmap:${payloadType} ${codec}`);
      if (fmtp !== undefined) lines.push(`a=fmtp:${payloadType} ${fmtp}`);
    }
    lines.push(`a=${local.direction}`);
    // For a peer that knows nothing of rtcp-mux, too (RFC 5761 section 5.1.1).
    if (rtcpPort !== undefined) lines.push(`a=rtcp:${rtcpPort}`);
    if (isRtcpMux) lines.push('a=rtcp-mux');
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/**
 * Of two ways to have the audio the one with keys is taken. Throws a Refusal: 400 for what is no SDP, 488 where there is no audio of ours
 * in it.
 */
export function readOffer(text: string, ours: Abilities): RemoteMedia {
  const sdp = parse(text);
  const taken = sdp.media.filter(
    (media) => !media.isRejected && media.kind === 'audio' && hasCodec(sharedFormats(media, ours)),
  );
  const media = taken.find(({ protocol }) => !PROFILES.includes(protocol)) ?? taken[0];
  if (media) return remoteMedia(sdp, media, sharedFormats(media, ours));
  throw new Refusal(488, `none of ${ours.formats.map(({ codec }) => codec).join(', ')} is offered`);
}

/** Throws a Refusal, as `readOffer`. */
export function readAnswer(text: string, { sections, audio }: Layout, ours: Abilities): RemoteMedia {
  const sdp = parse(text);
  const media = sdp.media[audio];
  if (media?.kind !== 'audio' || sdp.media.length !== sections.length)
    throw new Refusal(400, 'the answer has not the sections of the offer');
  const formats = sharedFormats(media, ours);
  if (media.isRejected || !hasCodec(formats))
    throw new Refusal(488, 'the answer accepts nothing of the offer');
  return remoteMedia(sdp, media, formats);
}

/** What of ours is left beside the peer's direction, told from our side (RFC 3264 section 6.1). */
export function answerDirection(ours: Direction, theirs: Direction): Direction {
  const sends = canSend(ours) && canReceive(theirs);
  const receives = canReceive(ours) && canSend(theirs);
  if (sends) return receives ? 'sendrecv' : 'sendonly';
  return receives ? 'recvonly' : 'inactive';
}

export function canSend(direction: Direction): boolean {
  return direction === 'sendrecv' || direction === 'sendonly';
}

export function canReceive(direction: Direction): boolean {
  return direction === 'sendrecv' || direction === 'recvonly';
}

function parse(text: string): Sdp {
  const parsed = parseSdp(text);
  if (!parsed.ok) throw new Refusal(400, parsed.error.message);
  return parsed.value;
}

function remoteMedia(sdp: Sdp, media: SdpMedia, formats: readonly RtpFormat[]): RemoteMedia {
  const { index, direction, rtcpMux, address } = media;
  return {
    layout: { sections: sdp.media, audio: index },
    // The old way to put on hold (RFC 3264 section 8.4).
    direction: address === '0.0.0.0' ? answerDirection(direction, 'recvonly') : direction,
    isRtcpMux: rtcpMux,
    formats,
  };
}

function sharedFormats(media: SdpMedia, { formats: ours, makesKeys }: Abilities): RtpFormat[] {
  if (!PROFILES.includes(media.protocol) && !(makesKeys && hasUsableKeys(media))) return [];
  return media.formats.flatMap((text) => {
    const payloadType = Number(text);
    const codec = media.rtpmaps.get(payloadType) ?? STATIC.get(payloadType);
    const own =
      codec === undefined ? undefined : ours.find((one) => canonical(one.codec) === canonical(codec));
    if (own === undefined) return [];
    const fmtp = media.fmtps.get(payloadType);
    return [{ payloadType, codec: own.codec, ...(fmtp !== undefined && { fmtp }) }];
  });
}

/** One channel may be left out (RFC 8866 section 6.6). */
function canonical(codec: string): string {
  return codec.toLowerCase().replace(/\/1$/, '');
}

/** Telephone events accompany a codec and are none. */
function hasCodec(formats: readonly RtpFormat[]): boolean {
  return formats.some(({ codec }) => !codec.toLowerCase().startsWith('telephone-event/'));
}
