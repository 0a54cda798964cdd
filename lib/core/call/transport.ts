// One transport of a call at work: a media port with its one or two components, and the generation in force on it. It is told
// what was agreed on, and sets its components to it; how that came about it does not know.
import { normaliseIp, type TransportAddress } from '../../wire/index.js';
import type { CallPlace } from '../call-place.js';
import { randomBytes } from '../crypto.js';
import type { ComponentId } from '../events.js';
import { ownText } from '../own-text.js';
import { Component, type ComponentContext, type ComponentOwner } from '../path/component.js';
import { createGeneration, pairDigest, type LatchTerms } from '../proof/credentials.js';
import type { Generation } from '../proof/generation.js';
import { copyIceHalf, isSameIceHalf, type IceGeneration, type IceTerms } from '../proof/ice-generation.js';
import type { Protection } from '../proof/protection.js';
import { OwnSenders } from '../proof/own-senders.js';
import { SrtpKeys } from '../proof/srtp-keys.js';
import type {
  Agreement,
  EvidenceAgreement,
  IceAgreement,
  LegacyAgreement,
  MediaTerms,
  SrtpAgreement,
} from './agreement.js';
import { srtpTermsOf } from './agreement.js';
import type { SrtpKey, SrtpTerms } from '../proof/srtp-terms.js';
import { standingOf, type Standing } from './downgrade.js';

export class Transport implements ComponentOwner {
  #latch: Generation | undefined;
  /** Keys of the generation before: a prover still answers with them until the new one is challenged. */
  #former: Generation | undefined;
  #ice: IceGeneration | undefined;
  #srtp: SrtpKeys | undefined;
  /** Beyond `#srtp`: a key that was offered may come into use when there has been none for a while. */
  #ownSenders: OwnSenders | undefined;
  #standing: Standing | undefined;
  /** Our offer is pending, with this tag in it if it has one. */
  #awaited: { readonly tag: string | undefined } | undefined;
  #rtp: Component | undefined;
  #rtcp: Component | undefined;

  constructor(
    private readonly place: CallPlace,
    readonly media: number,
    private readonly context: ComponentContext,
  ) {}

  get components(): readonly Component[] {
    return [this.#rtp, this.#rtcp].filter((one) => one !== undefined);
  }

  get(id: ComponentId): Component | undefined {
    return id === 1 ? this.#rtp : this.#rtcp;
  }

  /** Of the agreement in force. */
  get standing(): Standing | undefined {
    return this.#standing;
  }

  component(id: ComponentId): Component {
    const present = this.get(id);
    if (present) return present;
    const component = new Component(this.place, this.media, id, this.context, this);
    if (id === 1) this.#rtp = component;
    else this.#rtcp = component;
    if (this.#awaited) {
      component.awaitAnswer(this.#awaited.tag);
      component.handleTold();
    }
    return component;
  }

  /** It takes another answer to the offer that `other` has sent, with these keys of ours in it. Before anything is agreed on here. */
  forkFrom(other: Transport, offered: readonly SrtpKey[]): void {
    if (offered.length > 0) this.#ownSenders = other.#senders()?.fork(offered);
  }

  /** An offer of ours is out: hellos that name its tag are kept until the agreement comes (protocol.md 4). */
  awaitAnswer(ownTag: string | undefined): void {
    this.#awaited = { tag: ownTag };
    for (const component of this.components) {
      component.awaitAnswer(ownTag);
      component.handleTold();
    }
  }

  endWait(): void {
    this.#awaited = undefined;
    for (const component of this.components) component.awaitAnswer(undefined);
  }

  /** Checked before: see `checkAgreement`. */
  carryOut(agreement: Agreement, nowMs: number): void {
    switch (agreement.kind) {
      case 'latch':
        this.#protect({ kind: 'latch', generation: this.#latchOf(agreement) }, agreement, nowMs);
        this.#forgetIce();
        break;
      case 'ice':
        this.#checkByIce(agreement, nowMs);
        this.#forgetLatch();
        break;
      case 'srtp':
        this.#judgeBySrtp(agreement, nowMs);
        this.#forgetLatch();
        this.#forgetIce();
        break;
      case 'evidence':
        this.#tellByEvidence(agreement, nowMs);
        this.#forgetGenerations();
        break;
      case 'none':
        this.#protect({ kind: 'none' }, agreement, nowMs);
        this.#forgetGenerations();
        break;
      case 'legacy':
        this.#latchBlindly(agreement, nowMs);
        this.#forgetGenerations();
        break;
      case 'closed':
        for (const component of this.components) {
          component.protect({ kind: 'closed' }, undefined, nowMs);
        }
        this.#forgetGenerations();
        break;
    }
    if (!srtpTermsOf(agreement)) this.#forgetSrtp();
    this.#standing = standingOf(agreement);
    this.endWait();
    this.handleGenerationLeft();
  }

  close(nowMs: number): void {
    for (const component of this.components) component.close(nowMs);
    this.#forgetGenerations();
    this.#forgetSrtp();
    this.#ownSenders?.forget();
  }

  /** The generation in force where both halves are those of before, else a new one (protocol.md 2). */
  #latchOf(terms: LatchTerms): Generation {
    const { crypto } = this.context;
    const digest = pairDigest(crypto, terms);
    const before = this.#latch;
    if (before && isSamePair(before, terms) && crypto.equal(before.revealPairDigest(), digest.reveal())) {
      digest.forget();
      return before;
    }
    this.#former?.forget();
    this.#former = before;
    this.#latch = createGeneration(crypto, terms, digest);
    digest.forget();
    return this.#latch;
  }

  #checkByIce(agreement: IceAgreement, nowMs: number): void {
    const before = this.#ice;
    this.#ice = this.#iceOf(agreement);
    this.#protect({ kind: 'ice', generation: this.#ice }, agreement, nowMs);
    if (before !== this.#ice) forgetPasswords(before);
  }

  /** Likewise: a new half on either side is an ICE restart (RFC 8445 section 9). */
  #iceOf({ own, peer }: IceTerms): IceGeneration {
    const { crypto, random } = this.context;
    const before = this.#ice;
    if (before && isSameIceHalf(crypto, before.own, own) && isSameIceHalf(crypto, before.peer, peer)) {
      return before;
    }
    const tieBreaker = new Uint8Array(randomBytes(random, 8));
    return { own: copyIceHalf(own), peer: copyIceHalf(peer), tieBreaker };
  }

