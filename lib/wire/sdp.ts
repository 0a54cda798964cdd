/*
 * Reads from an SDP (RFC 8866) what latching needs, at session and media level: where media goes, how
 * sections share a transport (RFC 9143, RFC 5761), and our own attributes (protocol.md 2). It serialises
 * nothing (see sdp-lines.ts) and judges only what is ours: a malformed line of others, but for `v=` and
 * `m=` without which nothing can be placed, reads as absent.
 */

import type { TransportAddress } from './address.js';
import { parseChallenge, parseLatch } from './latch-attribute.js';
import type { LatchAttribute } from './latch-attribute.js';
import { refuse, succeed } from './result.js';
import type { Result, WireError } from './result.js';
import { parseBundleGroup, parseConnection, parseMediaLine } from './sdp-fields.js';
import { parsePayloadLine, parseRtcpLine } from './sdp-fields.js';
import type { MediaLine, RtcpLine } from './sdp-fields.js';
import { lineEndOf, sdpLines, spliceLines } from './sdp-lines.js';
import type { SectionKey } from './sdp-lines.js';

export { formatChallenge, formatLatch } from './latch-attribute.js';
export type { LatchAttribute } from './latch-attribute.js';
export { stripLatch } from './sdp-lines.js';

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

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
  readonly rtcpMux: boolean;
  readonly bundleOnly: boolean;
  /** Port 0, and not because the section is bundle-only in a group: no media here (RFC 3264 section 6). */
  readonly isRejected: boolean;
  /** Index of the section whose transport carries this one: see `transportIndex`. */
  readonly transport: number;
  /** Our attribute in force: of this section, or the very object of the session level. */
  readonly latch?: LatchAttribute | undefined;
  /** The 16-byte word in force; only beside a `latch`. */
  readonly challenge?: Uint8Array | undefined;
  /** By payload type: `opus/48000/2`. Static types have no entry unless the SDP has. */
  readonly rtpmaps: ReadonlyMap<number, string>;
  readonly fmtps: ReadonlyMap<number, string>;
  /** Counted from 1, both inclusive; the first is the `m=` line. */
  readonly firstLine: number;
  readonly lastLine: number;
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
}

/** 1 Mi characters: sixteen times what fits in a datagram, and room for any conference seen so far. */
const SDP_CHARACTERS_MAX = 1024 * 1024;
/** 256 sections of 128 lines: a browser's video section has about 100. Bounds objects per character. */
const SDP_LINES_MAX = 32768;
/** Each section may cost ports, keys and timers, so their number is not the peer's to choose freely. */
const SDP_MEDIA_MAX = 256;
const PORT_MAX = 65535;

interface OwnLine {
  readonly line: number;
  readonly value: string;
}

/** A section while it is read; the session level is one without an `m=` line. */
interface Section {
  readonly key: SectionKey;
  readonly firstLine: number;
  readonly mediaLine: MediaLine | undefined;
  lastLine: number;
  address?: string;
  direction?: Direction;
  mid?: string;
  rtcp?: RtcpLine;
  rtcpMux: boolean;
  bundleOnly: boolean;
  latch?: LatchAttribute;
  challenges: OwnLine[];
  readonly rtpmaps: Map<number, string>;
  readonly fmtps: Map<number, string>;
}

function openSection(key: SectionKey, firstLine: number, mediaLine?: MediaLine): Section {
  return {
    key,
    firstLine,
    mediaLine,
    lastLine: firstLine,
    rtcpMux: false,
    bundleOnly: false,
    challenges: [],
    rtpmaps: new Map(),
    fmtps: new Map(),
  };
}

/** An error of ours with its place, and never with what stands there. */
function refuseOurs(name: string, code: string, line: number, key: SectionKey, why: string) {
  const place = key === 'session' ? 'session' : `media ${key}`;
  return refuse(code, line, `a=${name} in line ${line} (${place}): ${why}`);
}

