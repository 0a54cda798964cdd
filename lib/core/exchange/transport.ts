// One transport of a session: a media port with its one or two components, the halves of the secret exchanged for
// it, and the generation in force.
import {
  asciiBytes,
  ipRange,
  parseIp,
  type IceCredentials,
  type SdpMedia,
  type TransportAddress,
} from '../../wire/index.js';
import { Component, type ComponentContext } from '../path/component.js';
import type { Protection } from '../proof/protection.js';
import {
  copyOwnHalf,
  createGeneration,
  createOwnHalf,
  isSamePeer,
  type Agreement,
  type OwnHalf,
  type PeerHalf,
} from '../proof/credentials.js';
import { randomBytes } from '../crypto.js';
import type { ComponentId } from '../events.js';
import type { Generation } from '../proof/generation.js';
import {
  copyIceHalf,
  createIceHalf,
  iceHalfOf,
  type IceAgreement,
  type IceGeneration,
  type IceHalf,
} from '../proof/ice-generation.js';
import type { Suite } from '../suite.js';
import { Secret } from '../proof/secret.js';
import type { Session } from './session.js';

export class Transport {
  #own: OwnHalf | undefined;
  #peer: PeerHalf | undefined;
  #generation: Generation | undefined;
  /** Keys of the generation before: a prover still answers with them until the new one is challenged. */
  #former: Generation | undefined;
  #ownIce: IceHalf | undefined;
  #ice: IceGeneration | undefined;
  #isAwaited = false;
  readonly #components = new Map<ComponentId, Component>();

  constructor(
    readonly session: Session,
    readonly media: number,
    private readonly context: ComponentContext,
  ) {}

  get components(): Iterable<Component> {
    return this.#components.values();
  }

  get peer(): PeerHalf | undefined {
    return this.#peer;
  }

  get own(): OwnHalf | undefined {
    return this.#own;
  }

  get(id: ComponentId): Component | undefined {
    return this.#components.get(id);
  }

  get ownIce(): IceHalf | undefined {
    return this.#ownIce;
  }

  /** Whether these are the credentials of the generation in force: others are an ICE restart. */
  isIcePeer({ ufrag, pwd }: IceCredentials): boolean {
    const peer = this.#ice?.peer;
    return peer?.ufrag === ufrag && this.context.crypto.equal(peer.pwd.reveal(), asciiBytes(pwd));
  }

  /** The suite of the generation in force. */
  get suite(): Suite | undefined {
    return this.#generation?.suite;
  }

