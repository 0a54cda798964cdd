/*
 * The values of our two SDP attributes, `a=latch` and `a=latch-challenge` (ABNF of protocol.md 2), to
 * objects and back. Everything is case-significant, as RFC 8866 section 5 has it of every value.
 * It is as strict as the ABNF and quotes nothing it read: a refused value may still hold a secret.
 */

import { decodeBase64url, encodeBase64url } from './base64url.js';
import { refuse, succeed } from './result.js';
import type { Result } from './result.js';

/** One `a=latch`, version 1. `secret` is 32 raw bytes. */
export interface LatchAttribute {
  readonly version: 1;
  /** 8 to 32 letters and digits, unique among the sessions of its maker. */
  readonly tag: string;
  readonly secret: Uint8Array;
  /** The value of `suites=` exactly as sent, for the key derivation of protocol.md 3. */
  readonly suitesText?: string | undefined;
  /** The names in `suitesText`, best first; names unknown to us are still in it. */
  readonly suites?: readonly string[] | undefined;
  /** The suite that an answer chose. */
  readonly suite?: string | undefined;
  readonly kid?: string | undefined;
  /** Seconds, 5 to 60. */
  readonly keepaliveS?: number | undefined;
}

/** Bytes of a secret and of a word, and the characters they take (protocol.md 2). */
const SECRET_CHARACTERS = 43;
const WORD_CHARACTERS = 22;
const KEEPALIVE_MIN_S = 5;
const KEEPALIVE_MAX_S = 60;

const OTHER_VERSION = /^(?:[02-9]|1[0-9])/;
const TAG = /^[A-Za-z0-9]{8,32}$/;
const TOKEN = /^[!#-'*+\-.0-9A-Z^-~]+$/; // RFC 8866 section 9
const VCHARS = /^[!-~]+$/; // RFC 5234 appendix B.1
const KID = /^[A-Za-z0-9_-]{1,64}$/;
const KEEPALIVE = /^[0-9]{1,2}$/;

/** May this name a key: `kid` of protocol.md 2? */
export const isKid = (text: string): boolean => KID.test(text);

type Params = {
  -readonly [name in 'suitesText' | 'suites' | 'suite' | 'kid' | 'keepaliveS']?: LatchAttribute[name];
};

/**
 * Reads what follows `a=latch:`. A number other than 1 is a version we do not know: that is absence
 * (protocol.md 2), `undefined`, whatever comes after it. Error codes: `latch-version`, `latch-tag`,
 * `latch-secret`, `latch-param`; `offset` counts characters of the value.
 */
export function parseLatch(value: string): Result<LatchAttribute | undefined> {
  if (OTHER_VERSION.test(value)) return succeed(undefined);
  const [version, tag = '', secretText = '', ...params] = value.split(' ');
  if (version !== '1') return refuse('latch-version', 0, 'the version is not a number');
  let offset = 2;
  if (!TAG.test(tag)) return refuse('latch-tag', offset, 'the tag is not 8 to 32 letters and digits');
  offset += tag.length + 1;
  const secret = secretText.length === SECRET_CHARACTERS ? decodeBase64url(secretText) : undefined;
  if (secret === undefined) {
    return refuse('latch-secret', offset, 'the secret is not 43 base64url characters with unused bits zero');
  }
  offset += secretText.length + 1;

  const read: Params = {};
  const seen = new Set<string>();
  for (const param of params) {
    const equals = param.indexOf('=');
    const name = param.slice(0, Math.max(equals, 0));
    const text = param.slice(equals + 1);
    let fault: string | undefined;
    if (!TOKEN.test(name) || !VCHARS.test(text)) fault = 'a parameter is not name=value';
    else if (seen.has(name)) fault = 'a parameter is given twice';
    else fault = readParam(name, text, read);
    if (fault !== undefined) return refuse('latch-param', offset, fault);
    seen.add(name);
    offset += param.length + 1;
  }
  return succeed({ version: 1, tag, secret, ...read });
}

/** Puts one parameter into `into`, or says what is wrong with it. Unknown names are ignored. */
function readParam(name: string, text: string, into: Params): string | undefined {
  switch (name) {
    case 'suites': {
      const suites = text.split(',');
      if (!suites.every((suite) => TOKEN.test(suite))) return 'suites is not a list of names';
      into.suitesText = text;
      into.suites = suites;
      return undefined;
    }
    case 'suite':
      if (!TOKEN.test(text)) return 'suite is not one name';
      into.suite = text;
      return undefined;
    case 'kid':
      if (!isKid(text)) return 'kid is not 1 to 64 letters, digits, - and _';
      into.kid = text;
      return undefined;
    case 'keepalive': {
      const seconds = KEEPALIVE.test(text) ? Number(text) : 0;
      if (seconds < KEEPALIVE_MIN_S || seconds > KEEPALIVE_MAX_S) return 'keepalive is not 5 to 60 seconds';
      into.keepaliveS = seconds;
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Reads what follows `a=latch-challenge:`: the 16 bytes of the word. Error code: `latch-challenge`. */
export function parseChallenge(value: string): Result<Uint8Array> {
  const word = value.length === WORD_CHARACTERS ? decodeBase64url(value) : undefined;
  if (word !== undefined) return succeed(word);
  return refuse('latch-challenge', 0, 'the word is not 22 base64url characters with unused bits zero');
}

/**
 * The line `a=latch:1 …` without a line end. `suitesText` wins over `suites`, because keys are derived
 * from the text as sent. The caller answers for the values: nothing is checked here.
 */
export function formatLatch(attribute: LatchAttribute): string {
  const { tag, secret, suites, suite, kid, keepaliveS } = attribute;
  const suitesText = attribute.suitesText ?? suites?.join(',');
  let line = `a=latch:1 ${tag} ${encodeBase64url(secret)}`;
  if (suitesText !== undefined) line += ` suites=${suitesText}`;
  if (suite !== undefined) line += ` suite=${suite}`;
  if (kid !== undefined) line += ` kid=${kid}`;
  if (keepaliveS !== undefined) line += ` keepalive=${keepaliveS}`;
  return line;
}

/** The line `a=latch-challenge:…` without a line end, of the 16 bytes of a word. */
export function formatChallenge(word: Uint8Array): string {
  return `a=latch-challenge:${encodeBase64url(word)}`;
}
