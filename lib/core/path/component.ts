// One component of one transport: RTP, or RTCP on a port of its own (protocol.md 1). What protects it decides where its
// payload goes and whose payload is taken: a verifier where the peer must prove itself, a prover where we must, a blind latch,
// or nothing. It is their host: it sends for them, keeps the tables of its ports in step, and tells of them in events.
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
import type { TargetBounds, UnprovenTarget } from '../route/target-bounds.js';
import { componentOfPriority } from '../proof/ice-generation.js';
import { schemeOf } from '../proof/scheme-of.js';
import { LatchkeyError } from '../errors.js';
import { endOf, type ComponentId } from '../events.js';
import { HeardSsrcs } from '../route/heard-ssrcs.js';
import { ipKey } from '../ip-key.js';
import type { Protection } from '../proof/protection.js';
import { KeptHellos } from './kept-hellos.js';
import type { Port } from '../route/port.js';
import { OwnTags } from '../route/own-tags.js';
import type { LocalPort, Path } from '../network-path.js';
import { PayloadRoute, type RoutedPath } from '../route/payload-route.js';
import { ProverPair } from './prover-pair.js';
import { isNobodys, maySendUnproven, UnprovenPeer, type UnprovenPeerState } from './unproven-peer.js';
import type { ProverEvent, ProverHost } from './prover.js';
import { UnheardWatch } from './unheard.js';
import type { VerifierEvent, VerifierHost } from './verifier-host.js';
import { Verifier } from './verifier.js';

/** What the engine is to a component, beside what all share: it sends, hands over, and wakes. */
export interface ComponentContext extends Context {
  readonly targetBounds: TargetBounds;
  transmit(port: ComponentPort, bytes: Uint8Array, destination: TransportAddress): void;
  /** Payload that was held at first, for the application of the component. */
  deliver(component: Component, bytes: Uint8Array, path: ComponentPath, kind: PacketClass): void;
  /** Looks again when the component wants to be woken. */
  wake(component: Component): void;
}

/** One bound socket, and the components behind it. */
export type ComponentPort = Port<Component>;

/** Where a datagram came in, and from whom; or goes out, and to whom. */
export type ComponentPath = RoutedPath<Component>;

/** While media moves from one socket of ours to another, both are open. */
const MAX_PORTS = 2;

export class Component implements VerifierHost, ProverHost {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly targetBounds: TargetBounds;
  scheduledMs = Infinity;
  readonly counters: Counters = createCounters();
  signalled: TransportAddress | undefined;
  expectsMedia = false;
  lastSentMs = -Infinity;
  lastArrivedMs = -Infinity;
  agreedMs = -Infinity;
  /** Where the peer says it saw our challenge come from, once a path is verified. */
  serverSeenAs: TransportAddress | undefined;
  /** The sockets that it is behind: none, one, or for a while two. */
  #ports: readonly ComponentPort[] = [];
  #route = new PayloadRoute<Component>(this);
  #protection: Protection = { kind: 'closed' };
  #verifier: Verifier | undefined;
  readonly provers = new ProverPair(this);
  #blind: BlindLatch | undefined;
  #tags = new OwnTags<Component>(this);
  /** Hellos under the tag of an offer of ours, until its answer tells their key. */
  readonly keptHellos = new KeptHellos();
  #heard = new HeardSsrcs<Component>(this);
  readonly #unheard = new UnheardWatch();
  /** What was exchanged with a peer that proves nothing. */
  #unproven: UnprovenPeer | undefined;
  /** That media stops because the peer has never challenged us was told. */
  #hasToldUnchallenged = false;
  /** As what the peer was told of our sockets. */
  #advertised: readonly TransportAddress[] = [];
  /** RTCP that is behind our sockets too, and has none of its own (protocol.md 8.1). */
  #guest: Component | undefined;
  /** Whose sockets we are behind. */
  #host: Component | undefined;

