// The halves of a generation's secret that the two sides exchange in SDP (protocol.md 2): made, offered, answered,
// compared, and joined to keys.
import { encodeBase64url, formatChallenge, formatLatch, type LatchAttribute } from '../../wire/index.js';
import { randomBytes, type Crypto, type Random } from '../crypto.js';
import type { Generation } from './generation.js';
import { isSuite, type Suite } from '../suite.js';
import { deriveKeys } from './keys.js';
import { Secret } from './secret.js';

const SECRET_BYTES = 32;
const WORD_BYTES = 16;
/** 95 bits: more than the 64 that makers of tags owe. */
const TAG_CHARACTERS = 16;
/** What a prover keeps to where the verifier set nothing: protocol.md 6.3. */
const DEFAULT_KEEPALIVE_S = 15;

/** Our half: what `a=latch` and `a=latch-challenge` of ours carry. */
export interface OwnHalf {
  readonly tag: string;
  readonly secret: Secret;
  /** Set where we are a verifier. */
  readonly word: Uint8Array | undefined;
}

export interface PeerHalf {
  readonly tag: string;
  readonly secret: Secret;
}

export function createOwnHalf(random: Random, isVerifier: boolean): OwnHalf {
  return {
    tag: createTag(random),
    secret: new Secret(randomBytes(random, SECRET_BYTES)),
    word: isVerifier ? randomBytes(random, WORD_BYTES) : undefined,
  };
}

function createTag(random: Random): string {
  let tag = '';
  while (tag.length < TAG_CHARACTERS) tag += encodeBase64url(randomBytes(random, 24)).replace(/[-_]/g, '');
  return tag.slice(0, TAG_CHARACTERS);
}

export function copyOwnHalf(half: OwnHalf): OwnHalf {
  return { ...half, secret: new Secret(half.secret.reveal().slice()) };
}

/** The attribute lines that carry our half: `suites=` in an offer, `suite=` in an answer. A verifier sets the keepalive. */
export function latchLines(
  half: OwnHalf,
  params: { readonly suitesText: string } | { readonly suite: Suite },
  keepaliveS: number,
): string[] {
  const attribute = { version: 1, tag: half.tag, secret: half.secret.reveal(), ...params } as const;
  if (!half.word) return [formatLatch(attribute)];
  return [formatLatch({ ...attribute, keepaliveS }), formatChallenge(half.word)];
}

/** The best suite of an offer that we speak too, if any. A `kid` of ours would be known; without a key store none is. */
export function chooseSuite(offer: LatchAttribute, ours: readonly Suite[]): Suite | undefined {
  if (offer.kid !== undefined) return undefined;
  return offer.suites?.filter(isSuite).find((name) => ours.includes(name));
}

export function isSamePeer(crypto: Crypto, half: PeerHalf | undefined, attribute: LatchAttribute): boolean {
  return half?.tag === attribute.tag && crypto.equal(half.secret.reveal(), attribute.secret);
}

/** What one exchange agreed on for one transport. */
export interface Agreement {
  readonly own: OwnHalf;
  readonly peer: LatchAttribute;
  readonly peerWord: Uint8Array | undefined;
  readonly weOffered: boolean;
  readonly offeredSuites: string;
  readonly suite: Suite;
}

export function createGeneration(crypto: Crypto, agreement: Agreement): Generation {
  const { own, peer, peerWord, weOffered, offeredSuites, suite } = agreement;
  const ours = { tag: own.tag, secret: own.secret.reveal() };
  const theirs = { tag: peer.tag, secret: peer.secret };
  const [offerer, answerer] = weOffered ? [ours, theirs] : [theirs, ours];
  return {
    ownTag: own.tag,
    peerTag: peer.tag,
    suite,
    keys: deriveKeys(crypto, { offerer, answerer, offeredSuites, suite }),
    ownWord: own.word,
    peerWord,
    keepaliveS: peer.keepaliveS ?? DEFAULT_KEEPALIVE_S,
  };
}
