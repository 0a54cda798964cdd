/*
 * The other way round: the SDP offer for an INVITE that came without one or goes out from us, and the reading of
 * its answer (RFC 3261 section 13.3.1.4). No bundles and no data, which only the other side can know of.
 */
import { parseSdp } from '../wire/sdp.js';
import type { SdpLimits, SdpMedia } from '../wire/sdp.js';
import { refuseSdp } from './answer.js';
import type { Agreement, SdpRefusal } from './answer.js';
import { alsoTaken, identityOf } from './codec-identity.js';
import { checkDescriptionOptions, describeMedia, describeSession } from './description.js';
import type { DescriptionOptions, SectionPorts } from './description.js';
import { clockRateOf, DEFAULT_FORMATS, formatsOf, isEvent, kindOf, RTP_KINDS } from './formats.js';
import type { Format } from './formats.js';
import { audioLevelOf, feedbackLines, keyFrameRequestOf, sectionLines } from './section-attributes.js';
import { isAcceptable, isData } from './sections.js';
import type { SrtpUse } from './sections.js';
import { ChannelNames, streamOf } from './stream.js';
import type { NegotiatedStream } from './stream.js';

/** What the answer to an offer of ours means for the participant's leg. */
export type AcceptResult = Agreement | SdpRefusal;

const NO_RTP = { isRtp: false, accepts: [], sends: [], isRtcpMux: false, audioLevelId: 0 };
const FEEDBACK = ['nack', 'nack pli', 'ccm fir'];

/** The kinds of the sections that an offer has when `DescriptionOptions.ports` has that many: audio, and what the room has. */
export function kindsToOffer(preference: readonly Format[]): readonly string[] {
  return RTP_KINDS.filter((kind) => kind === 'audio' || preference.some((format) => kindOf(format) === kind));
}

/**
 * The text of an offer: the formats of the room under its numbers first, then the others
 * we pass through, telephone events last.
 */
