// The halves of secrets that the two sides have told each other in SDP for one transport: ours, which every later offer repeats
// (protocol.md 2), and the peer's, by which a repeated description is known; keys of SRTP alike. What runs has keys of its own.
import type { CryptoKey, IceCredentials, LatchAttribute } from '../../wire/index.js';
import type { SrtpSuite } from '../../srtp/index.js';
import { srtpTermsOf, type Agreement } from '../call/agreement.js';
import { randomBytes, type Crypto, type Random } from '../crypto.js';
import { FewMap } from '../few-map.js';
import { copyHalf, createOwnHalf, forgetHalf, isSamePeer, type LatchHalf } from '../proof/credentials.js';
import {
  copyIceHalf,
  createIceHalf,
  iceHalfOf,
  isSameIceHalf,
  type IceHalf,
} from '../proof/ice-generation.js';
import { Secret } from '../proof/secret.js';
import type { SrtpKey, SrtpTerms } from '../proof/srtp-terms.js';
import type { Suite } from '../suite.js';
import type { RtcpTerms } from './rtcp-terms.js';

/** Master key and master salt, one after the other. */
export function createSrtpKey(random: Random, suite: SrtpSuite): Secret {
  return new Secret(randomBytes(random, suite.keySizeBytes + suite.saltSizeBytes));
}

export class Halves {
  #own: LatchHalf | undefined;
  #peer: LatchHalf | undefined;
  /** That of the generation in force. */
  #suite: Suite | undefined;
  #ownIce: IceHalf | undefined;
  #peerIce: IceHalf | undefined;
  /** A key of ours for every suite that we have offered or taken: the suites share none. */
  #srtpKeys: FewMap<SrtpSuite, Secret> | undefined;
  /** Those in force; our own is one of `#srtpKeys`. */
  #srtp: SrtpTerms | undefined;
  /** What our last description says of RTCP. */
  rtcp: RtcpTerms | undefined;

  get own(): LatchHalf | undefined {
    return this.#own;
  }

  get suite(): Suite | undefined {
    return this.#suite;
  }

  get ownIce(): IceHalf | undefined {
    return this.#ownIce;
  }

