/*
 * Answers an SDP offer for a participant of a room: the formats the room passes through under the numbers they
 * were offered with. It changes no SDP of others, adds nothing of latch's (that is the session's setLocal), and
 * picks no ports.
 */
import { parseSdp } from '../wire/sdp.js';
import type { Sdp, SdpLimits } from '../wire/sdp.js';
import { identityOf } from './codec-identity.js';
import { checkDescriptionOptions, describeMedia, describeSession } from './description.js';
import type { DescriptionOptions, SectionPorts } from './description.js';
import { isEvent, RED_TEXT } from './formats.js';
import type { Format } from './formats.js';
import { audioLevelOf, feedbackLines, keyFrameRequestOf, sectionLines } from './section-attributes.js';
import { isData, takeSections, whyNone } from './sections.js';
import type { Section, SrtpUse } from './sections.js';
import { ChannelNames, closedStream, streamOf } from './stream.js';
import type { NegotiatedStream } from './stream.js';

/** Why there is no answer, for a SIP response with this status and a Warning header of this text. */
export interface SdpRefusal {
  readonly ok: false;
  readonly status: 400 | 488;
  readonly warning: string;
  /** Of the Warning (RFC 3261 section 20.43). */
  readonly warnCode: number;
}

/** What was agreed on. */
export interface Agreement {
  readonly ok: true;
  /** Every stream there is, in the order of the sections. */
  readonly streams: readonly NegotiatedStream[];
  /** The first of them. */
  readonly stream: NegotiatedStream;
}

/** The answer to send, and what it means for the participant's leg. */
export type AnswerResult = (Agreement & { readonly sdp: string }) | SdpRefusal;

/** One section of the answer, and the lines of it that follow from the offer's. */
interface Answered {
  readonly section: Section;
  readonly stream: NegotiatedStream;
  readonly lines: readonly string[];
}

/** Makes the refusal for this status. */
export function refuseSdp(status: 400 | 488, warning: string, warnCode = 399): SdpRefusal {
  return { ok: false, status, warning, warnCode };
}

/**
 * The transports that an answer to `offer` would have, by the index of the m= section that leads each: every one
 * wants ports in `DescriptionOptions.ports`. Empty for what is no SDP or has nothing for us.
 *
 * @param address As `DescriptionOptions.address`: what is of another family is not taken.
 * @param srtp As `DescriptionOptions.srtp`.
 */
export function offeredTransports(
  offer: string,
  limits?: SdpLimits,
  address?: string,
  srtp?: SrtpUse,
): readonly number[] {
  const sdp = parseSdp(offer, limits);
  if (!sdp.ok) return [];
  return [...new Set(takeSections(sdp.value, true, address, srtp).map(({ transport }) => transport))];
}

