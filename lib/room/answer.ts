/*
 * Answers an SDP offer for a participant of a room: one audio stream, the formats the room passes through
 * under the numbers they were offered with. It changes no SDP of others, adds nothing of latch's (that is
 * the session's setLocal), and picks no ports.
 */
import { parseSdp } from '../wire/sdp.js';
import type { Sdp, SdpMedia } from '../wire/sdp.js';
import { describeMedia, describeSession } from './description.js';
import type { DescriptionOptions } from './description.js';
import { formatsOf, isEvent } from './formats.js';
import type { Format } from './formats.js';
import { closedStream, streamOf } from './stream.js';
import type { NegotiatedStream } from './stream.js';

/** Why there is no answer, for a SIP response with this status and a Warning header of this text. */
export interface SdpRefusal {
  readonly ok: false;
  readonly status: 400 | 488;
  readonly warning: string;
}

/** The answer to send, and what it means for the participant's leg. */
export type AnswerResult =
  { readonly ok: true; readonly sdp: string; readonly stream: NegotiatedStream } | SdpRefusal;

/** Profiles without encryption; feedback (AVPF) is never promised, so no a=rtcp-fb is answered. */
const PROFILES: readonly string[] = ['RTP/AVP', 'RTP/AVPF'];

/** Makes the refusal for this status. */
export function refuseSdp(status: 400 | 488, warning: string): SdpRefusal {
  return { ok: false, status, warning };
}

/**
 * Answers `offer`, the text of an SDP offer, whatever it contains; never throws.
 *
 * The first audio section that has a format of ours is accepted and every other section answered with port
 * 0. The formats of `options.preference` (see `Rooms.preference`) lead where codec and number are the same,
 * the others follow in the order of the offer; telephone events come last. An offer that wants no
 * media any more (every port 0) is answered in kind, with a stream on which nothing flows.
 *
 * `status` is 400 for text that is no SDP, 488 when nothing in it can be accepted.
 */
export function answerOffer(offer: string, options: DescriptionOptions): AnswerResult {
  const parsed = parseSdp(offer);
  if (!parsed.ok) return refuseSdp(400, parsed.error.message);
  const sdp = parsed.value;
  const audio = sdp.media.find((media) => media.kind === 'audio' && isAcceptable(media));
  if (audio === undefined) {
    const closed = sdp.media.find((media) => media.kind === 'audio');
    if (closed === undefined || !sdp.media.every((media) => media.isRejected)) {
      return refuseSdp(488, whyNothing(sdp));
    }
    return { ok: true, sdp: describeAnswer(sdp, undefined, [], options), stream: closedStream(closed) };
  }
  const formats = prefer(formatsOf(audio), options.preference ?? []);
  const isRtcpMux = audio.rtcpMux && options.rtcpMux !== false;
  const stream = streamOf(sdp, audio, { accepts: formats, sends: formats, isRtcpMux });
  return { ok: true, sdp: describeAnswer(sdp, stream, sectionLines(sdp, audio), options), stream };
}

/** Whether the section is asked for and has at least one codec of ours, events apart. */
export function isAcceptable(media: SdpMedia): boolean {
  return (
    !media.isRejected &&
    PROFILES.includes(media.protocol) &&
    formatsOf(media).some((format) => !isEvent(format))
  );
}

function whyNothing(sdp: Sdp): string {
  const audio = sdp.media.filter((media) => media.kind === 'audio' && !media.isRejected);
  if (audio.length === 0) return 'no audio is offered, and only audio is distributed here';
  if (audio.every((media) => !PROFILES.includes(media.protocol))) {
    return `audio is taken as ${PROFILES.join(' or ')} only`;
  }
  return 'none of PCMU, PCMA, G722 and opus is offered';
}

/**
 * What the room already speaks leads, events come last. A codec under another number than the room's does not
 * lead: packets keep their numbers on the way through, so it would not be heard.
 */
function prefer(formats: readonly Format[], preference: readonly Format[]): Format[] {
  const rank = (format: Format): number => {
    if (isEvent(format)) return preference.length + 1;
    const at = preference.findIndex(
      ({ payloadType, codec }) => payloadType === format.payloadType && codec === format.codec,
    );
    return at < 0 ? preference.length : at;
  };
  return formats.toSorted((a, b) => rank(a) - rank(b));
}

function describeAnswer(
  offer: Sdp,
  stream: NegotiatedStream | undefined,
  offered: readonly string[],
  options: DescriptionOptions,
): string {
  const accepted = stream === undefined ? undefined : offer.media[stream.media];
  const mid = accepted?.mid;
  const isBundled = mid !== undefined && offer.bundle.some((mids) => mids.includes(mid));
  // The t= of an answer is that of its offer (RFC 3264 section 6).
  const lines = describeSession(options, /^t=(\d+ \d+) *$/m.exec(offer.text)?.[1]);
  if (isBundled) lines.push(`a=group:BUNDLE ${mid}`);
  for (const media of offer.media) {
    if (stream === undefined || media !== accepted) {
      lines.push(`m=${media.kind} 0 ${media.protocol} ${media.formats.join(' ') || '0'}`);
      if (media.mid !== undefined) lines.push(`a=mid:${media.mid}`);
      continue;
    }
    const { protocol } = media;
    const { accepts: formats, isRtcpMux } = stream;
    const direction = directionOf(stream);
    lines.push(...describeMedia({ protocol, mid, formats, direction, isRtcpMux }, options));
    lines.push(...offered.filter((line) => /^a=(max)?ptime:\d+ *$/.test(line)));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/** Ours mirrors the participant's: what it sends we receive (RFC 3264 section 6.1). */
function directionOf(stream: NegotiatedStream): string {
  if (stream.isSending) return stream.isListening ? 'sendrecv' : 'recvonly';
  return stream.isListening ? 'sendonly' : 'inactive';
}

function sectionLines(sdp: Sdp, media: SdpMedia): string[] {
  return sdp.text.split(/\r\n|\r|\n/).slice(media.firstLine - 1, media.lastLine);
}
