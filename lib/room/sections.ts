/*
 * Which m= sections of an offer a room takes, and which of them share a transport (RFC 9143). It picks no ports and
 * writes nothing.
 */
import { connectionFault } from '../wire/sdp-connection.js';
import { isDtlsSrtp } from '../wire/sdp-fields.js';
import type { Sdp, SdpMedia } from '../wire/sdp.js';
import { formatsOf, isEvent, RED_TEXT, RTP_KINDS } from './formats.js';
import type { Format } from './formats.js';

/** Profiles without encryption. */
const PROFILES: readonly string[] = ['RTP/AVP', 'RTP/AVPF'];
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

export function isRtp(media: SdpMedia): boolean {
  return PROFILES.includes(media.protocol) && (RTP_KINDS as readonly string[]).includes(media.kind);
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
export function isAcceptable(media: SdpMedia): boolean {
  if (media.isRejected) return false;
  return isData(media) || (isRtp(media) && hasCodec(formatsOf(media)));
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
export function whyNone(sdp: Sdp, own: string): Reason {
  const wanted = sdp.media.filter((media) => !media.isRejected);
  const audio = wanted.filter((media) => media.kind === 'audio');
  const refuse = (warnCode: number, text: string): Reason => ({ status: 488, warnCode, text });
  const [unreachable] = wanted
    .filter(isAcceptable)
    .flatMap(({ transport }) => whyUnreachable(sdp, transport, own) ?? []);
  if (unreachable) return unreachable;
  if (audio.length === 0) return refuse(304, 'no audio is offered that could be distributed here');
  if (!audio.some(isRtp)) {
    const isDtls = audio.some(({ protocol }) => isDtlsSrtp(protocol));
    const offered = isDtls ? 'DTLS-SRTP is not served here: ' : '';
    return refuse(302, `${offered}audio is taken as ${PROFILES.join(' or ')} only`);
  }
  return refuse(305, 'none of PCMU, PCMA, G722 and opus is offered');
}

/** Why nothing could be sent to a transport; undefined where something could, and where latch or ICE finds the participant. */
function whyUnreachable(sdp: Sdp, transport: number, own: string | undefined): Reason | undefined {
  const media = sdp.media[transport];
  return !media || media.latch || media.ice ? undefined : connectionFault(media, own);
}

/**
 * The sections of an offer that a room takes, in its order.
 *
 * @param own Our IP address, as participants are told it; left out, one of either family is sent to.
 */
export function takeSections(sdp: Sdp, isRtcpMuxAllowed: boolean, own?: string): readonly Section[] {
  const leaders = isRtcpMuxAllowed ? leadersOf(sdp) : new Map<SdpMedia, SdpMedia>();
  const sections: Section[] = [];
  const taken = new Map<number, Set<number>>();
  // Leaders first, so that none loses its numbers to a section that depends on it.
  const rank = (media: SdpMedia) => (leaders.get(media) === media ? 0 : 1);
  for (const media of sdp.media.toSorted((a, b) => rank(a) - rank(b))) {
    const transport = leaders.get(media)?.index ?? media.index;
    if (!isAcceptable(media) || (media.port === 0 && transport === media.index)) continue;
    if (whyUnreachable(sdp, transport, own)) continue;
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
function leadersOf(sdp: Sdp): ReadonlyMap<SdpMedia, SdpMedia> {
  const leaders = new Map<SdpMedia, SdpMedia>();
  if (sdp.bundle.length === 0) return leaders;
  // Each section is looked at once, however often the groups name it.
  const named = new Map<string, SdpMedia[]>();
  for (const media of sdp.media) {
    if (media.mid === undefined || !media.rtcpMux || !isRtp(media) || !isAcceptable(media)) continue;
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