/**
 * Reads an SDP. Never throws, whatever the text, and takes time linear in it. `offset` of an error is
 * the line. Error codes: `sdp-size`, `sdp-lines`, `sdp-media-count` (limits), `sdp-version` (not an
 * SDP), `sdp-media` (an `m=` line that cannot be read), and for ours, malformed or given twice in a section,
 * `latch-version`, `latch-tag`, `latch-secret`, `latch-param`, `latch-challenge` and `latch-duplicate`.
 */
export function parseSdp(text: string): Result<Sdp> {
  if (text.length > SDP_CHARACTERS_MAX) {
    return refuse('sdp-size', 1, `the SDP is longer than ${SDP_CHARACTERS_MAX} characters`);
  }
  const session = openSection('session', 1);
  const sections: Section[] = [];
  const bundle: (readonly string[])[] = [];
  let section = session;
  let line = 0;
  let hasVersion = false;
  for (const { start, end } of sdpLines(text)) {
    line++;
    if (line > SDP_LINES_MAX)
      return refuse('sdp-lines', line, `the SDP has more than ${SDP_LINES_MAX} lines`);
    section.lastLine = line;
    if (start === end) continue;
    const content = text.slice(start, end);
    if (!hasVersion) {
      if (!/^v=0 *$/.test(content)) return refuse('sdp-version', line, 'the text does not begin with v=0');
      hasVersion = true;
    } else if (content.startsWith('m=')) {
      section.lastLine = line - 1;
      if (sections.length === SDP_MEDIA_MAX) {
        return refuse('sdp-media-count', line, `the SDP has more than ${SDP_MEDIA_MAX} media sections`);
      }
      const mediaLine = parseMediaLine(content.slice(2));
      if (mediaLine === undefined) {
        return refuse('sdp-media', line, `m= in line ${line} (media ${sections.length}) cannot be read`);
      }
      section = openSection(sections.length, line, mediaLine);
      sections.push(section);
    } else if (content.startsWith('c=')) {
      section.address = parseConnection(content.slice(2)) ?? '';
    } else if (content.startsWith('a=')) {
      const colon = content.indexOf(':');
      const name = colon < 0 ? content.slice(2) : content.slice(2, colon);
      const value = colon < 0 ? '' : content.slice(colon + 1);
      const error = readAttribute(section, name, { line, value }, bundle);
      if (error !== undefined) return error;
    }
  }
  if (!hasVersion) return refuse('sdp-version', 1, 'the text is empty');
  return finish(text, session, sections, bundle);
}

type Refusal = { ok: false; error: WireError };

