/*
 * Reads from an SDP (RFC 8866) what latching needs, at session and media level: where media goes, how
 * sections share a transport (RFC 9143, RFC 5761), and our own attributes (protocol.md 2). It serialises
 * nothing (see sdp-lines.ts) and judges only what is ours: a malformed line of others, but for `v=` and
 * `m=` without which nothing can be placed, reads as absent.
 */

import type { TransportAddress } from './address.js';
import type { CryptoAttribute } from './crypto-attribute.js';
import type { LatchAttribute } from './latch-attribute.js';
import { refuse, succeed } from './result.js';
import type { Result } from './result.js';
import { parseConnection, parseMediaLine } from './sdp-fields.js';
import type { MediaLine } from './sdp-fields.js';
import { lineEndOf, sdpLines, spliceLines } from './sdp-lines.js';
import type { SectionKey } from './sdp-lines.js';
import { openSection, readAttribute, readChallenge } from './sdp-section.js';
import type { Direction, Section } from './sdp-section.js';

export { formatChallenge, formatLatch } from './latch-attribute.js';
export type { LatchAttribute } from './latch-attribute.js';
export { stripKeys, stripLatch } from './sdp-lines.js';
export type { SectionKey } from './sdp-lines.js';
export type { Direction } from './sdp-section.js';

export interface IceCredentials {
  readonly ufrag: string;
  /** A secret: never to be printed. */
  readonly pwd: string;
}

/** One media section. Values of the session level that the section does not override are filled in. */
export interface SdpMedia {
  readonly index: number;
  /** `audio`, `video`, … as sent. */
  readonly kind: string;
  readonly port: number;
  /** 2 for `m=audio 4002/2`, else 1. */
  readonly portCount: number;
  readonly protocol: string;
  readonly formats: readonly string[];
  readonly mid?: string | undefined;
  readonly direction: Direction;
  /** From the `c=` in force: IP, a host name, `0.0.0.0` of an old-style hold, or '' when there is none. */
  readonly address: string;
  /** From `a=rtcp`, else the next port; port 0: none. Says nothing of `rtcpMux`, which wins where agreed. */
  readonly rtcp: TransportAddress;
  /** There is an `a=rtcp` that can be read. */
  readonly hasRtcpLine: boolean;
  readonly rtcpMux: boolean;
  readonly bundleOnly: boolean;
  /**
   * Port 0, and not because the section is bundle-only in a group: no media here (RFC 3264 section 6).
   * Of a section that is not rejected, the section `transport` has a port.
   */
  readonly isRejected: boolean;
  /** Index of the section whose transport carries this one: see `transportIndex`. */
  readonly transport: number;
  /** Our attribute in force: of this section, or the very object of the session level. */
  readonly latch?: LatchAttribute | undefined;
  /** The 16-byte word in force; only beside a `latch`. */
  readonly challenge?: Uint8Array | undefined;
  /** The peer's ICE credentials in force (RFC 8839 section 5.4): both, or none. */
  readonly ice?: IceCredentials | undefined;
  /**
   * The keys with which the one who wrote the SDP protects its packets (RFC 4568), those of the section itself, as there is no other
   * level for them: what can be read, up to 16 lines. Secrets: never to be printed.
   */
  readonly cryptos: readonly CryptoAttribute[];
  /** There is an `a=crypto` in the section, readable or not. */
  readonly hasCryptoLine: boolean;
  /** The SSRCs that the one who wrote the SDP says it sends (RFC 5576), each once, up to 64. */
  readonly ssrcs: readonly number[];
  /** By payload type: `opus/48000/2`. Static types have no entry unless the SDP has. */
  readonly rtpmaps: ReadonlyMap<number, string>;
  readonly fmtps: ReadonlyMap<number, string>;
  /** Where it stands in `Sdp.text`: from its `m=` line up to, not including, `end`. */
  readonly start: number;
  readonly end: number;
}

