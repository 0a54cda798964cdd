// One component of one transport: RTP, or RTCP on a port of its own (protocol.md 1). What protects it decides where its payload goes and whose payload is
// taken: messages that prove an address (proof-side.ts), a key of SRTP (srtp-side.ts), evidence (evidence-side.ts), a blind latch, or nothing (unproven-route.ts).
// It tells them what they have in common, sends and counts for them, and tells of them in events. It decides nothing about paths.
import {
  classifyPacket,
  isSameAddress,
  type IceMessage,
  type LatchMessage,
  type PacketClass,
  type TransportAddress,
} from '../../wire/index.js';
import type { CallPlace, QuestionOutcome } from '../call-place.js';
import type { Context } from '../context.js';
import {
  countDrop,
  openCounters,
  type Counters,
  type DropReason,
  type OwnTransmission,
} from '../counters.js';
import type { Crypto, Random } from '../crypto.js';
import type { SrtpCrypto } from '../../srtp/index.js';
import type { TargetBounds, UnprovenTarget } from '../route/target-bounds.js';
import { endOf, type ComponentId } from '../events.js';
import type { HeardSsrcs } from '../route/heard-ssrcs.js';
import { AttachedPorts } from '../route/attached-ports.js';
import type { Protection } from '../proof/protection.js';
import type { SrtpKeys } from '../proof/srtp-keys.js';
import { KeptHellos } from './kept-hellos.js';
import type { Port } from '../route/port.js';
import type { LocalPort, Path } from '../network-path.js';
import { PayloadRoute, type RoutedPath } from '../route/payload-route.js';
import { ProofSide } from './proof-side.js';
import type { ProverPair } from './prover-pair.js';
import { PortSharing } from './port-sharing.js';
import { SrtpSide } from './srtp-side.js';
import { EvidenceSide } from './evidence-side.js';
import type { RtpBeside } from '../proof/evidence-terms.js';
import type { EvidenceEvent, Side, SrtpEvent } from './side.js';
import { goesUnproven, UnprovenRoute, unprovenTarget } from './unproven-route.js';
import type { ProverEvent, ProverHost } from './prover.js';
import { UnheardWatch } from './unheard.js';
import type { VerifierEvent, VerifierHost } from './verifier-host.js';

/** What the engine is to a component, beside what all share: it sends, hands over, and wakes. */
export interface ComponentContext extends Context {
  readonly targetBounds: TargetBounds;
  /** Undefined where nobody agrees on SRTP. */
  readonly srtpCrypto: SrtpCrypto | undefined;
  transmit(port: ComponentPort, bytes: Uint8Array, destination: TransportAddress): void;
  /** Payload that was held at first, for the application of the component. */
  deliver(component: Component, bytes: Uint8Array, path: ComponentPath, kind: PacketClass): void;
  /** Looks again when the component wants to be woken. */
  wake(component: Component): void;
}

/** The transport that it is part of. */
export interface ComponentOwner {
  /** The prover speaks no more under the generation before: its keys may go. */
  handleGenerationLeft(): void;
}

/** One bound socket, and the components behind it. */
export type ComponentPort = Port<Component>;

/**
 * Before the first packet. Times of packets are whole numbers, of 32 bits for the first 24 days of a process: the engine keeps those in the object
 * itself, and others elsewhere in the memory.
 */
const NEVER_MS = -(2 ** 30);

/** Of all whose peer proves where it is, and brings no SRTP. */
const NO_SIDES: readonly Side<Component>[] = [];

/** Where a datagram came in, and from whom; or goes out, and to whom. */
export type ComponentPath = RoutedPath<Component>;