  constructor(
    readonly session: CallPlace,
    readonly media: number,
    readonly component: ComponentId,
    private readonly context: ComponentContext,
    /** The prover speaks no more under the generation before: its keys may go. */
    private readonly onGenerationLeft: () => void,
  ) {
    ({ crypto: this.crypto, random: this.random, targetBounds: this.targetBounds } = context);
  }

  /** The socket that payload leaves from: that of the path in use; where none is, the one that it had first. */
  get port(): ComponentPort | undefined {
    return this.#route.path?.port ?? this.#ports[0];
  }

  /** All sockets that it listens at. */
  get ports(): readonly ComponentPort[] {
    return this.#ports;
  }

  get kind(): Protection['kind'] {
    return this.#protection.kind;
  }

  /** The proven address; undefined where none is, or where nothing proves addresses. */
  get mapping(): TransportAddress | undefined {
    return this.#verifier && this.#route.path?.remote;
  }

  /** The IP address that a blind latch is locked to, for the RTCP that follows it. */
  get latchedAddress(): string | undefined {
    return this.#blind?.locked?.address;
  }

  /** Where a prover speaks: where its media goes, or will go once the peer's address is verified. */
  get destination(): TransportAddress | undefined {
    return this.#route.path?.remote ?? this.signalled;
  }

  unprovenTarget({ address, port }: TransportAddress): UnprovenTarget | undefined {
    const { options, ownSockets } = this.context;
    const { advertised, peerAddress: source } = this.session;
    if (port === 0 || isNobodys(address) || ownSockets.has(address, port)) return undefined;
    const isShown = this.session.isShown(address);
    return isShown || options.isDirectTarget(address, advertised) ? { address, isShown, source } : undefined;
  }

  get provesToo(): boolean {
    return this.#protection.kind === 'latch' && this.#protection.generation.peerWord !== undefined;
  }

