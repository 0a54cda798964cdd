// One component of one transport: where its payload goes and what is taken as its payload, by the rules of the
// protection that it has. It is the host of a verifier, a prover or a blind latch.
import {
  classifyPacket,
  isSameAddress,
  type IceMessage,
  type LatchMessage,
  type PacketClass,
  type TransportAddress,
} from '../../wire/index.js';
import type { CallPlace } from '../call-place.js';
import { BlindLatch } from './blind-latch.js';
import type { Context } from '../context.js';
import { createCounters, type Counters, type DropReason, type OwnTransmission } from '../counters.js';
import type { Crypto, Random } from '../crypto.js';
import type { DirectTargets } from '../route/direct-targets.js';
import { schemeOf } from '../proof/scheme-of.js';
import { endOf, type ComponentId } from '../events.js';
import { HeardSsrcs } from '../route/heard-ssrcs.js';
import type { Protection } from '../proof/protection.js';
import { KeptHellos } from './kept-hellos.js';
import type { Port } from '../route/port.js';
import { OwnTags } from '../route/own-tags.js';
import { PayloadRoute, type PreviousPath } from '../route/payload-route.js';
import { ProverPair } from './prover-pair.js';
import type { ProverHost } from './prover.js';
import type { VerifierEvent, VerifierHost } from './verifier-host.js';
import { Verifier } from './verifier.js';

/** What the engine is to a component, beside what all share: it sends, hands over, and wakes. */
export interface ComponentContext extends Context {
  readonly directTargets: DirectTargets;
  transmit(port: ComponentPort, bytes: Uint8Array, destination: TransportAddress): void;
  /** Payload that was held at first, for the application of the component. */
  deliver(component: Component, bytes: Uint8Array, source: TransportAddress): void;
  /** Looks again when the component wants to be woken. */
  wake(component: Component): void;
}

/** One bound socket, and the components behind it. */
export type ComponentPort = Port<Component>;

export class Component implements VerifierHost, ProverHost {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly directTargets: DirectTargets;
  scheduledMs = Infinity;
  readonly counters: Counters = createCounters();
  signalled: TransportAddress | undefined;
  expectsMedia = false;
  lastSentMs = -Infinity;
  lastArrivedMs = -Infinity;
  /** Where the peer says it saw our challenge come from, once a path is verified. */
  serverSeenAs: TransportAddress | undefined;
  #port: ComponentPort | undefined;
  #route = new PayloadRoute<Component>(this);
  #protection: Protection = { kind: 'closed' };
  #verifier: Verifier | undefined;
  readonly provers = new ProverPair(this);
  #blind: BlindLatch | undefined;
  #tags = new OwnTags<Component>(this);
  /** Hellos under the tag of an offer of ours, until its answer tells their key. */
  readonly keptHellos = new KeptHellos();
  #heard = new HeardSsrcs<Component>(this);

  constructor(
    readonly session: CallPlace,
    readonly media: number,
    readonly component: ComponentId,
    private readonly context: ComponentContext,
  ) {
    ({ crypto: this.crypto, random: this.random, directTargets: this.directTargets } = context);
  }

  get port(): ComponentPort | undefined {
    return this.#port;
  }

  get kind(): Protection['kind'] {
    return this.#protection.kind;
  }

  /** The proven address; undefined where none is, or where nothing proves addresses. */
  get mapping(): TransportAddress | undefined {
    return this.#verifier && this.#route.remote;
  }

  /** The IP address that a blind latch is locked to, for the RTCP that follows it. */
  get latchedAddress(): string | undefined {
    return this.#blind?.locked?.address;
  }

  /** Where a prover speaks: where its media goes, or will go once the peer's address is verified. */
  get destination(): TransportAddress | undefined {
    return this.#route.remote ?? this.signalled;
  }

  isDirectTarget(address: string): boolean {
    return this.context.options.isDirectTarget(address, this.session.advertised);
  }

