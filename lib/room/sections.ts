/*
 * Which m= sections of an offer a room takes, and which of them share a transport (RFC 9143). It picks no ports and
 * writes nothing.
 */
import { hasUsableKeys } from '../core/index.js';
import { connectionFault } from '../wire/sdp-connection.js';
import { isDtlsSrtp, isSecureRtp } from '../wire/sdp-fields.js';
import type { Sdp, SdpMedia } from '../wire/sdp.js';
import { formatsOf, isEvent, RED_TEXT, RTP_KINDS } from './formats.js';
import type { Format } from './formats.js';

/** Profiles without encryption. */
const PROFILES: readonly string[] = ['RTP/AVP', 'RTP/AVPF'];
/** What a room may do with SRTP, where the keys stand in the descriptions (RFC 4568): none, as the participant likes, or nothing else. */
export type SrtpUse = 'off' | 'accept' | 'require';
export const SRTP_USES: readonly SrtpUse[] = ['off', 'accept', 'require'];

/** Each transport costs two sockets, so their number is not the peer's to choose freely. */
const TRANSPORTS_MAX = 8;

/** A section that is taken. */
export interface Section {
  readonly media: SdpMedia;
  /** Index of the section whose ports it shares: its own but in a BUNDLE group. */
  readonly transport: number;
  /** In the section's order; empty for data. */
  readonly formats: readonly Format[];
  readonly isRtcpMux: boolean;
}

/** Whose packets a room can read: without keys, or with some that the peer's description has. */
export function isRtp(media: SdpMedia, srtp: SrtpUse = 'off'): boolean {
  if (!(RTP_KINDS as readonly string[]).includes(media.kind)) return false;
  if (isSecureRtp(media.protocol)) return srtp !== 'off' && hasUsableKeys(media);
  return PROFILES.includes(media.protocol) && (srtp !== 'require' || hasUsableKeys(media));
}

/** Formats of `m=application … udp` whose other end has to be a server that gives somebody the floor (3GPP TS 24.380, 24.581). */
const FLOOR_CONTROL: readonly string[] = ['MCPTT', 'MCVIDEO'];

/**
 * Datagrams that nobody here understands, and that all others of the room get as they are: `m=application PORT udp NAME`. Not
 * where the other end has to be a server that understands them (`UDP/BFCP`), or where a handshake is between the two ends
 * (DTLS, SCTP over it): it cannot be with many.
 */
export function isData({ kind, protocol, formats }: SdpMedia): boolean {
  const isServed = formats.some((format) => FLOOR_CONTROL.includes(format.toUpperCase()));
  return kind === 'application' && /^udp$/i.test(protocol) && !isServed;
}

/** Whether the section is asked for and has something in it that a room passes through. */
export function isAcceptable(media: SdpMedia, srtp: SrtpUse = 'off'): boolean {
  if (media.isRejected) return false;
  return isData(media) || (isRtp(media, srtp) && hasCodec(formatsOf(media)));
}

/**
 * The kinds of media that are offered with SRTP as one of two ways: whoever would rather have it, and takes less, offers the same stream
 * again as plain RTP. Who answers takes the one with the keys.
 */
function secureKinds({ media }: Sdp, srtp: SrtpUse): ReadonlySet<string> {
  const secure = media.filter((one) => isSecureRtp(one.protocol) && isAcceptable(one, srtp));
  return new Set(secure.map(({ kind }) => kind));
}

/** Events and redundancy accompany a codec, and are none. */
function hasCodec(formats: readonly Format[]): boolean {
  return formats.some((format) => !isEvent(format) && format.codec !== RED_TEXT);
}

/** What a Warning says, with its code (RFC 3261 section 20.43). */
export interface Reason {
  readonly status: 400 | 488;
  readonly warnCode: number;
  readonly text: string;
}

/** Why no section was taken. */
export function whyNone(sdp: Sdp, own: string, srtp: SrtpUse = 'off'): Reason {
  const wanted = sdp.media.filter((media) => !media.isRejected);
  const audio = wanted.filter((media) => media.kind === 'audio');
  const refuse = (warnCode: number, text: string): Reason => ({ status: 488, warnCode, text });
  const [unreachable] = wanted
    .filter((media) => isAcceptable(media, srtp))
    .flatMap(({ transport }) => whyUnreachable(sdp, transport, own, srtp) ?? []);
  if (unreachable) return unreachable;
  if (audio.length === 0) return refuse(304, 'no audio is offered that could be distributed here');
  if (!audio.some((media) => isRtp(media, srtp))) return refuse(302, whyNoRtp(audio, srtp));
  return refuse(305, 'none of PCMU, PCMA, G722 and opus is offered');
}