  component(id: ComponentId): Component {
    let component = this.#components.get(id);
    if (!component) {
      component = new Component(this.session, this.media, id, this.context);
      this.#components.set(id, component);
      if (this.#isAwaited) component.awaitAnswer(this.#own?.tag);
    }
    return component;
  }

  /** Our half for an offer: the one in force is repeated, so that a re-offer changes nothing (protocol.md 2). */
  ownForOffer(isVerifier: boolean): OwnHalf {
    this.#own ??= createOwnHalf(this.context.random, isVerifier);
    return this.#own;
  }

  /** Our ICE half for an offer, repeated in re-offers. */
  iceForOffer(): IceHalf {
    this.#ownIce ??= createIceHalf(this.context.random);
    return this.#ownIce;
  }

  awaitAnswer(isAwaited: boolean): void {
    this.#isAwaited = isAwaited;
    for (const component of this.#components.values()) {
      component.awaitAnswer(isAwaited ? this.#own?.tag : undefined);
    }
  }

  /** Latch: a new generation where either half is new, else the one in force (protocol.md 2). */
  latch(agreement: Agreement, remote: SdpMedia, hasRtcp: boolean, nowMs: number): void {
    const { crypto } = this.context;
    const isInForce =
      this.#generation?.ownTag === agreement.own.tag && isSamePeer(crypto, this.#peer, agreement.peer);
    this.#own = agreement.own;
    let generation = this.#generation;
    if (!generation || !isInForce) {
      generation = createGeneration(crypto, agreement);
      forgetKeys(this.#former);
      this.#former = this.#generation;
      this.#generation = generation;
      this.#peer = { tag: agreement.peer.tag, secret: new Secret(agreement.peer.secret.slice()) };
    }
    this.#protect({ kind: 'latch', generation }, remote, hasRtcp, nowMs);
    this.#forgetIce();
  }

  /** ICE's checks in the place of latch: a new generation where either half is new (protocol.md 8.1). */
  ice({ own, peer }: IceAgreement, remote: SdpMedia, hasRtcp: boolean, nowMs: number): void {
    this.#ownIce = own;
    let generation = this.#ice;
    if (!generation || generation.own !== own || !this.isIcePeer(peer)) {
      const tieBreaker = randomBytes(this.context.random, 8);
      generation = { own, peer: iceHalfOf(peer), tieBreaker };
      this.#ice = generation;
    }
    this.#protect({ kind: 'ice', generation }, remote, hasRtcp, nowMs);
    this.#forgetLatch();
  }

  /** No latch: what the policy allows instead (protocol.md 7). */
  unlatch(kind: 'none' | 'legacy', local: SdpMedia, remote: SdpMedia, hasRtcp: boolean, nowMs: number): void {
    if (kind === 'none') {
      this.#protect({ kind }, remote, hasRtcp, nowMs);
    } else {
      const payloadTypes = new Set(local.formats.map(Number));
      const rtp = this.component(1);
      this.#protect({ kind, payloadTypes }, remote, hasRtcp, nowMs, { kind, payloadTypes, rtp });
    }
    this.#forgetGenerations();
  }

  /** The section was rejected: no media here until a later exchange. */
  disable(nowMs: number): void {
    for (const component of this.#components.values())
      component.protect({ kind: 'closed' }, undefined, nowMs);
    this.#forgetGenerations();
  }

  close(nowMs: number): void {
    for (const component of this.#components.values()) component.close(nowMs);
    this.#forgetGenerations();
    this.#own?.secret.forget();
    this.#ownIce?.pwd.forget();
    this.#own = this.#ownIce = undefined;
  }

  /** For another answer to the same offer: the same half of ours, nothing of the peer's. */
  fork(session: Session): Transport {
    const fork = new Transport(session, this.media, this.context);
    if (this.#own) fork.#own = copyOwnHalf(this.#own);
    if (this.#ownIce) fork.#ownIce = copyIceHalf(this.#ownIce);
    for (const [id, component] of this.#components) {
      if (component.port) fork.component(id).attach(component.port, this.context.nowMs);
    }
    fork.awaitAnswer(true);
    return fork;
  }

  #protect(
    protection: Protection,
    remote: SdpMedia,
    hasRtcp: boolean,
    nowMs: number,
    rtcpProtection = protection,
  ): void {
    const expectsMedia = remote.direction === 'sendrecv' || remote.direction === 'sendonly';
    const rtp = this.component(1);
    rtp.expectsMedia = expectsMedia;
    rtp.protect(protection, usable(remote.address, remote.port), nowMs);
    if (hasRtcp) {
      this.component(2).protect(rtcpProtection, usable(remote.rtcp.address, remote.rtcp.port), nowMs);
    } else {
      this.#components.get(2)?.protect({ kind: 'closed' }, undefined, nowMs);
    }
    this.awaitAnswer(false);
  }

  #forgetGenerations(): void {
    this.#forgetLatch();
    this.#forgetIce();
  }

  #forgetIce(): void {
    this.#ice?.peer.pwd.forget();
    this.#ice = undefined;
  }

  #forgetLatch(): void {
    forgetKeys(this.#former);
    forgetKeys(this.#generation);
    this.#former = this.#generation = undefined;
    this.#peer?.secret.forget();
    this.#peer = undefined;
  }
}

function forgetKeys(generation: Generation | undefined): void {
  generation?.keys.integrity.forget();
  generation?.keys.proof.forget();
}

/** The address as a place to send to: not where a hold (0.0.0.0), port 0 or a host name says nothing of the kind. */
function usable(address: string, port: number): TransportAddress | undefined {
  if (port === 0 || !parseIp(address) || ipRange(address).range === 'unspecified') return undefined;
  return { address, port };
}
