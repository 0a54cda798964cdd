/**
 * Digest authentication of requests (RFC 7616) of SIP (RFC 3261 22, RFC 8760) and RTSP (RFC 2326 14): what a 401 asks, what an Authorization answers, for both
 * sides. The verifier keeps HA1s, never passwords. It knows no users and no sockets, and makes no exception for anybody.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readCredentials } from './field-values.js';
import type { SipCredentials, SipRequest } from './message-types.js';

/** Of RFC 8760, the strongest first. MD5 is for phones that know nothing else. */
export const DIGEST_ALGORITHMS = ['SHA-512-256', 'SHA-256', 'MD5'] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

const HASHES: Readonly<Record<DigestAlgorithm, string>> = {
  'SHA-512-256': 'sha512-256',
  'SHA-256': 'sha256',
  MD5: 'md5',
};

/** How long a nonce may be used, and how long its uses are remembered. */
const NONCE_MS = 300_000;
/** Nonces in use that are remembered. Only who knows a password makes an entry, so it takes users to fill it. */
const MAX_NONCES = 65_536;
/** Requests under one nonce that may overtake each other; an older one is taken for a replay. */
const WINDOW = 32;
/** The package keeps quotes; no value that we ask for is longer. */
const MAX_VALUE = 1024;

/** One `Digest` challenge or its answer, by lower-case parameter name, values without quotes. */
export type DigestParams = Readonly<Record<string, string>>;

export function isDigestAlgorithm(name: string): name is DigestAlgorithm {
  return (DIGEST_ALGORITHMS as readonly string[]).includes(name);
}

/** H(user ":" realm ":" password) in hex: all that a server has to keep of a password (RFC 7616 3.4.2). */
export function digestHa1(algorithm: DigestAlgorithm, user: string, realm: string, password: string): string {
  return hash(algorithm, `${user}:${realm}:${password}`);
}

/** The text of one field as a message has it: one object for each challenge or answer, quotes kept. Empty for what is none. */
export function credentialsIn(text: string): SipCredentials[] {
  return (readCredentials(text) ?? []).map(({ scheme, params }) => {
    const header = Object.create(null) as SipCredentials;
    for (const { name, value = '' } of params) header[name] = value;
    // Last: a parameter of this name is none of ours.
    header.scheme = scheme;
    return header;
  });
}

/** The challenges or credentials in a header as a message has it: parsed objects, in any number; never throws. */
export function readDigests(header: unknown): readonly DigestParams[] {
  const entries: readonly unknown[] = Array.isArray(header) ? header : [header];
  return entries.flatMap((entry) => {
    const read = typeof entry === 'object' && entry !== null ? readDigest(entry) : undefined;
    return read ? [read] : [];
  });
}

function readDigest(entry: object): DigestParams | undefined {
  const params: Record<string, string> = Object.create(null) as Record<string, string>;
  let isDigest = false;
  for (const [name, value] of Object.entries(entry)) {
    if (typeof value !== 'string' || value.length > MAX_VALUE) return undefined;
    if (name === 'scheme') isDigest = value.toLowerCase() === 'digest';
    else params[name.toLowerCase()] = unquote(value);
  }
  return isDigest ? params : undefined;
}

function unquote(value: string): string {
  if (!value.startsWith('"') || !value.endsWith('"') || value.length < 2) return value;
  return value.slice(1, -1).replace(/\\(.)/gs, '$1');
}

function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** What is hashed besides HA1, with `qop=auth` and without (RFC 7616 3.4.1, RFC 2069 for phones of old). */
interface Answered {
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  readonly use?: { readonly nc: string; readonly cnonce: string } | undefined;
}

/** The `response` of RFC 7616 3.4.1, in hex. */
export function digestResponse(algorithm: DigestAlgorithm, ha1: string, answered: Answered): string {
  const { method, uri, nonce, use } = answered;
  const ha2 = hash(algorithm, `${method}:${uri}`);
  const middle = use ? `${nonce}:${use.nc}:${use.cnonce}:auth` : nonce;
  return hash(algorithm, `${ha1}:${middle}:${ha2}`);
}

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(HASHES[algorithm]).update(text, 'utf8').digest('hex');
}

/** The user that a caller claims to be, and what proves it. */
export interface DigestUser {
  readonly algorithm: DigestAlgorithm;
  /** In hex. */
  readonly ha1: string;
}

export type DigestVerdict =
  | { readonly kind: 'accepted'; readonly user: string }
  /** No credentials that count, or only such whose nonce is too old: the same request again, with a fresh nonce, may do. */
  | { readonly kind: 'challenge'; readonly isStale: boolean }
  | { readonly kind: 'refused'; readonly reason: 'replayed' | 'wrong' };