  /** Both components judge by the same keys: a packet counts once, wherever it comes (protocol.md 8.2.1). */
  #judgeBySrtp(agreement: SrtpAgreement, nowMs: number): void {
    const keys = this.#keysOf(agreement);
    if (keys) this.#protect({ kind: 'srtp', keys, ssrcs: agreement.ssrcs ?? [] }, agreement, nowMs);
  }

  #keysOf(terms: SrtpTerms): SrtpKeys | undefined {
    const { crypto, srtpCrypto } = this.context;
    const senders = this.#senders();
    if (srtpCrypto && senders) this.#srtp ??= new SrtpKeys(crypto, srtpCrypto, senders);
    this.#srtp?.agree(terms);
    return this.#srtp;
  }

  #tellByEvidence(agreement: EvidenceAgreement, nowMs: number): void {
    const { payloadTypes, clockRates = {}, eventTypes = [], ssrcs = [] } = agreement;
    const terms = {
      payloadTypes: payloadTypes && new Set(payloadTypes),
      clockRates: new Map(Object.entries(clockRates).map(([type, rate]) => [Number(type), rate])),
      eventTypes: new Set(eventTypes),
      ssrcs: new Set(ssrcs),
      latchesBlindly: this.place.policy === 'legacy',
    };
    this.component(1).besides(agreement.rtcp ? this.component(2) : undefined);
    this.#protect({ kind: 'evidence', terms }, agreement, nowMs);
  }

  /** Undefined: we have no ciphers. */
  #senders(): OwnSenders | undefined {
    const { crypto, srtpCrypto } = this.context;
    return (this.#ownSenders ??= srtpCrypto && new OwnSenders(crypto, srtpCrypto));
  }

  #latchBlindly(agreement: LegacyAgreement, nowMs: number): void {
    const payloadTypes = new Set(agreement.payloadTypes);
    const rtp = this.component(1);
    this.#protect({ kind: 'legacy', payloadTypes }, agreement, nowMs, { kind: 'legacy', payloadTypes, rtp });
  }

  #protect(protection: Protection, media: MediaTerms, nowMs: number, rtcpProtection = protection): void {
    const rtp = this.component(1);
    rtp.expectsMedia = media.expectsMedia;
    rtp.isHeld = media.isHeld === true;
    const isShared = protection.kind === 'ice' && media.rtcp?.sharesPort === true;
    if (isShared || rtp.guest) rtp.sharing.host(isShared ? this.component(2) : undefined, nowMs);
    const cover = media.srtp && this.#keysOf(media.srtp);
    rtp.protect(protection, normalised(media.remote), nowMs, cover);
    if (media.rtcp) this.component(2).protect(rtcpProtection, normalised(media.rtcp.remote), nowMs, cover);
    else this.#rtcp?.protect({ kind: 'closed' }, undefined, nowMs);
  }

  #forgetGenerations(): void {
    this.#forgetLatch();
    this.#forgetIce();
  }

  /** The keys of before go as soon as no prover of ours answers under them (protocol.md 5.10). */
  handleGenerationLeft(): void {
    const former = this.#former;
    const isInUse = this.components.some(({ provers }) => former && provers?.generations.includes(former));
    if (isInUse) return;
    former?.forget();
    this.#former = undefined;
  }

  #forgetLatch(): void {
    this.#former?.forget();
    this.#latch?.forget();
    this.#former = this.#latch = undefined;
  }

  #forgetIce(): void {
    forgetPasswords(this.#ice);
    this.#ice = undefined;
  }

  #forgetSrtp(): void {
    this.#srtp?.forget();
    this.#srtp = undefined;
  }
}

function isSamePair({ ownTag, peerTag }: Generation, { own, peer }: LatchTerms): boolean {
  return ownTag === own.tag && peerTag === peer.tag;
}

function forgetPasswords(generation: IceGeneration | undefined): void {
  generation?.own.pwd.forget();
  generation?.peer.pwd.forget();
}

function normalised(remote: TransportAddress | undefined): TransportAddress | undefined {
  return remote && { address: ownText(normaliseIp(remote.address)), port: remote.port };
}