/**
 * Answers `offer`, the text of an SDP offer, whatever it contains.
 *
 * With `options.ports` every section is accepted that has something of ours and a transport with ports, without
 * it the first audio section; all others are answered with port 0. The formats of `options.preference` (see
 * `Rooms.preference`) lead, the others follow in the order of the offer; telephone events come last. An offer that
 * wants no media any more (every port 0) is answered in kind, with a stream on which nothing flows. A section whose `c=` is
 * missing, is a name, or is of another family than `options.address` is not taken, unless it brings latch, ICE or keys for SRTP.
 *
 * `status` is 400 for text that is no SDP or lacks every `c=`, 488 when nothing in it can be accepted.
 *
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function answerOffer(offer: string, options: DescriptionOptions): AnswerResult {
  checkDescriptionOptions('answerOffer', options);
  const parsed = parseSdp(offer, options.sdpLimits);
  if (!parsed.ok) return refuseSdp(400, parsed.error.message);
  const sdp = parsed.value;
  const names = new ChannelNames();
  const answered = chooseSections(sdp, options).map((section) => answerSection(sdp, section, names, options));
  const streams = answered.map(({ stream }) => stream);
  const [first] = streams;
  if (first !== undefined) {
    return { ok: true, sdp: describeAnswer(sdp, answered, options), streams, stream: first };
  }
  const closed = sdp.media.find((media) => media.kind === 'audio') ?? sdp.media[0];
  if (closed === undefined || !sdp.media.every((media) => media.isRejected)) {
    const { status, text, warnCode } = whyNone(sdp, options.address, options.srtp);
    return refuseSdp(status, text, warnCode);
  }
  const stream = closedStream(closed);
  return { ok: true, sdp: describeAnswer(sdp, [], options), streams: [stream], stream };
}

function chooseSections(sdp: Sdp, options: DescriptionOptions): readonly Section[] {
  const { ports, rtcpMux, address, srtp } = options;
  const sections = takeSections(sdp, rtcpMux !== false, address, srtp);
  if (ports !== undefined) return sections.filter(({ transport }) => ports.has(transport));
  const audio = sections.find(({ media }) => media.kind === 'audio');
  return audio === undefined ? [] : [{ ...audio, transport: audio.media.index }];
}

function answerSection(
  sdp: Sdp,
  section: Section,
  names: ChannelNames,
  { preference = [] }: DescriptionOptions,
): Answered {
  const { media, transport, isRtcpMux } = section;
  const offered = sectionLines(sdp, media);
  const formats = prefer(section.formats, preference);
  const isRtp = !isData(media);
  const feedback = isRtp ? feedbackLines(offered, formats) : [];
  const level = media.kind === 'audio' ? audioLevelOf(offered) : { id: 0, lines: [] };
  const stream = streamOf(sdp, media, {
    transport,
    channel: names.next(media),
    isRtp,
    accepts: formats,
    sends: formats,
    isRtcpMux,
    audioLevelId: level.id,
    keyFrameRequest: media.kind === 'video' ? keyFrameRequestOf(feedback) : undefined,
  });
  const packetTimes = offered.filter((line) => /^a=(max)?ptime:\d+ *$/.test(line));
  return { section, stream, lines: [...feedback, ...level.lines, ...packetTimes] };
}

/** What the room already speaks leads, events and redundancy come last. */
function prefer(formats: readonly Format[], preference: readonly Format[]): Format[] {
  const identities = preference.map(identityOf);
  const rank = (format: Format): number => {
    if (isEvent(format)) return identities.length + 1;
    // Redundant text before the text in it: that is how its preference is said (RFC 4103 section 7).
    const at = identities.indexOf(identityOf(format));
    return at < 0 || format.codec === RED_TEXT ? identities.length : at;
  };
  // Each is ranked once: a comparison would read its a=fmtp anew.
  const ranked = formats.map((format) => ({ format, rank: rank(format) }));
  return ranked.sort((a, b) => a.rank - b.rank).map(({ format }) => format);
}

function describeAnswer(offer: Sdp, answered: readonly Answered[], options: DescriptionOptions): string {
  // The t= of an answer is that of its offer (RFC 3264 section 6).
  const lines = describeSession(options, /^t=(\d+ \d+) *$/m.exec(offer.text)?.[1]);
  lines.push(...bundleLines(offer, answered));
  const accepting = new Map(answered.map((one) => [one.section.media, one]));
  for (const media of offer.media) {
    const { kind, protocol, mid, formats } = media;
    const accepted = accepting.get(media);
    if (accepted === undefined) {
      lines.push(`m=${kind} 0 ${protocol} ${formats.join(' ') || '0'}`);
      if (mid !== undefined) lines.push(`a=mid:${mid}`);
      continue;
    }
    const { stream, lines: attributes } = accepted;
    const { accepts, isRtcpMux, transport } = stream;
    const ports: SectionPorts = options.ports?.get(transport) ?? options;
    const direction = directionOf(stream);
    const own = { kind, protocol, mid, formats: accepts, direction, isRtcpMux, lines: attributes };
    lines.push(...describeMedia(stream.isRtp ? own : { ...own, dataFormats: formats }, ports));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/** The groups of the offer, of what is left of each; the one whose ports count comes first (RFC 9143 section 7.3). */
function bundleLines(offer: Sdp, answered: readonly Answered[]): string[] {
  const named = new Map<string, Answered[]>();
  for (const one of answered) {
    const { media, isRtcpMux } = one.section;
    if (!isRtcpMux || media.mid === undefined) continue;
    const others = named.get(media.mid);
    if (others) others.push(one);
    else named.set(media.mid, [one]);
  }
  return offer.bundle.flatMap((group) => {
    const members = [...new Set(group)].flatMap((mid) => named.get(mid) ?? []);
    const leader = members.find(({ stream }) => stream.transport === stream.media);
    const mids = members
      .filter(({ stream }) => stream.transport === leader?.stream.media)
      .flatMap(({ section: { media } }) => media.mid ?? []);
    const leading = leader?.section.media.mid;
    if (leading === undefined) return [];
    return [`a=group:BUNDLE ${[leading, ...mids.filter((mid) => mid !== leading)].join(' ')}`];
  });
}

/** Ours mirrors the participant's: what it sends we receive (RFC 3264 section 6.1). */
function directionOf(stream: NegotiatedStream): string {
  if (stream.isSending) return stream.isListening ? 'sendrecv' : 'recvonly';
  return stream.isListening ? 'sendonly' : 'inactive';
}
