// The halves of a generation's secret that the two sides exchange (protocol.md 2): made, offered, answered, compared,
// and joined to keys.
import { encodeBase64url, formatChallenge, formatLatch, type LatchAttribute } from '../../wire/index.js';
import { randomBytes, type Crypto, type Random } from '../crypto.js';
import { ownText } from '../own-text.js';
import type { Suite } from '../suite.js';
import { Generation } from './generation.js';
import { deriveKeys } from './keys.js';
import { Secret } from './secret.js';

export const SECRET_BYTES = 32;
export const WORD_BYTES = 16;
/** Of the key that a `kid` names. */
export const NAMED_KEY_BYTES = 32;
/** 95 bits: more than the 64 that makers of tags owe. */
const TAG_CHARACTERS = 16;
/** What a prover keeps to where the verifier set nothing: protocol.md 6.3. */
export const DEFAULT_KEEPALIVE_S = 15;

/** What one side gives the other: what its `a=latch` and `a=latch-challenge` carry, where that is SDP. */
export interface LatchHalf {
  /** 8 to 32 letters and digits, unique among the calls of its maker. */
  readonly tag: string;
  /** 32 bytes of a cryptographic generator. */
  readonly secret: Secret;
  /** 16 such bytes: the challenge of a side that is a verifier. */
  readonly word: Secret | undefined;
  /** The name of a key that both sides have had over HTTPS before: it goes into the keys, and any hop will do. */
  readonly kid?: string | undefined;
}

/** All that the two sides must know alike for one generation: whatever brought it, it makes the same keys. */
export interface LatchTerms {
  readonly own: LatchHalf;
  readonly peer: LatchHalf;
  /** Our half was in the offer, or in what stands for one: the request of an HTTPS client, the DESCRIBE of an RTSP server. */
  readonly isOfferer: boolean;
  /** The offered suites exactly as sent, joined by commas. */
  readonly offeredSuites: string;
  readonly suite: Suite;
  /** The 32 bytes that the `kid` of both halves names, where they name one. */
  readonly namedKey?: Secret | undefined;
  /** Seconds between a prover's keepalives, as the verifier set it: 5 to 60. */
  readonly keepaliveS: number;
}

export function createOwnHalf(random: Random, isVerifier: boolean, kid?: string): LatchHalf {
  return {
    tag: createTag(random),
    secret: new Secret(randomBytes(random, SECRET_BYTES)),
    word: isVerifier ? new Secret(randomBytes(random, WORD_BYTES)) : undefined,
    kid,
  };
}

function createTag(random: Random): string {
  let tag = '';
  while (tag.length < TAG_CHARACTERS) tag += encodeBase64url(randomBytes(random, 24)).replace(/[-_]/g, '');
  return ownText(tag.slice(0, TAG_CHARACTERS));
}

export function copyHalf({ tag, secret, word, kid }: LatchHalf): LatchHalf {
  return { tag, secret: secret.copy(), word: word?.copy(), kid };
}

export function forgetHalf(half: LatchHalf | undefined): void {
  half?.secret.forget();
  half?.word?.forget();
}

/** The peer's half out of its attributes. */
export function halfOf({ tag, secret, kid }: LatchAttribute, word: Uint8Array | undefined): LatchHalf {
  return {
    tag: ownText(tag),
    secret: new Secret(new Uint8Array(secret)),
    word: word && new Secret(new Uint8Array(word)),
    kid,
  };
}

/** The attribute lines that carry our half: `suites=` in an offer, `suite=` in an answer. A verifier sets the keepalive. */
export function latchLines(
  half: LatchHalf,
  params: { readonly suitesText: string } | { readonly suite: Suite },
  keepaliveS: number,
): string[] {
  const { tag, secret, kid } = half;
  const attribute = { version: 1, tag, secret: secret.reveal(), kid, ...params } as const;
  if (!half.word) return [formatLatch(attribute)];
  return [formatLatch({ ...attribute, keepaliveS }), formatChallenge(half.word.reveal())];
}

/** The best suite of an offer that we speak too, if any: our word for it, of which there is one for all calls. */
export function chooseSuite(offer: LatchAttribute, ours: readonly Suite[]): Suite | undefined {
  const spoken = offer.suites?.find((name) => ours.some((one) => one === name));
  return ours.find((one) => one === spoken);
}

export function isSamePeer(crypto: Crypto, half: LatchHalf | undefined, attribute: LatchAttribute): boolean {
  return (
    half?.tag === attribute.tag &&
    half.kid === attribute.kid &&
    crypto.equal(half.secret.reveal(), attribute.secret)
  );
}

/** Tells a pair of halves from every other without keeping them: the same pair again changes nothing (protocol.md 2). */
export function pairDigest(
  crypto: Crypto,
  { own, peer, namedKey }: Pick<LatchTerms, 'own' | 'peer' | 'namedKey'>,
): Secret {
  const both = new Uint8Array(2 * SECRET_BYTES + NAMED_KEY_BYTES);
  both.set(own.secret.reveal());
  both.set(peer.secret.reveal(), SECRET_BYTES);
  if (namedKey) both.set(namedKey.reveal(), 2 * SECRET_BYTES);
  const digest = crypto.sha256(both);
  both.fill(0);
  return new Secret(digest, 'moment');
}

/** @param digest that of its pair */
export function createGeneration(crypto: Crypto, terms: LatchTerms, digest: Secret): Generation {
  const { own, peer, isOfferer, offeredSuites, suite, namedKey, keepaliveS } = terms;
  const ours = { tag: own.tag, secret: own.secret.reveal() };
  const theirs = { tag: peer.tag, secret: peer.secret.reveal() };
  const [offerer, answerer] = isOfferer ? [ours, theirs] : [theirs, ours];
  const input = { offerer, answerer, offeredSuites, suite, namedKey: namedKey?.reveal() };
  const { integrity, proof } = deriveKeys(crypto, input);
  const generation = new Generation(own.tag, peer.tag, suite, keepaliveS, {
    integrityKey: integrity.reveal(),
    proofKey: proof.reveal(),
    pairDigest: digest.reveal(),
    ownWord: own.word?.reveal(),
    peerWord: peer.word?.reveal(),
  });
  for (const copied of [integrity, proof]) copied.forget();
  return generation;
}
