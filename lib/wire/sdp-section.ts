/*
 * One section of an SDP while it is read: the session level, or an `m=` line and what follows. Attributes
 * of others may be given again, and the later one counts, as common stacks have it; ours may not
 * (protocol.md 2). What a section inherits is not known here but for the word: see sdp.ts.
 */

import { parseCrypto } from './crypto-attribute.js';
import type { CryptoAttribute } from './crypto-attribute.js';
import { parseChallenge, parseLatch } from './latch-attribute.js';
import type { LatchAttribute } from './latch-attribute.js';
import { refuse, succeed } from './result.js';
import type { Result, WireError } from './result.js';
import { parseBundleGroup, parsePayloadLine, parseRtcpLine, parseSsrc } from './sdp-fields.js';
import type { RtcpLine } from './sdp-fields.js';
import type { SectionKey } from './sdp-lines.js';

/** Which way media flows, seen from the one who wrote the SDP (RFC 8866 section 6.7). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** Reason: linear work for a section, and twice as many as there are suites. */
const MAX_CRYPTO_LINES = 16;

/** As many as are told apart under one key (protocol.md 8.2.1). */
const MAX_SSRCS = 64;

/** The value of an attribute and the number of its line. */
interface AttributeLine {
  readonly line: number;
  readonly value: string;
}

/** The lines of one section so far. */
export interface Section {
  readonly key: SectionKey;
  /** The mids of each BUNDLE group; groups stand at session level only (RFC 5888 section 5). */
  readonly bundle: (readonly string[])[];
  /** Where its text begins, and where it ends so far. */
  readonly start: number;
  end: number;
  /** Of all its groups together. */
  midCount: number;
  mentionsIce: boolean;
  address?: string;
  direction?: Direction;
  mid?: string;
  rtcp?: RtcpLine;
  rtcpMux: boolean;
  bundleOnly: boolean;
  latch?: LatchAttribute;
  iceUfrag?: string;
  icePwd?: string;
  challenges: AttributeLine[];
  cryptoLineCount: number;
  readonly cryptos: CryptoAttribute[];
  readonly ssrcs: Set<number>;
  readonly rtpmaps: Map<number, string>;
  readonly fmtps: Map<number, string>;
}

/** A section of which nothing is read yet. */
export function openSection(key: SectionKey, start: number): Section {
  return {
    key,
    start,
    end: start,
    midCount: 0,
    mentionsIce: false,
    rtcpMux: false,
    bundleOnly: false,
    challenges: [],
    cryptoLineCount: 0,
    cryptos: [],
    ssrcs: new Set(),
    bundle: [],
    rtpmaps: new Map(),
    fmtps: new Map(),
  };
}

/** An error of ours with its place, and never with what stands there. */
function refuseOurs(name: string, code: string, line: number, key: SectionKey, why: string) {
  const place = key === 'session' ? 'session' : `media ${key}`;
  return refuse(code, line, `a=${name} in line ${line} (${place}): ${why}`);
}

type Refusal = { ok: false; error: WireError };

/** Takes one attribute into the section; a later one of the same name overrides, except for ours. */
export function readAttribute(section: Section, name: string, attribute: AttributeLine): Refusal | undefined {
  // No value holds a zero byte (RFC 8866 section 9), and answers repeat some values. Ours is malformed with one, not absent.
  if (attribute.value.includes('\0') && !name.startsWith('latch')) return undefined;
  switch (name) {
    case 'latch':
      return readLatch(section, attribute);
    case 'latch-challenge':
      // Read once it is known whether an a=latch is in force; a third line says no more than two do.
      if (section.challenges.length < 2) section.challenges.push(attribute);
      return undefined;
    case 'sendrecv':
    case 'sendonly':
    case 'recvonly':
    case 'inactive':
      section.direction = name;
      return undefined;
    case 'group': {
      const mids = parseBundleGroup(attribute.value);
      if (mids !== undefined) {
        section.bundle.push(mids);
        section.midCount += mids.length;
      }
      return undefined;
    }
    case 'mid':
      if (attribute.value !== '') section.mid = attribute.value;
      return undefined;
    case 'rtcp': {
      const rtcp = parseRtcpLine(attribute.value);
      if (rtcp !== undefined) section.rtcp = rtcp;
      return undefined;
    }
    case 'ice-ufrag':
      section.mentionsIce = true;
      if (/^[A-Za-z0-9+/]{4,256}$/.test(attribute.value)) section.iceUfrag = attribute.value;
      return undefined;
    case 'ice-pwd':
      if (/^[A-Za-z0-9+/]{22,256}$/.test(attribute.value)) section.icePwd = attribute.value;
      return undefined;
    case 'crypto':
      readCrypto(section, attribute.value);
      return undefined;
    case 'ssrc': {
      const ssrc = parseSsrc(attribute.value);
      if (ssrc !== undefined && section.ssrcs.size < MAX_SSRCS) section.ssrcs.add(ssrc);
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
      const entry = parsePayloadLine(attribute.value);
      if (entry !== undefined) (name === 'rtpmap' ? section.rtpmaps : section.fmtps).set(...entry);
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Versions other than 1 are absent here, so one section may offer several and still name each once. */
function readLatch(section: Section, attribute: AttributeLine): Refusal | undefined {
  const parsed = parseLatch(attribute.value);
  if (!parsed.ok) {
    return refuseOurs('latch', parsed.error.code, attribute.line, section.key, parsed.error.message);
  }
  if (parsed.value === undefined) return undefined;
  if (section.latch !== undefined) {
    return refuseOurs('latch', 'latch-duplicate', attribute.line, section.key, 'given twice');
  }
  section.latch = parsed.value;
  return undefined;
}

/** Those of one section are told apart by their tags (RFC 4568 section 4.1). What is malformed, or too many, is not offered. */
function readCrypto(section: Section, value: string): void {
  if (++section.cryptoLineCount > MAX_CRYPTO_LINES) return;
  const parsed = parseCrypto(value);
  if (parsed.ok && section.cryptos.every(({ tag }) => tag !== parsed.value.tag))
    section.cryptos.push(parsed.value);
}

/**
 * The word in force for `section`: its own, else that of the session level, which verifiers are told not to
 * use but which is clear enough where there is one section. Without an `a=latch` in force it is ignored, however it looks: it then
 * belongs to a version we do not know, or to nothing.
 */
export function readChallenge(section: Section, session: Section): Result<Uint8Array | undefined> {
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
