/*
 * Answers an SDP offer with one stream of G.711, and telephone events where they are offered. It takes no other codec and no encrypted
 * profile, and it adds nothing of latch's: that is the session's `setLocal`, or the plugin's.
 */
import { describeMedia, describeSession } from '../room/description.js';
import { formatsOf } from '../room/formats.js';
import type { Format } from '../room/formats.js';
import { isRtp } from '../room/sections.js';
import { parseSdp } from '../wire/index.js';
import type { SdpMedia, TransportAddress } from '../wire/index.js';
import type { G711PayloadType } from './g711.js';

/** What was agreed on. */
export interface VoiceAnswer {
  /** To be sent. */
  readonly sdp: string;
  /** Of the voice: 0 is PCMU, 8 is PCMA. */
  readonly payloadType: G711PayloadType;
  /** Of telephone events; undefined where the offer has none. */
  readonly eventType: number | undefined;
  /** The caller wants to hear us: not on hold. */
  readonly isListening: boolean;
  /** Of the `o=` line. */
  readonly sessionId: string;
  readonly sessionVersion: number;
}

/** The directions of an answer, by those of its offer (RFC 3264 section 6.1). */
const DIRECTIONS = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };
const EVENT = 'telephone-event/8000';

/**
 * The answer to `offer`, with our RTP at `local`. Undefined where the offer cannot be read or has no G.711 in RTP/AVP: that is a 488.
 *
 * @param before The answer to an earlier offer of the call: the codec stays.
 */
export function answerVoice(
  offer: string,
  local: TransportAddress,
  before?: VoiceAnswer,
): VoiceAnswer | undefined {
  const parsed = parseSdp(offer);
  if (!parsed.ok) return undefined;
  const { media } = parsed.value;
  const audio = media.find((one) => codecOf(one, before) !== undefined);
  const codec = audio && codecOf(audio, before);
  if (!audio || !codec) return undefined;
  const event = formatsOf(audio).find((one) => one.codec === EVENT);
  const sessionId = before?.sessionId ?? String(Date.now());
  const sessionVersion = (before?.sessionVersion ?? 0) + 1;
  const ports = { rtpPort: local.port };
  const own = { formats: event ? [codec, event] : [codec], direction: DIRECTIONS[audio.direction] };
  const lines = describeSession({ ...ports, address: local.address, sessionId, sessionVersion });
  for (const one of media) {
    const { kind, protocol, mid, formats, rtcpMux } = one;
    if (one !== audio) lines.push(`m=${kind} 0 ${protocol} ${formats.join(' ') || '0'}`);
    else
      lines.push(...describeMedia({ ...own, kind, protocol, mid, isRtcpMux: rtcpMux }, ports), 'a=ptime:20');
  }
  return {
    sdp: lines.map((line) => `${line}\r\n`).join(''),
    payloadType: codec.payloadType,
    eventType: event?.payloadType,
    isListening: audio.direction === 'sendrecv' || audio.direction === 'recvonly',
    sessionId,
    sessionVersion,
  };
}

/** The first that we speak of what a section offers. */
function codecOf(
  media: SdpMedia,
  before?: VoiceAnswer,
): (Format & { payloadType: G711PayloadType }) | undefined {
  if (media.kind !== 'audio' || media.isRejected || !isRtp(media)) return undefined;
  return formatsOf(media)
    .filter(isG711)
    .find(({ payloadType }) => !before || payloadType === before.payloadType);
}

/** Under their own numbers, which nobody changes (RFC 3551 table 4). */
function isG711(format: Format): format is Format & { payloadType: G711PayloadType } {
  const { payloadType, codec } = format;
  return (payloadType === 0 && codec === 'PCMU/8000') || (payloadType === 8 && codec === 'PCMA/8000');
}