export function createOffer(options: DescriptionOptions): string {
  checkDescriptionOptions('createOffer', options);
  const { preference = [], ports } = options;
  const lines = describeSession(options);
  const kinds = kindsToOffer(preference).slice(0, ports?.size ?? 1);
  for (const [index, kind] of kinds.entries()) {
    lines.push(...describeSection(kind, { ...options, ...ports?.get(index) }));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

function describeSection(kind: string, options: DescriptionOptions): string[] {
  const formats: Format[] = (options.preference ?? []).filter((format) => kindOf(format) === kind);
  for (const format of DEFAULT_FORMATS) {
    const isTaken = formats.some(
      ({ payloadType, codec }) => payloadType === format.payloadType || codec === format.codec,
    );
    if (!isTaken && kindOf(format) === kind) formats.push(format);
  }
  formats.sort((a, b) => Number(isEvent(a)) - Number(isEvent(b)));
  const isRtcpMux = options.rtcpMux === true;
  const lines = kind === 'video' ? FEEDBACK.map((value) => `a=rtcp-fb:* ${value}`) : [];
  const direction = 'sendrecv';
  const protocol = options.srtp === 'require' ? 'RTP/SAVP' : 'RTP/AVP';
  const media = { kind, protocol, formats, direction, isRtcpMux, lines };
  const described = describeMedia(media, options);
  // Where the answerer knows nothing of rtcp-mux it needs the port of its own (RFC 5761 section 5.1.1).
  if (isRtcpMux && options.rtcpPort !== undefined) described.push(`a=rtcp:${options.rtcpPort}`);
  return described;
}

/**
 * The last description of ours as an offer, for a call that has one: the sections must stay (RFC 3264 section 8).
 * Holds are not ours, so none is offered.
 *
 * @param only The one audio codec to offer, of those in the description, beside the events on its clock.
 */
export function repeatOffer(description: string, sessionVersion: number, only?: Format): string {
  const repeated = description
    .replace(/^(o=\S+ \S+ )\d+/m, `$1${sessionVersion}`)
    .replace(/^a=(?:sendonly|recvonly|inactive)(\r?)$/gm, 'a=sendrecv$1');
  return only === undefined ? repeated : withCodec(repeated, only);
}

/**
 * A description of ours that tells these ports, by the index of the section that leads each transport; what it says of others stays. RTCP that
 * has a port of its own is taken at the next one.
 */
export function withPorts(description: string, ports: ReadonlyMap<number, SectionPorts>): string {
  const sdp = parseSdp(description);
  if (!sdp.ok) return description;
  let text = '';
  let at = 0;
  for (const { start, end, transport, isRejected } of sdp.value.media) {
    const { rtpPort } = ports.get(transport) ?? {};
    if (rtpPort === undefined || isRejected) continue;
    const section = description.slice(start, end).replace(/^(m=\S+ )\d+/, `$1${rtpPort}`);
    text += description.slice(at, start) + section;
    at = end;
  }
  return text + description.slice(at);
}

/** The codecs of the first audio section of a description of ours. */
export function audioFormats(description: string): readonly Format[] {
  const audio = audioOf(description);
  return audio === undefined ? [] : formatsOf(audio);
}

function audioOf(description: string): SdpMedia | undefined {
  const sdp = parseSdp(description);
  return sdp.ok ? sdp.value.media.find(({ kind, isRejected }) => kind === 'audio' && !isRejected) : undefined;
}

/** A description of ours, so its lines are as we write them. */
function withCodec(description: string, only: Format): string {
  const audio = audioOf(description);
  if (audio === undefined) return description;
  const kept = formatsOf(audio)
    .filter((one) => one.codec === only.codec || (isEvent(one) && clockRateOf(one) === clockRateOf(only)))
    .map(({ payloadType }) => String(payloadType));
  const lines = description.slice(audio.start, audio.end).split('\r\n');
  const section = lines.flatMap((line, at) => {
    if (at === 0) return [`${line.split(' ').slice(0, 3).join(' ')} ${kept.join(' ')}`];
    const [, type] = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /.exec(line) ?? [];
    return type === undefined || kept.includes(type) ? [line] : [];
  });
  return description.slice(0, audio.start) + section.join('\r\n') + description.slice(audio.end);
}

/**
 * Reads the answer to `offer`, a text of ours; never throws. The participant sends under the numbers
 * of our offer, and takes those of its answer (RFC 3264 section 6.1).
 *
 * `status` is 400 for text that is no SDP or answers another offer, 488 when it accepts nothing.
 *
 * @param srtp As `DescriptionOptions.srtp`.
 */
export function acceptAnswer(
  offer: string,
  answer: string,
  limits?: SdpLimits,
  srtp: SrtpUse = 'off',
): AcceptResult {
  const ours = parseSdp(offer, limits);
  const theirs = parseSdp(answer, limits);
  if (!theirs.ok) return refuseSdp(400, theirs.error.message);
  const offered = ours.ok ? ours.value.media : [];
  const { media: sections } = theirs.value;
  if (sections.length !== offered.length || sections.some(({ kind }, i) => kind !== offered[i]?.kind)) {
    return refuseSdp(400, 'the answer has not the sections of the offer');
  }
  const names = new ChannelNames();
  const streams: NegotiatedStream[] = [];
  for (const [index, media] of sections.entries()) {
    const own = offered[index];
    if (own === undefined || !isAcceptable(media, srtp)) continue;
    const transport = own.transport === index ? index : media.transport;
    if (isData(media)) {
      const agreed = { ...NO_RTP, transport, channel: names.next(media) };
      streams.push(streamOf(theirs.value, media, agreed));
      continue;
    }
    const accepts = formatsOf(media);
    const taken = new Set(accepts.flatMap((format) => [identityOf(format), ...alsoTaken(format)]));
    const sends = formatsOf(own).filter((format) => taken.has(identityOf(format)));
    if (sends.length === 0) continue;
    const isRtcpMux = own.rtcpMux && media.rtcpMux;
    const lines = sectionLines(theirs.value, media);
    const keyFrameRequest =
      media.kind === 'video' ? keyFrameRequestOf(feedbackLines(lines, accepts)) : undefined;
    const audioLevelId = audioLevelOf(lines).id;
    const channel = names.next(media);
    const agreed = { channel, isRtp: true, accepts, sends, isRtcpMux, audioLevelId, keyFrameRequest };
    streams.push(streamOf(theirs.value, media, { transport, ...agreed }));
  }
  const [stream] = streams;
  if (stream === undefined) return refuseSdp(488, 'the answer accepts nothing of the offer');
  return { ok: true, streams, stream };
}