export interface Sdp {
  /** Exactly what was parsed; it holds secrets. */
  readonly text: string;
  readonly eol: '\r\n' | '\n';
  /** From the `c=` of the session level, '' when there is none. */
  readonly address: string;
  /** The attribute of the session level. */
  readonly latch?: LatchAttribute | undefined;
  readonly media: readonly SdpMedia[];
  /** The mids of each BUNDLE group, in order. */
  readonly bundle: readonly (readonly string[])[];
  /** There is an `a=ice-ufrag` somewhere, readable or not. */
  readonly mentionsIce: boolean;
}

/** What `parseSdp` takes at most; beyond it there is an error, and nothing more is read. */
export interface SdpLimits {
  readonly maxCharacters: number;
  /** Each section may cost ports, keys and timers, so their number is not the peer's to choose freely. */
  readonly maxMedia: number;
  /** Mids of all BUNDLE groups together. */
  readonly maxMids: number;
}

/** As much as a datagram holds, and more than any conference seen so far: a browser's section has 3,000 characters. */
export const SDP_LIMITS: SdpLimits = { maxCharacters: 64 * 1024, maxMedia: 64, maxMids: 256 };
const PORT_MAX = 65535;

/** A section with its `m=` line, which the session level does not have. */
interface MediaSection extends Section {
  readonly mediaLine: MediaLine;
}

/**
 * Reads an SDP. Never throws, whatever the text, and takes time linear in it. `offset` of an error is
 * the line. Error codes: `sdp-size`, `sdp-media-count`, `sdp-mid-count` (limits), `sdp-version` (not an
 * SDP), `sdp-media` (an `m=` line that cannot be read), and for ours, malformed or given twice in a section,
 * `latch-version`, `latch-tag`, `latch-secret`, `latch-param`, `latch-challenge` and `latch-duplicate`.
 */
export function parseSdp(text: string, limits: SdpLimits = SDP_LIMITS): Result<Sdp> {
  if (text.length > limits.maxCharacters) {
    return refuse('sdp-size', 1, `the SDP is longer than ${limits.maxCharacters} characters`);
  }
  const session = openSection('session', 0);
  const sections: MediaSection[] = [];
  let section = session;
  let line = 0;
  let hasVersion = false;
  for (const { start, end, next } of sdpLines(text)) {
    line++;
    section.end = next;
    if (start === end) continue;
    const content = text.slice(start, end);
    if (!hasVersion) {
      if (!/^v=0 *$/.test(content)) return refuse('sdp-version', line, 'the text does not begin with v=0');
      hasVersion = true;
    } else if (content.startsWith('m=')) {
      section.end = start;
      if (sections.length === limits.maxMedia) {
        return refuse('sdp-media-count', line, `the SDP has more than ${limits.maxMedia} media sections`);
      }
      const mediaLine = parseMediaLine(content.slice(2));
      if (mediaLine === undefined) {
        return refuse('sdp-media', line, `m= in line ${line} (media ${sections.length}) cannot be read`);
      }
      const opened = { mediaLine, ...openSection(sections.length, start), end: next };
      sections.push(opened);
      section = opened;
    } else if (content.startsWith('c=')) {
      section.address = parseConnection(content.slice(2)) ?? '';
    } else if (content.startsWith('a=')) {
      const colon = content.indexOf(':');
      const name = colon < 0 ? content.slice(2) : content.slice(2, colon);
      const value = colon < 0 ? '' : content.slice(colon + 1);
      const error = readAttribute(section, name, { line, value });
      if (error !== undefined) return error;
      if (section.midCount > limits.maxMids) {
        return refuse('sdp-mid-count', line, `the SDP has groups of more than ${limits.maxMids} mids`);
      }
    }
  }
  if (!hasVersion) return refuse('sdp-version', 1, 'the text is empty');
  return finish(text, session, sections);
}