/** Takes one attribute into the section; a later one of the same name overrides, except for ours. */
function readAttribute(
  section: Section,
  name: string,
  own: OwnLine,
  bundle: (readonly string[])[],
): Refusal | undefined {
  const isMedia = section.mediaLine !== undefined;
  switch (name) {
    case 'latch':
      return readLatch(section, own);
    case 'latch-challenge':
      // Read once it is known whether an a=latch is in force; a third line says no more than two do.
      if (section.challenges.length < 2) section.challenges.push(own);
      return undefined;
    case 'sendrecv':
    case 'sendonly':
    case 'recvonly':
    case 'inactive':
      section.direction = name;
      return undefined;
    case 'group': {
      const mids = isMedia ? undefined : parseBundleGroup(own.value);
      if (mids !== undefined) bundle.push(mids);
      return undefined;
    }
    case 'mid':
      if (own.value !== '') section.mid = own.value;
      return undefined;
    case 'rtcp': {
      const rtcp = parseRtcpLine(own.value);
      if (rtcp !== undefined) section.rtcp = rtcp;
      return undefined;
    }
    case 'rtcp-mux':
      section.rtcpMux = true;
      return undefined;
    case 'bundle-only':
      section.bundleOnly = true;
      return undefined;
    case 'rtpmap':
    case 'fmtp': {
      const entry = parsePayloadLine(own.value);
      if (entry !== undefined) (name === 'rtpmap' ? section.rtpmaps : section.fmtps).set(...entry);
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Versions other than 1 are absent here, so one section may offer several and still name each once. */
function readLatch(section: Section, own: OwnLine): Refusal | undefined {
  const parsed = parseLatch(own.value);
  if (!parsed.ok) {
    return refuseOurs('latch', parsed.error.code, own.line, section.key, parsed.error.message);
  }
  if (parsed.value === undefined) return undefined;
  if (section.latch !== undefined) {
    return refuseOurs('latch', 'latch-duplicate', own.line, section.key, 'given twice');
  }
  section.latch = parsed.value;
  return undefined;
}

/**
 * The word in force for `section`. Without an `a=latch` in force it is ignored, however it looks: it then
 * belongs to a version we do not know, or to nothing.
 */
function readChallenge(section: Section, session: Section): Result<Uint8Array | undefined> {
  if ((section.latch ?? session.latch) === undefined) return succeed(undefined);
  const from = section.challenges.length > 0 ? section : session;
  const [first, second] = from.challenges;
  if (first === undefined) return succeed(undefined);
  if (second !== undefined) {
    return refuseOurs('latch-challenge', 'latch-duplicate', second.line, from.key, 'given twice');
  }
  const word = parseChallenge(first.value);
  if (word.ok) return word;
  return refuseOurs('latch-challenge', word.error.code, first.line, from.key, word.error.message);
}

function finish(
  text: string,
  session: Section,
  sections: readonly Section[],
  bundle: readonly (readonly string[])[],
): Result<Sdp> {
  const sessionChallenge = readChallenge(session, session);
  if (!sessionChallenge.ok) return sessionChallenge;
  const transports = bundleTransports(sections, bundle);
  const media: SdpMedia[] = [];
  for (const [index, section] of sections.entries()) {
    const challenge = readChallenge(section, session);
    if (!challenge.ok) return challenge;
    const { mediaLine, mid, rtcpMux, bundleOnly, rtpmaps, fmtps, firstLine, lastLine } = section;
    if (mediaLine === undefined) continue;
    const address = section.address ?? session.address ?? '';
    const nextPort = mediaLine.port > 0 && mediaLine.port < PORT_MAX ? mediaLine.port + 1 : 0;
    media.push({
      index,
      ...mediaLine,
      mid,
      direction: section.direction ?? session.direction ?? 'sendrecv',
      address,
      rtcp: { address: section.rtcp?.address ?? address, port: section.rtcp?.port ?? nextPort },
      rtcpMux,
      bundleOnly,
      isRejected: mediaLine.port === 0 && !(bundleOnly && transports.has(index)),
      transport: transports.get(index) ?? index,
      latch: section.latch ?? session.latch,
      challenge: challenge.value,
      rtpmaps,
      fmtps,
      firstLine,
      lastLine,
    });
  }
  const address = session.address ?? '';
  return succeed({ text, eol: lineEndOf(text), address, latch: session.latch, media, bundle });
}

/**
 * For each section in a BUNDLE group, the tagged one: the first mid of the group (RFC 9143 section 7) that
 * names a section not rejected. A section rejected by port 0 is in no group whatever the group says, and a
 * mid counts in the first group that has it.
 */
function bundleTransports(
  sections: readonly Section[],
  bundle: readonly (readonly string[])[],
): ReadonlyMap<number, number> {
  const indexes = new Map<string, number>();
  for (const [index, { mid, mediaLine, bundleOnly }] of sections.entries()) {
    const isRejected = mediaLine?.port === 0 && !bundleOnly;
    if (mid !== undefined && !isRejected && !indexes.has(mid)) indexes.set(mid, index);
  }
  const transports = new Map<number, number>();
  for (const group of bundle) {
    let tagged: number | undefined;
    for (const mid of group) {
      const index = indexes.get(mid);
      if (index === undefined || transports.has(index)) continue;
      tagged ??= index;
      transports.set(index, tagged);
    }
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