export class Component implements VerifierHost, ProverHost {
  /* What each packet of a call needs comes first, and lies together. */
  readonly counters: Counters = openCounters();
  #route = new PayloadRoute<Component>(this);
  readonly #heard: HeardSsrcs<Component>;
  /** Whole milliseconds: see `NEVER_MS`. */
  lastSentMs = NEVER_MS;
  lastArrivedMs = NEVER_MS;
  /** The peer is proved by latch or ICE and brings no SRTP: none of the sides has anything to do with its packets. */
  #isPlain = false;
  isVerifying = false;
  isOnTrial = false;
  /** RTCP without sockets of its own is behind those of its RTP (protocol.md 8.1). Since there was first any. */
  #sharing: PortSharing<Component> | undefined;
  scheduledMs = Infinity;
  scheduledAt = -1;
  signalled: TransportAddress | undefined;
  expectsMedia = false;
  isHeld = false;
  agreedMs = -Infinity;
  /** Where the peer says it saw our challenge come from, once a path is verified. */
  serverSeenAs: TransportAddress | undefined;
  readonly #ports: AttachedPorts<Component>;
  #protection: Protection = { kind: 'closed' };
  /** Hellos under the tag of an offer of ours, until its answer tells their key. */
  #keptHellos: KeptHellos | undefined;
  /** Since there was first something to watch. */
  #unheard: UnheardWatch | undefined;
  /** Since there was first SRTP; and since the peer first brought no key. */
  #srtp: SrtpSide<Component> | undefined;
  #evidence: EvidenceSide<Component> | undefined;
  /** Those of these two that there are. At most one is on; it looks at each packet, from whichever address. */
  #sides = NO_SIDES;
  readonly #proof: ProofSide<Component>;
  /** Of RTP, the RTCP on a port of its own; of that, the RTP. */
  #beside: Component | undefined;
  /** When a description of ours with its port first went out. */
  toldMs = Infinity;
  /** Where to, while nothing proves an address to us, and how much. Since that was first so. */
  #unproven: UnprovenRoute<Component> | undefined;

  constructor(
    readonly session: CallPlace,
    readonly media: number,
    readonly component: ComponentId,
    private readonly context: ComponentContext,
    private readonly owner: ComponentOwner,
  ) {
    this.#ports = new AttachedPorts<Component>(this, this.#route, context);
    this.#heard = this.#ports.heard;
    this.#proof = new ProofSide<Component>(this, this.#ports);
  }

  get crypto(): Crypto {
    return this.context.crypto;
  }

  get random(): Random {
    return this.context.random;
  }

  get targetBounds(): TargetBounds {
    return this.context.targetBounds;
  }

  /** The socket that payload leaves from: that of the path in use; where none is, the one that it had first. */
  get port(): ComponentPort | undefined {
    return this.#route.path?.port ?? this.ports[0];
  }

  /** All sockets that it listens at. */
  get ports(): readonly ComponentPort[] {
    return this.#ports.all;
  }

  get kind(): Protection['kind'] {
    return this.#evidence?.hasLatchedBlindly ? 'legacy' : this.#protection.kind;
  }

