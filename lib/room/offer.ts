/*
 * The other way round: the SDP offer for an INVITE that came without one, and the reading of its answer
 * (RFC 3261 section 13.3.1.4). One audio stream, as in answer.ts, whose limits hold here too.
 */
import { parseSdp } from '../wire/sdp.js';
import { isAcceptable, refuseSdp } from './answer.js';
import type { SdpRefusal } from './answer.js';
import { describeMedia, describeSession } from './description.js';
import type { DescriptionOptions } from './description.js';
import { DEFAULT_FORMATS, formatsOf, isEvent } from './formats.js';
import type { Format } from './formats.js';
import { streamOf } from './stream.js';
import type { NegotiatedStream } from './stream.js';

/** What the answer to an offer of ours means for the participant's leg. */
export type AcceptResult = { readonly ok: true; readonly stream: NegotiatedStream } | SdpRefusal;

/**
 * The text of an offer: the formats of the room under its numbers first, then the others
 * we pass through, telephone events last.
 */
export function createOffer(options: DescriptionOptions): string {
  const formats: Format[] = [...(options.preference ?? [])];
  for (const format of DEFAULT_FORMATS) {
    const isTaken = formats.some(
      ({ payloadType, codec }) => payloadType === format.payloadType || codec === format.codec,
    );
    if (!isTaken) formats.push(format);
  }
  formats.sort((a, b) => Number(isEvent(a)) - Number(isEvent(b)));
  const isRtcpMux = options.rtcpMux === true;
  const media = describeMedia({ protocol: 'RTP/AVP', formats, direction: 'sendrecv', isRtcpMux }, options);
  // Where the answerer knows nothing of rtcp-mux it needs the port of its own (RFC 5761 section 5.1.1).
  if (isRtcpMux && options.rtcpPort !== undefined) media.push(`a=rtcp:${options.rtcpPort}`);
  return [...describeSession(options), ...media].map((line) => `${line}\r\n`).join('');
}

/**
 * Reads the answer to `offer`, a text of `createOffer`; never throws. The participant sends under the numbers
 * of our offer, and takes those of its answer (RFC 3264 section 6.1).
 *
 * `status` is 400 for text that is no SDP or answers another offer, 488 when it accepts nothing.
 */
export function acceptAnswer(offer: string, answer: string): AcceptResult {
  const ours = parseSdp(offer);
  const theirs = parseSdp(answer);
  if (!theirs.ok) return refuseSdp(400, theirs.error.message);
  const offered = ours.ok ? ours.value.media[0] : undefined;
  const audio = theirs.value.media[0];
  if (offered === undefined || audio?.kind !== offered.kind || theirs.value.media.length !== 1) {
    return refuseSdp(400, 'the answer has not the sections of the offer');
  }
  if (!isAcceptable(audio)) return refuseSdp(488, 'the answer accepts nothing of the offer');
  const accepts = formatsOf(audio);
  const sends = formatsOf(offered).filter(({ codec }) => accepts.some((format) => format.codec === codec));
  if (sends.length === 0) return refuseSdp(488, 'the answer accepts nothing of the offer');
  const isRtcpMux = offered.rtcpMux && audio.rtcpMux;
  return { ok: true, stream: streamOf(theirs.value, audio, { accepts, sends, isRtcpMux }) };
}