export interface DigestVerifierOptions {
  readonly realm: string;
  /** The entry of a user, if there is one. */
  readonly find: (user: string) => DigestUser | undefined;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Whether credentials for one URI do for another. Unless set, as of SIP: the user part is the same. */
  readonly isSameTarget?: (signed: string, requested: SipRequest['uri']) => boolean;
  /** Answers as of RFC 2069, without qop, are taken too: players of RTSP know nothing else. Each nonce then counts once. */
  readonly isQopOptional?: boolean;
  /** How many nonces in use are remembered; 65,536 unless set. */
  readonly maxNonces?: number;
}

interface NonceUse {
  readonly issuedMs: number;
  highest: number;
  /** Bit i: the count `highest - i` has been used. */
  seen: number;
}

/**
 * Judges credentials. A nonce is its time and an HMAC over it: nothing is kept for those who only ask, and a restart makes all
 * nonces stale. Of who proves to know a password each (nonce, nc) counts once.
 */
export class DigestVerifier {
  readonly #key = randomBytes(32);
  readonly #uses = new Map<string, NonceUse>();
  /** Nonces issued before this are stale: their uses were forgotten for want of room. */
  #notBeforeMs = -Infinity;

  constructor(private readonly options: DigestVerifierOptions) {}

  /** The value of a WWW-Authenticate header for one algorithm. */
  challenge(algorithm: DigestAlgorithm, isStale: boolean): string {
    const { realm } = this.options;
    return [
      `Digest realm=${quote(realm)}`,
      `nonce="${this.#createNonce()}"`,
      `algorithm=${algorithm}`,
      'qop="auth"',
      ...(isStale ? ['stale=true'] : []),
    ].join(', ');
  }

  /**
   * Of several credentials one that is valid is enough: a phone that was offered several algorithms may answer each.
   *
   * @param isUse False: only looked at. They can be used still, and that they were used before is not found out.
   */
  verify(request: Pick<SipRequest, 'method' | 'uri'>, header: unknown, isUse = true): DigestVerdict {
    let verdict: DigestVerdict = { kind: 'challenge', isStale: false };
    for (const params of readDigests(header)) {
      if (params['realm'] !== this.options.realm) continue;
      const one = this.#judge(request, params, isUse);
      if (one.kind === 'accepted') return one;
      if (verdict.kind !== 'refused') verdict = one;
    }
    return verdict;
  }

  #judge(
    { method, uri }: Pick<SipRequest, 'method' | 'uri'>,
    params: DigestParams,
    isUse: boolean,
  ): DigestVerdict {
    const { username = '', nonce = '', nc = '' } = params;
    const issuedMs = this.#issuedMs(nonce);
    if (issuedMs === undefined) return { kind: 'challenge', isStale: false };
    const { isSameTarget = isSameUser } = this.options;
    if (!this.#isSigned(method, params) || !isSameTarget(params['uri'] ?? '', uri))
      return { kind: 'refused', reason: 'wrong' };
    const nowMs = this.options.nowMs();
    if (issuedMs < this.#notBeforeMs || nowMs - issuedMs > NONCE_MS)
      return { kind: 'challenge', isStale: true };
    const count = params['qop'] === undefined ? 1 : Number.parseInt(nc, 16);
    if (isUse && !this.#take(nonce, issuedMs, count, nowMs)) return { kind: 'refused', reason: 'replayed' };
    return { kind: 'accepted', user: username };
  }

  /** Whether it was made with the password of the user whom it names. An unknown name costs what a known one does. */
  #isSigned(method: string, params: DigestParams): boolean {
    const { username = '', nonce = '', response = '', uri = '' } = params;
    const isOld = params['qop'] === undefined && this.options.isQopOptional === true;
    const use = isOld ? undefined : useOf(params);
    if (!isOld && !use) return false;
    const entry = this.options.find(username);
    const algorithm = params['algorithm'] ?? 'MD5';
    const known = entry?.algorithm === algorithm ? entry : undefined;
    const used = known?.algorithm ?? (isDigestAlgorithm(algorithm) ? algorithm : 'SHA-256');
    const answered = { method, uri, nonce, use };
    const expected = digestResponse(used, known?.ha1 ?? '', answered);
    return isSameText(expected, response.toLowerCase()) && known !== undefined;
  }

  /** True the first time that this count of the nonce is used. */
  #take(nonce: string, issuedMs: number, count: number, nowMs: number): boolean {
    const use = this.#uses.get(nonce);
    if (!use) {
      this.#makeRoom(nowMs);
      this.#uses.set(nonce, { issuedMs, highest: count, seen: 1 });
      return true;
    }
    const ahead = count - use.highest;
    if (ahead > 0) {
      use.seen = ahead >= WINDOW ? 1 : ((use.seen << ahead) | 1) >>> 0;
      use.highest = count;
      return true;
    }
    const bit = ahead > -WINDOW ? (1 << -ahead) >>> 0 : 0;
    if (bit === 0 || (use.seen & bit) !== 0) return false;
    use.seen = (use.seen | bit) >>> 0;
    return true;
  }

  /** Drops what is too old; where that is not enough, the oldest, whose nonces then count no more. */
  #makeRoom(nowMs: number): void {
    for (const [nonce, { issuedMs }] of this.#uses) {
      const isOld = nowMs - issuedMs > NONCE_MS;
      if (!isOld && this.#uses.size < (this.options.maxNonces ?? MAX_NONCES)) return;
      this.#uses.delete(nonce);
      if (!isOld) this.#notBeforeMs = Math.max(this.#notBeforeMs, issuedMs + 1);
    }
  }

  #createNonce(): string {
    const stamp = Buffer.alloc(16);
    stamp.writeDoubleBE(this.options.nowMs());
    randomBytes(8).copy(stamp, 8);
    return Buffer.concat([stamp, this.#seal(stamp)]).toString('base64url');
  }

  #issuedMs(nonce: string): number | undefined {
    const bytes = Buffer.from(nonce.slice(0, 64), 'base64url');
    if (bytes.length !== 32) return undefined;
    const stamp = bytes.subarray(0, 16);
    return timingSafeEqual(bytes.subarray(16), this.#seal(stamp)) ? stamp.readDoubleBE(0) : undefined;
  }

  #seal(stamp: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(stamp).digest().subarray(0, 16);
  }
}