  /** The proven address; undefined where none is, or where nothing proves addresses. */
  get mapping(): TransportAddress | undefined {
    if (this.#evidence?.isOn) return this.#evidence.lockedAt;
    return (this.#proof.verifier ?? this.isJudging) ? this.#route.path?.remote : undefined;
  }

  /** The IP address that a blind latch is locked to, for the RTCP that follows it. */
  get latchedAddress(): string | undefined {
    return this.#unproven?.latched?.address;
  }

  /** Where a prover speaks: where its media goes, or will go once the peer's address is verified. */
  get destination(): TransportAddress | undefined {
    return this.#route.path?.remote ?? this.signalled;
  }

  unprovenTarget(remote: TransportAddress): UnprovenTarget | undefined {
    return unprovenTarget(remote, this.session, this.context);
  }

  get provers(): ProverPair | undefined {
    return this.#proof.provers;
  }

  get provesToo(): boolean {
    return this.#protection.kind === 'latch' && this.#protection.generation.hasPeerWord;
  }

  /** Each packet is looked at before it is anybody's, from whichever address (protocol.md 8.2). */
  get isJudging(): boolean {
    return this.#srtp?.isOn === true || this.#evidence?.isOn === true;
  }

  /** Payload is to be protected before it is sent: `seal`, then `handleSend`. */
  get isSealing(): boolean {
    return !this.#isPlain && (this.#srtp?.isSealing === true || this.#evidence?.isSealing === true);
  }

  get sharing(): PortSharing<Component> {
    return (this.#sharing ??= new PortSharing<Component>(this));
  }

  get isGuest(): boolean {
    return this.#sharing?.isGuest === true;
  }

  get guest(): Component | undefined {
    return this.#sharing?.guest;
  }

  /** Whose application gets what is accepted here. */
  get application(): Component {
    return this.#sharing?.application ?? this;
  }

  get isBounded(): boolean {
    if (!this.isVerifying || this.#route.isProven) return false;
    return this.destination === undefined || !this.session.isShown(this.destination.address);
  }

  /** Puts the component behind this socket alone. On another one than before, a prover has moved and a verifier begins again. */
  attach(port: ComponentPort, nowMs: number): void {
    this.#sharing?.leave(nowMs);
    const { ports } = this;
    if (ports.length === 1 && ports[0] === port) return;
    if (!ports.includes(port)) this.detach(nowMs);
    for (const other of this.ports) if (other !== port) this.removePort(other, nowMs);
    this.addPort(port, nowMs);
    if (ports.length > 0) this.provers?.handleLocalChange(nowMs);
    this.context.wake(this);
  }

  /**
   * Listens at this socket too. Payload goes on as before until a path at this one is proved; that path then carries it. Throws
   * LATCHKEY_STATE for a third socket.
   */
  addPort(port: ComponentPort, nowMs: number): void {
    if (this.ports.includes(port)) return;
    this.#ports.join(port);
    this.context.nowMs = nowMs;
    if (this.ports.length === 1 || !this.#evidence?.isOn) port.isTold ||= this.toldMs < Infinity;
    else this.#evidence.handlePortAdded(port);
    this.#settle();
    this.#proof.verifier?.handlePortAdded(nowMs);
    this.guest?.addPort(port, nowMs);
    this.context.wake(this);
  }

  /** Lets go of one socket: what was proved there is forgotten, what was proved at the other one goes on. */
  removePort(port: ComponentPort, nowMs: number): void {
    if (!this.ports.includes(port)) return;
    if (this.ports.length === 1) return this.detach(nowMs);
    this.context.nowMs = nowMs;
    this.#ports.noteLeaving(port);
    this.guest?.removePort(port, nowMs);
    this.#proof.verifier?.handlePortRemoved(port, nowMs);
    this.#leave(port);
    this.#settle();
    this.context.wake(this);
  }

  /** Its sockets are gone: nothing goes out or comes in until it is attached again. */
  detach(nowMs: number): void {
    this.context.nowMs = nowMs;
    if (this.ports.length === 0) return;
    this.#ports.noteLeaving();
    this.guest?.detach(nowMs);
    this.#proof.verifier?.stop();
    for (const side of this.#sides) side.stop();
    this.deactivate();
    for (const port of this.ports) this.#leave(port);
  }

  #leave(port: ComponentPort): void {
    this.provers?.handlePortRemoved(port);
    for (const side of this.#sides) side.handlePortRemoved(port);
    this.#ports.leave(port);
  }

  /** The signalling has told something of the peer: a better claim, or an end of what was held back. */
  handlePeerTold(): void {
    this.#settleUnproven();
    for (const side of this.#sides) side.handlePeerTold();
    this.context.wake(this);
  }

  /** The local address changed under the same socket: the prover says hello at once (protocol.md 6.4). */
  handleLocalChange(nowMs: number): void {
    this.context.nowMs = nowMs;
    this.provers?.handleLocalChange(nowMs);
    this.context.wake(this);
  }

  /**
   * Takes the protection that an offer/answer agreed on. The same generation again changes only the address.
   *
   * @param cover Keys of SRTP, where that is beside what the protection is: payload is opened and protected with them.
   */
  protect(
    protection: Protection,
    signalled: TransportAddress | undefined,
    nowMs: number,
    cover?: SrtpKeys,
  ): void {
    const before = this.#protection;
    const hasMoved = !this.signalled || !signalled || !isSameAddress(this.signalled, signalled);
    this.signalled = signalled;
    this.agreedMs = nowMs;
    this.#protection = protection;
    if (protection.kind === 'legacy') this.#beginUnproven();
    this.#unproven?.follow(protection);
    this.#ports.tellOwnSockets();
    this.#proof.follow(protection, hasMoved, nowMs);
    if (protection.kind === 'closed' || (protection.kind === 'legacy' && before.kind !== 'legacy'))
      this.deactivate();
    this.#followBySides(protection, cover);
    this.#isPlain = cover === undefined && (protection.kind === 'latch' || protection.kind === 'ice');
    if (protection.kind !== 'closed') this.handleTold();
    this.#settleUnproven();
    this.context.wake(this);
  }

  #followBySides(protection: Protection, cover: SrtpKeys | undefined): void {
    const { kind } = protection;
    if (kind === 'srtp' || cover) this.#srtp ??= this.#begin(new SrtpSide<Component>(this, this.#route));
    this.#srtp?.follow(protection, cover);
    const evidence = kind === 'evidence' ? this.#evidenceSide : this.#evidence;
    evidence?.follow(protection, this.component === 2 ? this.#beside?.evidence : undefined);
  }

  get #evidenceSide(): EvidenceSide<Component> {
    return (this.#evidence ??= this.#begin(new EvidenceSide<Component>(this, this.#route, this.context)));
  }

  #begin<One extends Side<Component>>(side: One): One {
    this.#sides = this.#sides.concat(side);
    return side;
  }

  #settleUnproven(): void {
    if (goesUnproven(this)) this.#beginUnproven();
    this.#unproven?.settle();
  }

  #beginUnproven(): void {
    this.#unproven ??= new UnprovenRoute(this, this.#route, this.context);
  }

  #settle(): void {
    this.#settleUnproven();
    for (const side of this.#sides) side.settle();
  }

  /** An offer of ours went out: hellos that name its tag are kept until the answer comes (protocol.md 4). */
  awaitAnswer(tag: string | undefined): void {
    this.#proof.awaitAnswer(tag);
  }

  /** Whether a message that names these tags, or user fragments, is for this component, or will be once the answer is known. */
  knows(ownTag: string, peerTag: string): 'now' | 'later' | 'no' {
    const { tags } = this.#ports;
    return tags.has(ownTag, peerTag) ? 'now' : tags.awaiting === ownTag ? 'later' : 'no';
  }

  /** A hello that it will know once the answer is known. */
  keepHello(bytes: Uint8Array, path: ComponentPath): void {
    this.#keptHellos ??= new KeptHellos();
    this.#keptHellos.keep(bytes, path);
  }

  takeKeptHellos(): ReturnType<KeptHellos['take']> {
    const kept = this.#keptHellos?.take() ?? [];
    this.#keptHellos = undefined;
    return kept;
  }

  handleMessage(message: LatchMessage | IceMessage, path: ComponentPath, nowMs: number): void {
    if (this.#proof.handleMessage(message, path, nowMs)) this.owner.handleGenerationLeft();
    this.context.wake(this);
  }

  /**
   * Payload on a route of ours is accepted: that of the path in use, or of another (protocol.md 5.5, 8.1). Every packet of a
   * call comes through here: no look-up, no allocation.
   */
  accept(bytes: Uint8Array, kind: PacketClass, isInUse: boolean, nowMs: number): void {
    this.counters.received++;
    this.take(bytes, kind, isInUse, nowMs);
  }

  /** Payload that was kept while its source was on trial. */
  deliver(bytes: Uint8Array, path: Path): void {
    const routed = this.routed(path);
    if (!routed) return this.drop('unverified');
    const kind = classifyPacket(bytes);
    const { nowMs } = this.context;
    if (this.isCovered) return this.#open(bytes, kind, true, routed, nowMs);
    this.take(bytes, kind, true, nowMs);
    this.deliverNow(bytes, kind, routed);
  }

  /** Latch or ICE proves where the peer is, and its packets are SRTP all the same: `acceptCovered` takes them. */
  get isCovered(): boolean {
    return !this.#isPlain && this.#srtp?.isCovered === true;
  }

  /** As `accept`, where the application gets the packet in clear, by another way. */
  acceptCovered(
    bytes: Uint8Array,
    kind: PacketClass,
    isInUse: boolean,
    path: ComponentPath,
    nowMs: number,
  ): void {
    this.counters.received++;
    this.#open(bytes, kind, isInUse, path, nowMs);
  }

  #open(bytes: Uint8Array, kind: PacketClass, isInUse: boolean, path: ComponentPath, nowMs: number): void {
    const clear = this.#srtp?.open(bytes, kind, nowMs);
    if (!clear) return;
    this.take(bytes, kind, isInUse, nowMs);
    this.deliverNow(clear, kind, path);
  }

  deliverNow(bytes: Uint8Array, kind: PacketClass, path: ComponentPath): void {
    this.context.deliver(this, bytes, path, kind);
  }

  take(bytes: Uint8Array, kind: PacketClass, isInUse: boolean, nowMs: number): void {
    this.counters.delivered++;
    this.lastArrivedMs = Math.floor(nowMs);
    // What nothing has proven owns no SSRC: it must not draw the media of those who prove themselves. Nor is one heard on a path
    // that was left: that address may be another's by now (protocol.md 5.1).
    if (isInUse && (this.isVerifying || (!this.#isPlain && this.#srtp?.isOn === true)))
      this.#heard.note(bytes, kind, nowMs);
    else this.#unproven?.noteTaken(bytes.length);
  }

  /** Payload of a peer with SRTP. True where the application has it as it came; in clear, and what was kept, goes another way. */
  handleProtected(bytes: Uint8Array, kind: PacketClass, path: ComponentPath, nowMs: number): boolean {
    this.counters.received++;
    const side = this.#evidence?.isOn ? this.#evidence : this.#srtp;
    const isTaken = side?.handle(bytes, kind, path, nowMs) === true;
    this.context.wake(this);
    if (this.#unheardWatch.noteRefused(this.counters.delivered, true, nowMs)) this.#tellUnheard(path);
    return isTaken;
  }

  /** Payload from where the peer is taken to be has come, and was another session's: that proves itself, and this peer does not (protocol.md 5.1). */
  noteDiverted(bytes: Uint8Array, kind: PacketClass, path: ComponentPath, nowMs: number): void {
    this.#evidence?.noteDiverted(bytes, kind, path, nowMs);
    this.context.wake(this);
  }

  /** Whether the packet is of the peer that this component waits for on a port of many calls (protocol.md 8.2.7, 8.3.10). */
  isSought(bytes: Uint8Array, kind: PacketClass, path: ComponentPath, nowMs: number): boolean {
    if (this.#evidence?.isOn) return this.#evidence.isSought(bytes, kind, path, nowMs);
    return this.#srtp?.isAuthentic(bytes, kind, nowMs) === true;
  }

  /** Payload as it goes out with SRTP: a new array. Undefined: it cannot be protected, and is counted. */
  seal(bytes: Uint8Array): Uint8Array | undefined {
    return this.#evidence?.isOn ? this.#evidence.seal(bytes) : this.#srtp?.seal(bytes);
  }

  /** Payload on a path without a route. True where a blind latch locks to its source and takes it. */
  handleStray(bytes: Uint8Array, kind: PacketClass, path: ComponentPath, nowMs: number): boolean {
    if (this.#unproven?.latchesTo(bytes, kind, path)) {
      this.counters.legacy++;
      this.context.emit({ type: 'legacy', ...this.#place, ...endsOf(path) });
      return true;
    }
    this.counters.received++;
    if (!this.handleElsewhere(bytes, kind, path, nowMs)) this.drop('candidateRefused');
    else if (this.#route.holds(path) && this.#proof.verifier?.keepArrived(path, bytes) === true) return false;
    else this.drop('unverified');
    const isTold =
      this.kind !== 'closed' &&
      this.#unheardWatch.noteRefused(this.counters.delivered, this.isVerifying, nowMs);
    if (isTold) this.#tellUnheard(path);
    return false;
  }

  /** Payload from elsewhere than the active path, the path before it included, may make a candidate (protocol.md 5.1). */
  handleElsewhere(bytes: Uint8Array, kind: PacketClass, path: ComponentPath, nowMs: number): boolean {
    const looks = this.#heard.kindOf(bytes, kind);
    const isKnown = this.#proof.verifier?.handlePayload(path, bytes.length, looks, nowMs) ?? true;
    // Where there was no place for it nothing has changed.
    if (isKnown) this.context.wake(this);
    return isKnown;
  }

  /** Where this payload packet goes now, out of `port` (protocol.md 5.6). Undefined: it is dropped, and counted. */
  handleSend(bytes: Uint8Array, nowMs: number): TransportAddress | undefined {
    const { guest } = this;
    if (guest && classifyPacket(bytes) === 'rtcp') return guest.handleSend(bytes, nowMs);
    if (!this.#isPlain && this.#evidence?.isOn) return this.#sendByEvidence(this.#evidence, bytes, nowMs);
    const { path, isProven } = this.#route;
    if (!path) return this.drop('noPath');
    if (!isProven && !this.#unproven?.maySend(bytes.length, nowMs)) return this.drop('unproven');
    const refusal = this.#isPlain ? undefined : this.#srtp?.handleSend(bytes);
    if (refusal) return this.drop(refusal);
    this.counters.sent++;
    if (this.isOnTrial) this.#proof.verifier?.handleSend(bytes);
    this.lastSentMs = Math.floor(nowMs);
    return path.remote;
  }

  #sendByEvidence(
    evidence: EvidenceSide<Component>,
    bytes: Uint8Array,
    nowMs: number,
  ): TransportAddress | undefined {
    const to = evidence.handleSend(bytes);
    if (typeof to === 'string') return this.drop(to);
    this.counters.sent++;
    this.lastSentMs = Math.floor(nowMs);
    return to;
  }

  /** The dialog is confirmed. RTCP alone is no call without sound: its component is not asked for. */
  handleConfirmed(nowMs: number): void {
    this.#evidence?.handleConfirmed(nowMs);
    if (this.component === 1) this.#unheardWatch.noteConfirmed(this.counters.sent, nowMs);
    this.context.wake(this);
  }

  /** What became of the port question of this transport (protocol.md 8.3.6). */
  handlePortAsked(outcome: QuestionOutcome, nowMs: number): void {
    this.context.nowMs = nowMs;
    this.#evidence?.handleAsked(outcome, nowMs);
    this.context.wake(this);
  }

  /** The peer says that it has moved, to there: its media should be heard at another port (protocol.md 8.3.8). */
  wantsPort(signalled: TransportAddress): boolean {
    return this.#evidence?.wantsPort(signalled) === true;
  }

  handleTimeout(nowMs: number): void {
    this.#route.handleTimeout(nowMs);
    this.#proof.handleTimeout(nowMs);
    if (!this.#isPlain) for (const side of this.#sides) side.handleTimeout(nowMs);
    if (this.#unheard?.isStuck(this, this.#route.path !== undefined, nowMs)) this.#tellUnheard();
  }

  get #unheardWatch(): UnheardWatch {
    return (this.#unheard ??= new UnheardWatch());
  }

  #tellUnheard(path?: Path): void {
    const expected = this.destination;
    const ends = path && endsOf(path);
    this.context.emit({ type: 'unheard', ...this.#place, ...ends, ...(expected && { expected }) });
  }

  get nextMs(): number {
    if (this.ports.length === 0) return Infinity;
    return Math.min(
      this.#proof.nextMs,
      this.#isPlain ? Infinity : Math.min(this.#srtp?.nextMs ?? Infinity, this.#evidence?.nextMs ?? Infinity),
      this.#route.nextMs,
      this.#unheard?.nextMs ?? Infinity,
    );
  }

  /** Forgets keys, words and paths (protocol.md 5.10). */
  close(nowMs: number): void {
    this.context.nowMs = nowMs;
    this.#unheard?.stop();
    this.#ports.noteLeaving();
    const end = endOf(this, this.#route.path?.remote);
    this.awaitAnswer(undefined);
    this.protect({ kind: 'closed' }, undefined, nowMs);
    this.context.emit({ type: 'closed', ...this.#place, ...end });
    this.detach(nowMs);
  }

  transmit(kind: OwnTransmission, bytes: Uint8Array, path: Path): void {
    const routed = this.routed(path);
    if (!routed) return;
    this.counters[kind]++;
    this.lastSentMs = Math.floor(this.context.nowMs);
    this.context.transmit(routed.port, bytes, routed.remote);
  }

  expect(transaction: Uint8Array, port: LocalPort): void {
    this.#ports.find(port)?.addTransaction(transaction, this);
  }

  forget(transaction: Uint8Array, port: LocalPort): void {
    this.#ports.find(port)?.removeTransaction(transaction);
  }

  drop(reason: DropReason): undefined {
    countDrop(this.counters, reason);
    return undefined;
  }

  emit(event: VerifierEvent | ProverEvent | SrtpEvent | EvidenceEvent, path: Path): void {
    if ('serverSeenAs' in event && this.isVerifying) this.serverSeenAs = event.serverSeenAs;
    if (event.type === 'legacy') this.counters.legacy++;
    this.context.emit(Object.assign(this.#place, endsOf(path), event));
  }

  /** As `emit`, of the stream as a whole. */
  tell(event: EvidenceEvent): void {
    this.context.emit(Object.assign(this.#place, event));
  }

  /** For RTCP on a port of its own: what is known of the RTP beside it. */
  get evidence(): RtpBeside {
    return this.#evidenceSide;
  }

  /** RTCP has ports of its own, beside those of this RTP. */
  besides(rtcp: Component | undefined): void {
    this.#beside = rtcp;
    if (rtcp) rtcp.#beside = this;
  }

  /** Listens no more at this port, and RTCP not at the one that came with it. */
  release(port: LocalPort): void {
    const at = this.ports.findIndex((one) => one === port);
    const beside = this.component === 1 ? this.#beside : undefined;
    if (beside?.ports.length === this.ports.length) beside.#releaseOne(beside.ports[at]);
    this.#releaseOne(this.ports[at]);
  }

  #releaseOne(port: ComponentPort | undefined): void {
    if (!port || this.ports.length === 1) return;
    this.#ports.noteReleasing(port, [this.session.peerAddress, this.mapping?.address]);
    this.removePort(port, this.context.nowMs);
    this.context.emit({ type: 'released', ...this.#place, local: port.local });
  }

  /** A description of ours with its ports goes out. */
  handleTold(): void {
    this.toldMs = Math.min(this.toldMs, this.context.nowMs);
    this.#ports.noteTold();
    this.#evidence?.handleTold(this.context.nowMs);
  }

  activate(path: Path): void {
    const routed = this.routed(path);
    if (routed) this.#route.open(routed);
    else this.#route.close();
  }

  keep(path: Path, untilMs: number): void {
    const routed = this.routed(path);
    if (routed) this.#route.keep(routed, untilMs);
  }

  claim(path: Path): void {
    const routed = this.routed(path);
    if (routed) this.#route.claim(routed, this.context.nowMs);
  }

  holds(path: Path): boolean {
    const routed = this.routed(path);
    return routed !== undefined && this.#route.holds(routed);
  }

  deactivate(): void {
    this.#route.close();
  }

  routed(path: Path): ComponentPath | undefined {
    return this.#ports.routed(path);
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