  get isBounded(): boolean {
    if (!this.#verifier || this.#route.isProven) return false;
    return this.destination === undefined || !this.session.isShown(this.destination.address);
  }

  /** It is behind another's sockets, and has none of its own. */
  get isGuest(): boolean {
    return this.#host !== undefined;
  }

  /** RTCP that is behind the same sockets, if it is one's guest. */
  get guest(): Component | undefined {
    return this.#guest;
  }

  /** Whose application gets what is accepted here. */
  get application(): Component {
    return this.#host ?? this;
  }

  /**
   * The peer's RTCP comes to our sockets (protocol.md 8.1): told apart by RFC 5761, with paths of its own, and for our
   * application. Until others are bound for it, or `undefined` says that there is none.
   */
  host(guest: Component | undefined, nowMs: number): void {
    const before = this.#guest;
    if (before === guest || (guest && !guest.isGuest && guest.#ports.length > 0)) return;
    if (before) {
      before.detach(nowMs);
      before.#host = undefined;
    }
    this.#guest = guest;
    if (!guest) return;
    guest.#host = this;
    for (const port of this.#ports) guest.addPort(port, nowMs);
  }

  /** Of two behind the same sockets the one that a packet is for (RFC 5761). */
  forKind(kind: PacketClass): Component {
    return kind === 'rtcp' ? (this.#guest ?? this) : this.application;
  }

  /** Of two behind the same sockets the one that an ICE check is for (protocol.md 8.1). */
  forCheck(priority: number): Component {
    return componentOfPriority(priority) === 2 ? (this.#guest ?? this) : this.application;
  }

  /** Puts the component behind this socket alone. On another one than before, a prover has moved and a verifier begins again. */
  attach(port: ComponentPort, nowMs: number): void {
    this.#host?.host(undefined, nowMs);
    if (this.#ports.length === 1 && this.#ports[0] === port) return;
    const hasMoved = this.#ports.length > 0;
    if (!this.#ports.includes(port)) this.detach(nowMs);
    for (const other of this.#ports) if (other !== port) this.removePort(other, nowMs);
    this.addPort(port, nowMs);
    if (hasMoved) this.provers.handleLocalChange(nowMs);
    this.context.wake(this);
  }

  /**
   * Listens at this socket too. Payload goes on as before until a path at this one is proved; that path then carries it. Throws
   * LATCHKEY_STATE for a third socket.
   */
  addPort(port: ComponentPort, nowMs: number): void {
    if (this.#ports.includes(port)) return;
    if (this.#ports.length === MAX_PORTS)
      throw new LatchkeyError('LATCHKEY_STATE', 'a stream has two sockets already: let go of one first');
    this.context.nowMs = nowMs;
    this.#ports = [...this.#ports, port];
    // A guest is found by its host.
    if (!this.#host) port.components.add(this);
    this.#tags.join(port);
    this.#heard.join(port);
    this.#renewOwnSockets();
    this.#sendUnproven();
    this.#verifier?.handlePortAdded(nowMs);
    this.#guest?.addPort(port, nowMs);
    this.context.wake(this);
  }

  /** Lets go of one socket: what was proved there is forgotten, what was proved at the other one goes on. */
  removePort(port: ComponentPort, nowMs: number): void {
    if (!this.#ports.includes(port)) return;
    if (this.#ports.length === 1) return this.detach(nowMs);
    this.context.nowMs = nowMs;
    this.#guest?.removePort(port, nowMs);
    this.#verifier?.handlePortRemoved(port, nowMs);
    this.#leave(port);
    this.#sendUnproven();
    this.context.wake(this);
  }

  /** Its sockets are gone: nothing goes out or comes in until it is attached again. */
  detach(nowMs: number): void {
    this.context.nowMs = nowMs;
    if (this.#ports.length === 0) return;
    this.#guest?.detach(nowMs);
    this.#verifier?.stop();
    this.deactivate();
    for (const port of this.#ports) this.#leave(port);
  }

  /** The signalling has told something of the peer: a better claim, or an end of what was held back. */
  handlePeerTold(): void {
    this.#sendUnproven();
    this.context.wake(this);
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
    this.agreedMs = nowMs;
    this.#protection = protection;
    this.#renewOwnSockets();
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

  handleMessage(message: LatchMessage | IceMessage, path: ComponentPath, nowMs: number): void {
    switch (message.kind) {
      case 'hello':
      case 'keepalive':
      case 'check':
        if (this.#verifier) this.#verifier.handleGreeting(message, path, nowMs);
        else this.drop('unknownTags');
        break;
      case 'response':
      case 'check-response':
        if (this.#verifier) this.#verifier.handleAnswer(message, path, nowMs);
        else this.drop('staleTransaction');
        break;
      case 'challenge':
        this.#handleChallenge(message, path, nowMs);
        break;
      case 'welcome':
        this.provers.handleWelcome(message, path, nowMs);
    }
    this.context.wake(this);
  }

  #handleChallenge(
    message: Extract<LatchMessage, { kind: 'challenge' }>,
    path: ComponentPath,
    nowMs: number,
  ): void {
    const before = this.provers.generations.length;
    this.provers.handleChallenge(message, path, nowMs);
    this.#renewTags();
    if (this.provers.generations.length < before) this.onGenerationLeft();
  }

  /**
   * Payload on a route of ours is accepted: that of the path in use, or of another (protocol.md 5.5, 8.1). Every packet of a
   * call comes through here: no look-up, no allocation.
   */
  accept(bytes: Uint8Array, kind: PacketClass, isInUse: boolean, nowMs: number): void {
    this.counters.received++;
    this.#take(bytes, kind, isInUse, nowMs);
  }

  /** Payload that was kept while its source was on trial. */
  deliver(bytes: Uint8Array, path: Path): void {
    const routed = this.#routed(path);
    if (!routed) return this.drop('unverified');
    const kind = classifyPacket(bytes);
    this.#take(bytes, kind, true, this.context.nowMs);
    this.context.deliver(this, bytes, routed, kind);
  }

  #take(bytes: Uint8Array, kind: PacketClass, isInUse: boolean, nowMs: number): void {
    this.counters.delivered++;
    this.lastArrivedMs = nowMs;
    // What nothing has proven owns no SSRC: it must not draw the media of those who prove themselves. Nor is one heard on a path
    // that was left: that address may be another's by now (protocol.md 5.1).
    if (this.#verifier && isInUse) this.#heard.note(bytes, kind, this.#ports, nowMs);
    else if (this.#unproven) this.#unproven.receivedBytes += bytes.length;
  }

  /** Payload on a path without a route. True where a blind latch locks to its source and takes it. */
  handleStray(bytes: Uint8Array, kind: PacketClass, path: ComponentPath, nowMs: number): boolean {
    if (this.#latchesTo(bytes, kind, path.remote)) {
      this.counters.legacy++;
      this.#openUnproven(path);
      this.context.emit({ type: 'legacy', ...this.#place, ...endsOf(path) });
      return true;
    }
    this.counters.received++;
    if (!this.handleElsewhere(bytes, kind, path, nowMs)) this.drop('candidateRefused');
    else if (this.#route.holds(path) && this.#verifier?.keepArrived(path, bytes) === true) return false;
    else this.drop('unverified');
    if (
      this.kind !== 'closed' &&
      this.#unheard.noteRefused(this.counters.delivered, this.#verifier !== undefined, nowMs)
    )
      this.#tellUnheard(endsOf(path));
    return false;
  }

  /** A blind latch believes any source but a socket of ours: a packet would circulate between the two (protocol.md 5.7). */
  #latchesTo(bytes: Uint8Array, kind: PacketClass, source: TransportAddress): boolean {
    if (!this.#blind || this.#blind.locked) return false;
    const isOurs = this.context.ownSockets.has(source.address, source.port);
    return !isOurs && this.#blind.handle(bytes, kind, source);
  }

  /** Payload from elsewhere than the active path, the path before it included, may make a candidate (protocol.md 5.1). */
  handleElsewhere(bytes: Uint8Array, kind: PacketClass, path: ComponentPath, nowMs: number): boolean {
    const looks = this.#heard.kindOf(bytes, kind);
    const isKnown = this.#verifier?.handlePayload(path, bytes.length, looks, nowMs) ?? true;
    this.context.wake(this);
    return isKnown;
  }

  /** Where this payload packet goes now, out of `port` (protocol.md 5.6). Undefined: it is dropped, and counted. */
  handleSend(bytes: Uint8Array, nowMs: number): TransportAddress | undefined {
    if (this.#guest && classifyPacket(bytes) === 'rtcp') return this.#guest.handleSend(bytes, nowMs);
    const { path, isProven } = this.#route;
    if (!path) return this.drop('noPath');
    if (!isProven && !this.#maySendUnproven(bytes.length, nowMs)) return this.drop('unproven');
    this.counters.sent++;
    this.#verifier?.handleSend(bytes);
    this.lastSentMs = nowMs;
    return path.remote;
  }

  #maySendUnproven(sizeBytes: number, nowMs: number): boolean {
    const peer = this.#unproven;
    // A prover chose its peer itself, but nobody whom another session has proven (5.1). What the peer has to do in return is
    // to challenge us, where it can (protocol.md 6.1).
    if (!peer) return !this.#route.isProvenByAnother && this.#isChallengedInTime(nowMs);
    // It may have been told before a socket of ours was bound there: a packet that circulates ends at once (protocol.md 5.7).
    if (this.context.ownSockets.has(peer.remote.address, peer.remote.port)) return false;
    const { isConfirmed, peerTransport } = this.session;
    const state: UnprovenPeerState = {
      isHeld: this.#route.isHeld,
      isUnconfirmed: this.kind === 'none' && peerTransport !== undefined && !isConfirmed,
      isShown: this.session.isShown(peer.remote.address),
      receivedBytes: peer.receivedBytes,
      sentBytes: peer.sentBytes,
    };
    if (!maySendUnproven(state, sizeBytes)) return false;
    peer.sentBytes += sizeBytes;
    return true;
  }

  #isChallengedInTime(nowMs: number): boolean {
    const { path } = this.#route;
    const isInTime = this.provers.mayGoOn(path?.remote, nowMs);
    if (!isInTime && path && !this.#hasToldUnchallenged) this.emit({ type: 'expired' }, path);
    this.#hasToldUnchallenged = !isInTime;
    return isInTime;
  }

  /** The dialog is confirmed. RTCP alone is no call without sound: its component is not asked for. */
  handleConfirmed(nowMs: number): void {
    if (this.component === 1) this.#unheard.noteConfirmed(this.counters.sent, nowMs);
    this.context.wake(this);
  }

  handleTimeout(nowMs: number): void {
    this.#route.handleTimeout(nowMs);
    this.#verifier?.handleTimeout(nowMs);
    this.provers.handleTimeout(nowMs);
    if (this.#unheard.isSilent(this.counters.sent, nowMs) && this.#isStuck) this.#tellUnheard({});
  }

  /** Nothing can go to the peer, though it is not on hold. */
  get #isStuck(): boolean {
    const { kind, counters } = this;
    if (kind === 'closed' || (this.signalled === undefined && !this.expectsMedia)) return false;
    return this.#route.path === undefined || counters.dropped.unproven > 0;
  }

  #tellUnheard(ends: { readonly local?: TransportAddress; readonly remote?: TransportAddress }): void {
    const expected = this.#route.path?.remote ?? this.signalled;
    this.context.emit({ type: 'unheard', ...this.#place, ...ends, ...(expected && { expected }) });
  }

  get nextMs(): number {
    if (this.#ports.length === 0) return Infinity;
    return Math.min(
      this.#verifier?.nextMs ?? Infinity,
      this.provers.nextMs,
      this.#route.nextMs,
      this.#unheard.nextMs,
    );
  }

  /** Forgets keys, words and paths (protocol.md 5.10). */
  close(nowMs: number): void {
    this.#unheard.stop();
    const end = endOf(this, this.#route.path?.remote);
    this.awaitAnswer(undefined);
    this.protect({ kind: 'closed' }, undefined, nowMs);
    this.context.emit({ type: 'closed', ...this.#place, ...end });
    this.detach(nowMs);
  }

  transmit(kind: OwnTransmission, bytes: Uint8Array, path: Path): void {
    const routed = this.#routed(path);
    if (!routed) return;
    this.counters[kind]++;
    this.lastSentMs = this.context.nowMs;
    this.context.transmit(routed.port, bytes, routed.remote);
  }

  expect(transaction: Uint8Array, port: LocalPort): void {
    this.#attached(port)?.addTransaction(transaction, this);
  }

  forget(transaction: Uint8Array, port: LocalPort): void {
    this.#attached(port)?.removeTransaction(transaction);
  }

  drop(reason: DropReason): undefined {
    this.counters.dropped[reason]++;
    return undefined;
  }

  emit(event: VerifierEvent | ProverEvent, path: Path): void {
    if ('serverSeenAs' in event && this.#verifier) this.serverSeenAs = event.serverSeenAs;
    this.context.emit({ ...this.#place, ...endsOf(path), ...event });
  }

  activate(path: Path): void {
    const routed = this.#routed(path);
    if (routed) this.#route.open(routed);
    else this.#route.close();
  }

  keep(path: Path, untilMs: number): void {
    const routed = this.#routed(path);
    if (routed) this.#route.keep(routed, untilMs);
  }

  claim(path: Path): void {
    const routed = this.#routed(path);
    if (routed) this.#route.claim(routed, this.context.nowMs);
  }

  holds(path: Path): boolean {
    const routed = this.#routed(path);
    return routed !== undefined && this.#route.holds(routed);
  }

  deactivate(): void {
    this.#route.close();
  }

  /** To the signalled address where nobody proves anything to us: a prover's peer, or one without protection (protocol.md 6.5, 7). */
  #sendUnproven(): void {
    const { kind, signalled } = this;
    const isLatchAlone = kind === 'latch' && !this.#verifier;
    const isProversPeer = isLatchAlone || this.session.role === 'prover';
    if (kind === 'legacy') return;
    if (kind !== 'none') this.#unproven = undefined;
    if (kind !== 'none' && !isLatchAlone) return;
    const [port] = this.#ports;
    // A prover chose its peer itself; where a peer without a key is said to be must not be anybody else (protocol.md 5.7).
    const isAllowed = signalled && (isProversPeer || this.unprovenTarget(signalled) !== undefined);
    if (port && isAllowed) this.#openUnproven({ port, remote: signalled });
    else this.deactivate();
  }

  #openUnproven(path: ComponentPath): void {
    const { remote } = path;
    if (this.session.role === 'verifier' && (this.kind === 'none' || this.kind === 'legacy')) {
      const isSame = this.#unproven && isSameAddress(this.#unproven.remote, remote);
      if (!isSame) this.#unproven = new UnprovenPeer(remote);
    }
    this.#route.openUnproven(path, this.#isBacked(remote.address));
  }

  /** Somebody can vouch for the peer's being there: its signalling comes from this IP address, or somebody is known to receive there. */
  #isBacked(address: string): boolean {
    const { peerAddress } = this.session;
    return (
      (peerAddress !== undefined && ipKey(peerAddress) === ipKey(address)) || this.session.isShown(address)
    );
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
    for (const { message, path } of this.keptHellos.take()) {
      const routed = this.#routed(path);
      const { recipient, sender } = message.username;
      if (routed && this.knows(recipient, sender) === 'now') this.handleMessage(message, routed, nowMs);
      else this.drop('unknownTags');
    }
  }

  #renewTags(): void {
    this.#tags.renew(this.#protection, this.provers.generations, this.#ports);
  }

  #stopVerifier(): void {
    this.#verifier?.close();
    this.#verifier = undefined;
  }

  #stopLatch(): void {
    this.#stopVerifier();
    this.provers.stop();
    this.#heard.clear(this.#ports);
    this.#renewTags();
  }

  #attached(port: LocalPort): ComponentPort | undefined {
    return this.#ports.find((one) => one === port);
  }

  /** The path with the port's tables; undefined where the component has left that port. */
  #routed({ port, remote }: Path): ComponentPath | undefined {
    const attached = this.#attached(port);
    return attached && { port: attached, remote };
  }

  #leave(port: ComponentPort): void {
    this.provers.handlePortRemoved(port);
    this.#route.leave(port);
    this.#tags.leave(port);
    this.#heard.leave(port);
    port.components.delete(this);
    this.#ports = this.#ports.filter((one) => one !== port);
    this.#renewOwnSockets();
  }

  /** Nobody's SDP may aim at what peers are told of us (protocol.md 5.7). */
  #renewOwnSockets(): void {
    const { ownSockets } = this.context;
    const { advertised } = this.session;
    for (const { address, port } of this.#advertised) ownSockets.remove(address, port);
    const isTold = advertised !== undefined && this.kind !== 'closed';
    this.#advertised = isTold
      ? this.#ports.map(({ local }) => ({ address: advertised, port: local.port }))
      : [];
    for (const { address, port } of this.#advertised) ownSockets.add(address, port);
  }

  get #place() {
    const { media, component, session, port } = this;
    const local = port && { local: port.local };
    return { session: session.id, call: session.call, media, component, ...local };
  }
}

/** Both ends of a path, as events name them. */
function endsOf({ port, remote }: Path): {
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
} {
  return { local: port.local, remote };
}