/** How often the nonce was used, and the client's own, as `qop=auth` has them (RFC 7616 3.4); undefined where they are not right. */
function useOf({ qop, nc = '', cnonce = '' }: DigestParams): { nc: string; cnonce: string } | undefined {
  return qop === 'auth' && /^[0-9a-f]{8}$/i.test(nc) && cnonce !== '' ? { nc, cnonce } : undefined;
}

function isSameText(a: string, b: string): boolean {
  const left = Buffer.from(a, 'latin1');
  const right = Buffer.from(b, 'latin1');
  return left.length === right.length && timingSafeEqual(left, right);
}

/** A proxy may have rewritten the host; the user part is the room, and must be the one that was signed. */
function isSameUser(signed: string, requested: SipRequest['uri']): boolean {
  return userOf(signed) === userOf(requested);
}

function userOf(uri: SipRequest['uri']): string {
  const user = typeof uri === 'string' ? /^sips?:([^@]*)@/i.exec(uri)?.[1] : uri.user;
  return user ?? '';
}

/** What a caller knows. */
export interface DigestCredentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Answers the challenges of a 401 or 407: the value of the Authorization header for the strongest one that can be answered.
 * undefined: none can.
 */
export function answerChallenge(
  credentials: DigestCredentials,
  request: { readonly method: string; readonly uri: string },
  challenges: unknown,
): string | undefined {
  const offered = readDigests(challenges);
  for (const algorithm of DIGEST_ALGORITHMS) {
    const challenge = offered.find(
      (one) => (one['algorithm'] ?? 'MD5').toUpperCase() === algorithm && one['nonce'] !== undefined,
    );
    if (challenge) return answerOne(credentials, request, challenge, algorithm);
  }
  return undefined;
}

function answerOne(
  { user, password }: DigestCredentials,
  { method, uri }: { readonly method: string; readonly uri: string },
  { realm = '', nonce = '', opaque, qop }: DigestParams,
  algorithm: DigestAlgorithm,
): string {
  const hasQop = qop?.split(',').some((one) => one.trim() === 'auth') === true;
  const use = hasQop ? { nc: '00000001', cnonce: randomBytes(8).toString('hex') } : undefined;
  const response = digestResponse(algorithm, digestHa1(algorithm, user, realm, password), {
    ...{ method, uri, nonce, use },
  });
  return [
    `Digest username=${quote(user)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(uri)}`,
    `response="${response}"`,
    `algorithm=${algorithm}`,
    ...(use ? ['qop=auth', `nc=${use.nc}`, `cnonce="${use.cnonce}"`] : []),
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
  ].join(', ');
}