  /** Our half for an offer: the one in force is repeated, so that a re-offer changes nothing. Another key makes another half. */
  ownForOffer(random: Random, isVerifier: boolean, kid: string | undefined): LatchHalf {
    if (this.#own && (kid === undefined || kid === this.#own.kid)) return this.#own;
    forgetHalf(this.#own);
    this.#own = createOwnHalf(random, isVerifier, kid);
    return this.#own;
  }

  iceForOffer(random: Random): IceHalf {
    this.#ownIce ??= createIceHalf(random);
    return this.#ownIce;
  }

  /** Ours in force: master key and master salt. */
  get ownSrtp(): Secret | undefined {
    return this.#srtp?.own?.keyAndSalt;
  }

  /** Our key of an offer's line: the one of before is repeated. */
  srtpForOffer(random: Random, suite: SrtpSuite): Secret {
    const key = this.#srtpKeys?.get(suite) ?? createSrtpKey(random, suite);
    this.#keep(suite, key);
    return key;
  }

  offeredSrtp(suite: SrtpSuite): Secret | undefined {
    return this.#srtpKeys?.get(suite);
  }

  /** All of ours that we have told and not left. */
  get srtpKeys(): readonly SrtpKey[] {
    return [...(this.#srtpKeys ?? [])].map(([suite, keyAndSalt]) => ({ suite, keyAndSalt }));
  }

  /** All of its keys are of ours: the line is one that we have written. */
  isOwnSrtp(crypto: Crypto, keys: readonly CryptoKey[]): boolean {
    const own = [...(this.#srtpKeys?.values() ?? [])];
    return keys.every(({ keyAndSalt: told }) => own.some((key) => crypto.equal(key.reveal(), told)));
  }

  /** These are the keys of the peer's that are in force. */
  isSrtpPeer(crypto: Crypto, suite: SrtpSuite, keys: readonly CryptoKey[]): boolean {
    const { peer = [] } = this.#srtp ?? {};
    return peer.length === keys.length && peer.every((key, at) => isSameKey(crypto, key, suite, keys[at]));
  }

  /** The attribute has the tag of the half in force. */
  isPeerTag(tag: string): boolean {
    return this.#peer?.tag === tag;
  }

  /** The attribute repeats the half in force. */
  isPeer(crypto: Crypto, attribute: LatchAttribute): boolean {
    return isSamePeer(crypto, this.#peer, attribute);
  }

  /** These are the credentials in force: others are an ICE restart. */
  isIcePeer(crypto: Crypto, credentials: IceCredentials): boolean {
    const half = iceHalfOf(credentials);
    const isSame = isSameIceHalf(crypto, this.#peerIce, half);
    half.pwd.forget();
    return isSame;
  }

  /** What was agreed on is in force now. */
  note(agreement: Agreement): void {
    const { peer, peerIce } = { peer: this.#peer, peerIce: this.#peerIce };
    this.#peer = this.#peerIce = this.#suite = undefined;
    this.#noteSrtp(srtpTermsOf(agreement));
    switch (agreement.kind) {
      case 'latch':
        if (agreement.own !== this.#own) forgetHalf(this.#own);
        this.#own = agreement.own;
        this.#peer = agreement.peer;
        this.#suite = agreement.suite;
        break;
      case 'ice':
        if (agreement.own !== this.#ownIce) this.#ownIce?.pwd.forget();
        this.#ownIce = agreement.own;
        this.#peerIce = agreement.peer;
        break;
      case 'srtp':
      case 'evidence':
      case 'none':
      case 'legacy':
      case 'closed':
        break;
    }
    forgetHalf(peer);
    peerIce?.pwd.forget();
  }

  /** For another answer to the same offer: the same halves of ours, nothing of the peer's. */
  fork(): Halves {
    const fork = new Halves();
    fork.#own = this.#own && copyHalf(this.#own);
    fork.#ownIce = this.#ownIce && copyIceHalf(this.#ownIce);
    for (const [suite, key] of this.#srtpKeys ?? []) fork.#keep(suite, key.copy());
    fork.rtcp = this.rtcp;
    return fork;
  }

  forget(): void {
    for (const half of [this.#own, this.#peer]) forgetHalf(half);
    for (const half of [this.#ownIce, this.#peerIce]) half?.pwd.forget();
    this.#own = this.#peer = this.#suite = this.#ownIce = this.#peerIce = undefined;
    this.#noteSrtp(undefined);
    for (const key of this.#srtpKeys?.values() ?? []) key.forget();
    this.#srtpKeys = undefined;
  }

  #noteSrtp(terms: SrtpTerms | undefined): void {
    for (const { keyAndSalt } of this.#srtp?.peer ?? []) keyAndSalt.forget();
    const { own: former } = this.#srtp ?? {};
    this.#srtp = terms && { peer: terms.peer, own: terms.own };
    // Whoever comes back to a key would count its packets anew, and use their numbers twice (RFC 3711 9.1): it is offered no more.
    if (former && former.keyAndSalt !== terms?.own?.keyAndSalt) this.#drop(former.suite);
    if (!terms?.own) return;
    const { suite, keyAndSalt } = terms.own;
    if (this.#srtpKeys?.get(suite) !== keyAndSalt) this.#drop(suite);
    this.#keep(suite, keyAndSalt);
  }

  #drop(suite: SrtpSuite): void {
    this.#srtpKeys?.get(suite)?.forget();
    this.#srtpKeys?.delete(suite);
  }

  #keep(suite: SrtpSuite, key: Secret): void {
    this.#srtpKeys ??= new FewMap();
    this.#srtpKeys.set(suite, key);
  }
}

function isSameKey(crypto: Crypto, key: SrtpKey, suite: SrtpSuite, told: CryptoKey | undefined): boolean {
  return (
    key.suite === suite &&
    key.mki?.join() === told?.mki?.join() &&
    key.lifetimePackets === told?.lifetimePackets &&
    told !== undefined &&
    crypto.equal(key.keyAndSalt.reveal(), told.keyAndSalt)
  );
}