  /** Puts the component behind a socket. On another one than before, a prover has moved and a verifier begins again. */
  attach(port: ComponentPort, nowMs: number): void {
    if (port === this.#port) return;
    const hasMoved = this.#port !== undefined;
    this.detach(nowMs);
    this.#port = port;
    port.components.add(this);
    this.#tags.move(undefined, port);
    this.#heard.move(undefined, port);
    this.#sendUnproven();
    if (hasMoved) this.provers.handleLocalChange(nowMs);
    this.context.wake(this);
  }

  /** Its socket is gone: nothing goes out or comes in until it is attached again. */
  detach(nowMs: number): void {
    this.context.nowMs = nowMs;
    const port = this.#port;
    if (!port) return;
    this.#verifier?.stop();
    this.deactivate();
    this.#tags.move(port, undefined);
    this.#heard.move(port, undefined);
    port.components.delete(this);
    this.#port = undefined;
  }

  /** The local address changed under the same socket: the prover says hello at once (protocol.md 6.4). */
  handleLocalChange(nowMs: number): void {
    this.context.nowMs = nowMs;
    this.provers.handleLocalChange(nowMs);
    this.context.wake(this);
  }

  /** Takes the protection that an offer/answer agreed on. The same generation again changes only the address. */
  protect(protection: Protection, signalled: TransportAddress | undefined, nowMs: number): void {
    const before = this.#protection;
    const hasMoved = !this.signalled || !signalled || !isSameAddress(this.signalled, signalled);
    this.signalled = signalled;
    this.#protection = protection;
    if (protection.kind !== 'legacy') this.#blind = undefined;
    if ('generation' in protection) {
      if ('generation' in before && before.generation === protection.generation) {
        if (hasMoved) this.#verifier?.handleSignalled(nowMs);
      } else {
        if (!('generation' in before)) this.deactivate();
        this.#startGeneration(protection, nowMs);
      }
    } else {
      this.#stopLatch();
      if (protection.kind === 'closed') this.deactivate();
      if (protection.kind === 'legacy' && before.kind !== 'legacy') {
        this.deactivate();
        const { rtp, payloadTypes } = protection;
        this.#blind = new BlindLatch(payloadTypes, rtp);
      }
    }
    this.#sendUnproven();
    this.context.wake(this);
  }

  /** An offer of ours went out: hellos that name its tag are kept until the answer comes (protocol.md 4). */
  awaitAnswer(tag: string | undefined): void {
    if (this.#tags.awaiting === tag) return;
    this.#tags.awaiting = tag;
    this.keptHellos.take();
    this.#renewTags();
  }

  /** Whether a message that names these tags, or user fragments, is for this component, or will be once the answer is known. */
  knows(ownTag: string, peerTag: string): 'now' | 'later' | 'no' {
    return this.#tags.has(ownTag, peerTag) ? 'now' : this.#tags.awaiting === ownTag ? 'later' : 'no';
  }

  handleMessage(message: LatchMessage | IceMessage, source: TransportAddress, nowMs: number): void {
    switch (message.kind) {
      case 'hello':
      case 'keepalive':
      case 'check':
        if (this.#verifier) this.#verifier.handleGreeting(message, source, nowMs);
        else this.drop('unknownTags');
        break;
      case 'response':
      case 'check-response':
        if (this.#verifier) this.#verifier.handleAnswer(message, source, nowMs);
        else this.drop('staleTransaction');
        break;
      case 'challenge':
        this.provers.handleChallenge(message, source, nowMs);
        this.#renewTags();
        break;
      case 'welcome':
        this.provers.handleWelcome(message, source, nowMs);
    }
    this.context.wake(this);
  }

  /** Payload on a route of ours: accepted. The per-packet path: no look-up, no allocation. */
  accept(bytes: Uint8Array, kind: PacketClass, nowMs: number): void {
    this.counters.received++;
    this.#take(bytes, kind, nowMs);
  }

  deliver(bytes: Uint8Array, source: TransportAddress): void {
    this.#take(bytes, classifyPacket(bytes), this.context.nowMs);
    this.context.deliver(this, bytes, source);
  }

  #take(bytes: Uint8Array, kind: PacketClass, nowMs: number): void {
    this.counters.delivered++;
    this.lastArrivedMs = nowMs;
    this.#heard.note(bytes, kind, this.#port);
  }

  /** Payload from an address without a route. True where a blind latch locks to it and takes it. */
  handleStray(bytes: Uint8Array, kind: PacketClass, source: TransportAddress, nowMs: number): boolean {
    if (this.#blind?.handle(bytes, kind, source)) {
      this.counters.legacy++;
      this.activate(source);
      this.context.emit({ type: 'legacy', ...this.#place, remote: source });
      return true;
    }
    this.counters.received++;
    if (!this.handleElsewhere(bytes, kind, source, nowMs)) this.drop('candidateRefused');
    else if (!this.#verifier?.keepArrived(source, bytes)) this.drop('unverified');
    return false;
  }

  /** Payload from elsewhere than the active path, the path before it included, may make a candidate (protocol.md 5.1). */
  handleElsewhere(bytes: Uint8Array, kind: PacketClass, source: TransportAddress, nowMs: number): boolean {
    const looks = this.#heard.kindOf(bytes, kind);
    const isKnown = this.#verifier?.handlePayload(source, bytes.length, looks, nowMs) ?? true;
    this.context.wake(this);
    return isKnown;
  }

  /** Where this payload packet goes now (protocol.md 5.6). Undefined: it is dropped, and counted. */
  handleSend(bytes: Uint8Array, nowMs: number): TransportAddress | undefined {
    const remote = this.#route.remote;
    if (!remote || !this.#port) return this.drop('noPath');
    this.counters.sent++;
    this.#verifier?.handleSend(bytes);
    this.lastSentMs = nowMs;
    return remote;
  }

  handleTimeout(nowMs: number): void {
    this.#route.handleTimeout(this.#port, nowMs);
    this.#verifier?.handleTimeout(nowMs);
    this.provers.handleTimeout(nowMs);
  }

  get nextMs(): number {
    if (!this.#port) return Infinity;
    return Math.min(this.#verifier?.nextMs ?? Infinity, this.provers.nextMs, this.#route.nextMs);
  }

  /** Forgets keys, words and paths (protocol.md 5.10). */
  close(nowMs: number): void {
    const end = endOf(this, this.#route.remote);
    this.awaitAnswer(undefined);
    this.protect({ kind: 'closed' }, undefined, nowMs);
    this.context.emit({ type: 'closed', ...this.#place, ...end });
    this.detach(nowMs);
  }

  transmit(kind: OwnTransmission, bytes: Uint8Array, destination: TransportAddress): void {
    if (!this.#port) return;
    this.counters[kind]++;
    this.lastSentMs = this.context.nowMs;
    this.context.transmit(this.#port, bytes, destination);
  }

  expect(transaction: Uint8Array): void {
    this.#port?.addTransaction(transaction, this);
  }

  forget(transaction: Uint8Array): void {
    this.#port?.removeTransaction(transaction);
  }

  drop(reason: DropReason): undefined {
    this.counters.dropped[reason]++;
    return undefined;
  }

  emit(event: VerifierEvent): void {
    if ('serverSeenAs' in event) this.serverSeenAs = event.serverSeenAs;
    this.context.emit({ ...this.#place, ...event });
  }

  activate(remote: TransportAddress): void {
    this.#route.open(this.#port, remote);
  }

  keep(path: PreviousPath): void {
    this.#route.keep(this.#port, path);
  }

  claim(remote: TransportAddress): void {
    this.#route.claim(this.#port, remote);
  }

  deactivate(): void {
    this.#route.close(this.#port);
  }

  /** To the signalled address where nobody proves anything to us: a prover's peer, or one without protection (protocol.md 6.5, 7). */
  #sendUnproven(): void {
    if (this.kind !== 'none' && (this.kind !== 'latch' || this.#verifier)) return;
    return this.signalled ? this.activate(this.signalled) : this.deactivate();
  }

  #startGeneration(protection: Extract<Protection, { generation: unknown }>, nowMs: number): void {
    this.#renewTags();
    const scheme = schemeOf(this, protection);
    if (!scheme) this.#stopVerifier();
    else if (this.#verifier) this.#verifier.handleGeneration(scheme, nowMs);
    else this.#verifier = new Verifier(this, scheme, nowMs);
    this.provers.follow(protection.kind === 'latch' ? protection.generation : undefined, nowMs);
    this.#renewTags();
    this.#judgeKeptHellos(nowMs);
    this.provers.handleTimeout(nowMs);
  }

  #judgeKeptHellos(nowMs: number): void {
    for (const { message, source } of this.keptHellos.take()) {
      const { recipient, sender } = message.username;
      if (this.knows(recipient, sender) === 'now') this.handleMessage(message, source, nowMs);
      else this.drop('unknownTags');
    }
  }

  #renewTags(): void {
    this.#tags.renew(this.#protection, this.provers.generations, this.#port);
  }

  #stopVerifier(): void {
    this.#verifier?.stop();
    this.#verifier = undefined;
  }

  #stopLatch(): void {
    this.#stopVerifier();
    this.provers.stop();
    this.#heard.clear(this.#port);
    this.#renewTags();
  }

  get #place() {
    const { media, component, session } = this;
    const local = this.#port && { local: this.#port.local };
    return { session: session.id, call: session.call, media, component, ...local };
  }
}