function whyNoRtp(audio: readonly SdpMedia[], srtp: SrtpUse): string {
  const offered = audio.some(({ protocol }) => isDtlsSrtp(protocol)) ? 'DTLS-SRTP is not served here: ' : '';
  if (srtp === 'require') return `${offered}audio is taken as SRTP only, with an a=crypto that we support`;
  const keyed =
    srtp === 'accept' ? ', or as RTP/SAVP or RTP/SAVPF with an a=crypto that we support' : ' only';
  return `${offered}audio is taken as ${PROFILES.join(' or ')}${keyed}`;
}

/** Why nothing could be sent to a transport; undefined where something could, and where latch, ICE or SRTP finds the participant. */
function whyUnreachable(
  sdp: Sdp,
  transport: number,
  own: string | undefined,
  srtp: SrtpUse,
): Reason | undefined {
  const media = sdp.media[transport];
  const isFound = media?.latch || media?.ice || (media && srtp !== 'off' && hasUsableKeys(media));
  return !media || isFound ? undefined : connectionFault(media, own);
}

/**
 * The sections of an offer that a room takes, in its order.
 *
 * @param own Our IP address, as participants are told it; left out, one of either family is sent to.
 */
export function takeSections(
  sdp: Sdp,
  isRtcpMuxAllowed: boolean,
  own?: string,
  srtp: SrtpUse = 'off',
): readonly Section[] {
  const leaders = isRtcpMuxAllowed ? leadersOf(sdp, srtp) : new Map<SdpMedia, SdpMedia>();
  const secure = secureKinds(sdp, srtp);
  const sections: Section[] = [];
  const taken = new Map<number, Set<number>>();
  // Leaders first, so that none loses its numbers to a section that depends on it.
  const rank = (media: SdpMedia) => (leaders.get(media) === media ? 0 : 1);
  for (const media of sdp.media.toSorted((a, b) => rank(a) - rank(b))) {
    const transport = leaders.get(media)?.index ?? media.index;
    if (!isAcceptable(media, srtp) || (media.port === 0 && transport === media.index)) continue;
    if (secure.has(media.kind) && !isSecureRtp(media.protocol)) continue;
    if (whyUnreachable(sdp, transport, own, srtp)) continue;
    const numbers = taken.get(transport) ?? new Set<number>();
    // Sections of one transport are told apart by payload type (RFC 9143 section 9.2): a number counts once.
    const formats = isData(media) ? [] : formatsOf(media).filter((one) => !numbers.has(one.payloadType));
    if (!isData(media) && !hasCodec(formats)) continue;
    if (!taken.has(transport) && taken.size === TRANSPORTS_MAX) continue;
    for (const { payloadType } of formats) numbers.add(payloadType);
    taken.set(transport, numbers);
    sections.push({ media, transport, formats, isRtcpMux: media.rtcpMux && isRtcpMuxAllowed });
  }
  return sections.sort((a, b) => a.media.index - b.media.index);
}

/**
 * For each section of a BUNDLE group, the first of the group that can lead it. Those without rtcp-mux stay by
 * themselves: a bundle has it (RFC 9143 section 9.3).
 */
function leadersOf(sdp: Sdp, srtp: SrtpUse): ReadonlyMap<SdpMedia, SdpMedia> {
  const leaders = new Map<SdpMedia, SdpMedia>();
  if (sdp.bundle.length === 0) return leaders;
  // Each section is looked at once, however often the groups name it.
  const named = new Map<string, SdpMedia[]>();
  for (const media of sdp.media) {
    if (media.mid === undefined || !media.rtcpMux || !isRtp(media, srtp) || !isAcceptable(media, srtp))
      continue;
    const others = named.get(media.mid);
    if (others) others.push(media);
    else named.set(media.mid, [media]);
  }
  for (const group of sdp.bundle) {
    const members = [...new Set(group)].flatMap((mid) => named.get(mid) ?? []);
    const leader = members.find((media) => media.port > 0);
    if (leader === undefined) continue;
    for (const mid of group) named.delete(mid);
    for (const member of members) leaders.set(member, leader);
  }
  return leaders;
}