/** Fills in what sections inherit from the session level and from their groups. */
function finish(text: string, session: Section, sections: readonly MediaSection[]): Result<Sdp> {
  const sessionChallenge = readChallenge(session, session);
  if (!sessionChallenge.ok) return sessionChallenge;
  const transports = bundleTransports(sections, session.bundle);
  const media: SdpMedia[] = [];
  for (const [index, section] of sections.entries()) {
    const challenge = readChallenge(section, session);
    if (!challenge.ok) return challenge;
    const { mediaLine, mid, rtcpMux, bundleOnly, cryptos, ssrcs, rtpmaps, fmtps, start, end } = section;
    const address = section.address ?? session.address ?? '';
    const nextPort = mediaLine.port > 0 && mediaLine.port < PORT_MAX ? mediaLine.port + 1 : 0;
    media.push({
      index,
      ...mediaLine,
      mid,
      direction: section.direction ?? session.direction ?? 'sendrecv',
      address,
      rtcp: { address: section.rtcp?.address ?? address, port: section.rtcp?.port ?? nextPort },
      hasRtcpLine: section.rtcp !== undefined,
      rtcpMux,
      bundleOnly,
      isRejected: mediaLine.port === 0 && !(bundleOnly && transports.has(index)),
      transport: transports.get(index) ?? index,
      latch: section.latch ?? session.latch,
      challenge: challenge.value,
      ice: iceOf(section, session),
      cryptos,
      hasCryptoLine: section.cryptoLineCount > 0,
      ssrcs: [...ssrcs],
      rtpmaps,
      fmtps,
      start,
      end,
    });
  }
  const { address = '', latch, bundle } = session;
  const mentionsIce = [session, ...sections].some((section) => section.mentionsIce);
  return succeed({ text, eol: lineEndOf(text), address, latch, media, bundle, mentionsIce });
}

function iceOf(section: Section, session: Section): IceCredentials | undefined {
  const ufrag = section.iceUfrag ?? session.iceUfrag;
  const pwd = section.icePwd ?? session.icePwd;
  return ufrag !== undefined && pwd !== undefined ? { ufrag, pwd } : undefined;
}

/**
 * For each section in a BUNDLE group, the tagged one: the first mid of the group (RFC 9143 section 7) that
 * names a section with a port. A section with port 0 is a member only if it is bundle-only; a mid counts in
 * the first group that has it; a group without any port is no group.
 */
function bundleTransports(
  sections: readonly MediaSection[],
  bundle: readonly (readonly string[])[],
): ReadonlyMap<number, number> {
  const indexes = new Map<string, number>();
  for (const [index, { mid, mediaLine, bundleOnly }] of sections.entries()) {
    const canJoin = mediaLine.port > 0 || bundleOnly;
    if (mid !== undefined && canJoin && !indexes.has(mid)) indexes.set(mid, index);
  }
  const transports = new Map<number, number>();
  for (const group of bundle) {
    const members: number[] = [];
    for (const mid of group) {
      const index = indexes.get(mid);
      if (index !== undefined && !transports.has(index)) members.push(index);
    }
    const tagged = members.find((index) => sections[index]?.mediaLine.port !== 0);
    if (tagged === undefined) continue;
    for (const index of members) transports.set(index, tagged);
  }
  return transports;
}

/**
 * The index of the section whose transport, and whose attributes of ours (protocol.md 2), count for the
 * given one: the tagged section of its BUNDLE group, else itself.
 */
export function transportIndex(sdp: Sdp, mediaIndex: number): number {
  return sdp.media[mediaIndex]?.transport ?? mediaIndex;
}

/**
 * The text of `sdp` with exactly the given lines of ours (without line ends) and no others: each set at the
 * end of its section. Every other line stays byte for byte. RangeError for a section that is not there.
 */
export function spliceLatch(sdp: Sdp, lines: ReadonlyMap<SectionKey, readonly string[]>): string {
  return spliceLines(sdp.text, lines);
}
