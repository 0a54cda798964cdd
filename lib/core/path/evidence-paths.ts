// Where a peer is that brings no key at all (protocol.md 8.3), for one stream of RTP: it keeps the sources that may be the peer, and the one that it is
// taken for, and carries out what is decided in evidence-lock.ts (8.3.3 to 8.3.5) and srtp-consent.ts (8.3.10). The port question (8.3.6) is in port-asking.ts, streams
// that go on elsewhere (8.3.7) in evidence-followers.ts. Nothing here is a proof.
import type { PacketClass, TransportAddress } from '../../wire/index.js';
import type { QuestionOutcome } from '../call-place.js';
import type { LockGround } from '../events.js';
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import type { EvidenceTerms } from '../proof/evidence-terms.js';
import { readSsrc } from '../route/heard-ssrcs.js';
import { MAX_KEPT_PACKETS } from './trial.js';
import type { EvidenceHost } from './evidence-host.js';
import { EvidenceFacts, type Claim } from './evidence-facts.js';
import { Followers, type FollowedOwner } from './evidence-followers.js';
import { decideLock } from './evidence-lock.js';
import { EvidenceSource, FOLLOWER_RANK } from './evidence-source.js';
import { EvidenceSources } from './evidence-sources.js';
import { announceMapping } from './mapping.js';
import { PortAsking, type AskingOwner } from './port-asking.js';
import { consentDueMs, decideSrtpConsent, type SrtpConsentState } from './srtp-consent.js';
import { isOfCall, readPlace, type RtpPlace } from './stream-run.js';

/** Where nothing but home tells the peer, or it has only begun at the port of a question, a second home source within this time is a contest (protocol.md 8.3.4). */
const OPEN_MS = 5000;
/** The locked source has been silent for so long when another is asked (protocol.md 8.3.8). */
const SILENT_MS = 500;
/** And for so long when the address of a newer description takes over. */
const MOVED_SDP_MS = 60;
/** Sources that may not be the peer are asked when none that may has lived for so long, and so often (protocol.md 8.3.3). */
const STRANGERS_MS = 1000;
const MAX_STRANGER_QUESTIONS = 4;
/** Under the policy `legacy`: without a source that may be the peer for so long, the first one counts (protocol.md 7). */
const BLIND_MS = 2000;

export class EvidencePaths implements AskingOwner, FollowedOwner {
  #active: EvidenceSource | undefined;
  readonly #sources = new EvidenceSources();
  /** The address that was told last. */
  #told: TransportAddress | undefined;
  readonly #facts: EvidenceFacts;
  readonly #asking: PortAsking;
  readonly #followers: Followers;
  /** Until then a second home source contests the lock. */
  #openUntilMs = -Infinity;
  #isContested = false;
  /** What is locked was taken without any evidence: it gives way to a source that has some (protocol.md 7). */
  #isBlind = false;
  /** Nothing came from the locked source for too long: what it sent is known still, but nothing goes there. */
  #isExpired = false;
  #strangerQuestions = 0;
  /** When a source that may be the peer last lived. */
  #rightfulMs = -Infinity;
  /** Another address is in the peer's description since the lock. */
  #isSdpNewer = false;
  #answeredMs = -Infinity;
  #askToldMs = -Infinity;
  #dueMs = Infinity;
  /** What was to go out while nothing was locked: the newest go to the peer once it is. */
  #unsent: Uint8Array[] = [];

  constructor(
    private readonly host: EvidenceHost,
    terms: EvidenceTerms,
  ) {
    this.#facts = new EvidenceFacts(host, terms);
    this.#asking = new PortAsking(host, this.#facts, this.#sources, this);
    this.#followers = new Followers(host, this.#facts, this.#sources, this);
  }

  /** The source that the peer is taken for, while its media is taken and ours goes there. */
  get locked(): EvidenceSource | undefined {
    return this.#isExpired ? undefined : this.#active;
  }

  get active(): EvidenceSource | undefined {
    return this.#active;
  }

  /** The stream is one of the peer's, as far as anybody can tell. */
  hasStream(ssrc: number): boolean {
    return this.locked?.streams.has(ssrc) === true;
  }

  /** Under which its packets may come from anywhere: those that the peer's description announces, and those that are locked. */
  get soughtSsrcs(): readonly number[] {
    return [...this.#facts.terms.ssrcs, ...(this.#active?.streams.keys() ?? [])];
  }

  get isContested(): boolean {
    return this.#isContested;
  }

  /** Without any evidence the first source was taken (protocol.md 7). */
  get isBlind(): boolean {
    return this.#active !== undefined && this.#isBlind;
  }

  /** Something else was agreed on. */
  agree(terms: EvidenceTerms): void {
    this.#facts.terms = terms;
  }

  /**
   * On a port of many calls what the peer's description says tells the packet (protocol.md 8.3.10), and for a stream that is locked its place in that (8.3.7).
   */
  isSought(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): boolean {
    const ssrc = readSsrc(bytes, kind);
    if (ssrc !== undefined && this.#facts.terms.ssrcs.has(ssrc)) return true;
    return this.#facts.isSdpAddress(path) || this.#followers.isSought(bytes, kind, path, nowMs);
  }

  /** A packet of the locked source went to another session. It says all the same that the source is not silent (protocol.md 8.3.7). */
  noteDiverted(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): void {
    const active = this.#active;
    if (!active || kind !== 'rtp' || !isSamePath(active, path)) return;
    this.#followers.noteLocked(active, readPlace(bytes), nowMs);
    this.settle(nowMs);
  }

  /** True where the packet goes to the application now. */
  handle(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): boolean {
    const active = this.#active;
    const place = kind === 'rtp' ? readPlace(bytes) : undefined;
    if (active && isSamePath(active, path) && !this.#isExpired)
      return this.#handleLocked(active, place, bytes, kind, nowMs);
    if (!this.host.isTold(path.port) || this.host.isOwnSocket(path.remote)) return this.#drop();
    const isTaken = place && this.#followers.handleLeft(place, bytes, kind, path, nowMs);
    if (isTaken !== undefined) return isTaken;
    this.#noteElsewhere(place, bytes, kind, path, nowMs);
    this.settle(nowMs);
    return false;
  }

  #handleLocked(
    active: EvidenceSource,
    place: RtpPlace | undefined,
    bytes: Uint8Array,
    kind: PacketClass,
    nowMs: number,
  ): boolean {
    active.note(place, bytes.length, nowMs);
    if (this.#sources.size > 0) {
      if (place) this.#followers.noteLocked(active, place, nowMs);
      this.settle(nowMs);
      // A contest may have begun.
      if (this.#active !== active) return this.#drop();
    }
    this.host.noteTaken(bytes, kind);
    return true;
  }

  #noteElsewhere(
    place: RtpPlace | undefined,
    bytes: Uint8Array,
    kind: PacketClass,
    path: Path,
    nowMs: number,
  ): void {
    const isMedia = place !== undefined && isOfCall(place, this.#facts.terms);
    const present = this.#sources.find(path);
    const follows = isMedia && this.#followers.follows(place, path, present, nowMs);
    const source = present ?? this.#admit(path, place, follows, nowMs);
    if (!source) return this.host.owner.drop('candidateRefused');
    const isFirst = isMedia && !source.streams.has(place.ssrc);
    const isNew = source.note(isMedia ? place : undefined, bytes.length, nowMs);
    if (isFirst) this.#asking.noteFirst(source, place, nowMs);
    if (follows) this.#followers.note(source, place, isNew, nowMs);
    const isKept = isNew && (follows || this.#mayBePeer(source)) && this.#keep(source, bytes, kind);
    if (!isKept) this.host.owner.drop('unverified');
    this.#noteRightful(source, nowMs);
  }

  /** What waits for a lock is delivered then; with one, what another source sends is not, but for a stream that goes on there. */
  #keep(source: EvidenceSource, bytes: Uint8Array, kind: PacketClass): boolean {
    if (this.locked && !source.following && !this.#asking.isOn) return false;
    return source.keepArrived({ bytes: new Uint8Array(bytes), kind });
  }

  /** Payload of the application: where it goes, it counts as sent. Undefined: it is kept, or must not go. */
  handleSend(bytes: Uint8Array): EvidenceSource | undefined {
    const { locked } = this;
    if (!locked) {
      if (this.#sources.size > 0) this.#keepUnsent(bytes);
      return undefined;
    }
    if (!this.host.takeBudget(locked, bytes.length)) return undefined;
    this.#sources.keepSent(bytes);
    return locked;
  }

  #keepUnsent(bytes: Uint8Array): void {
    if (this.#unsent.push(new Uint8Array(bytes)) > MAX_KEPT_PACKETS) this.#unsent.shift();
  }

  /** The signalling has told something of the peer. */
  handlePeerTold(nowMs: number): void {
    const { lastQuestion } = this.host.owner.session;
    if (lastQuestion && lastQuestion.outcome !== 'unanswered')
      this.#answeredMs = Math.max(this.#answeredMs, lastQuestion.atMs);
    this.settle(nowMs);
  }

  /** The dialog is confirmed: where nothing else can tell the peer, it is asked at once (protocol.md 8.3.4). */
  handleConfirmed(nowMs: number): void {
    if (this.#facts.confirmedMs !== Infinity) return;
    this.#facts.confirmedMs = nowMs;
    if (!this.#facts.mayBeBetter && !this.#active && !this.#facts.mayBeSilent)
      this.#asking.ask('confirmation', nowMs);
    this.settle(nowMs);
  }

  /** A newer description names another address. */
  handleSignalled(): void {
    this.#isSdpNewer = this.#active !== undefined;
  }

  /** Whether our answer should tell another port (protocol.md 8.3.8). */
  mayTellPort(nowMs: number): boolean {
    return this.#asking.mayTellPort(nowMs);
  }

  handlePortAdded(port: LocalPort): void {
    this.#asking.handlePortAdded(port);
  }

  /** A description of ours has told all ports that there are. */
  handleTold(nowMs: number): void {
    this.#asking.handleTold(nowMs);
    this.settle(nowMs);
  }

  handleAsked(outcome: QuestionOutcome, nowMs: number): void {
    this.#asking.handleAsked(outcome, nowMs);
    this.settle(nowMs);
  }

  handlePortRemoved(port: LocalPort): void {
    // Of a stream that was heard there it is known still where it goes on.
    for (const source of this.#sources.all)
      if (source.port === port && source.firstRunMs === Infinity) this.forget(source);
    this.#asking.handlePortRemoved(port);
    this.#followers.handlePortRemoved(port);
    if (this.#active?.port !== port) return;
    this.#active = undefined;
    this.host.deactivate();
  }

  /** Forgets every path. */
  stop(): void {
    for (const source of this.#sources.all) this.forget(source);
    this.#active = undefined;
    this.#isBlind = false;
    this.#followers.forgetLeft();
    this.#unsent = [];
    this.#asking.stop();
    this.#isContested = this.#isExpired = false;
    this.#dueMs = Infinity;
    this.host.deactivate();
  }

  handleTimeout(nowMs: number): void {
    this.settle(nowMs);
    const { locked } = this;
    if (!locked) return;
    const decision = decideSrtpConsent(this.#consentOf(locked), nowMs);
    if (decision === 'expire') this.#expire(locked, nowMs);
    if (decision !== 'ask') return;
    this.#askToldMs = nowMs;
    this.host.owner.emit({ type: 'silent' }, locked);
  }

  get nextMs(): number {
    const { locked } = this;
    return Math.min(this.#dueMs, locked ? consentDueMs(this.#consentOf(locked)) : Infinity);
  }

  /** Decides all that there is to decide now, and when there will be more. */
  settle(nowMs: number): void {
    this.#dueMs = Infinity;
    this.#sources.dropStale(nowMs, (source) => this.forget(source));
    // What came from where another session is now is for nobody.
    for (const source of this.#sources.all) if (this.host.isAnothers(source)) this.forget(source);
    this.#asking.settleBefore(nowMs);
    this.#followers.settle(nowMs);
    this.#asking.settle(nowMs);
    this.#settleLock(nowMs);
    this.#settleSilence(nowMs);
    this.#settleStrangers(nowMs);
  }

  /** There is something to decide then. */
  due(atMs: number): void {
    if (atMs < this.#dueMs) this.#dueMs = atMs;
  }

  /** Rules 8.3.4 and 8.3.5. */
  #settleLock(nowMs: number): void {
    const isOpen = nowMs < this.#openUntilMs;
    if (this.#hasEvidence && !isOpen) return;
    // A question that is on its way decides by itself, unless it is not answered.
    if (this.#asking.isDeciding(nowMs)) return;
    const claims = this.#claims(nowMs).filter((claim) => this.#isRival(claim, isOpen));
    const decision = decideLock(
      {
        claims,
        isConfirmed: this.#facts.isConfirmed,
        knewMs: this.#facts.knewMs,
        canAsk: this.#asking.canAsk(nowMs),
        mayBeBetter: this.#facts.mayBeBetter,
      },
      nowMs,
    );
    // While a lock is open, any second source contests it: a burst that was locked is silent when the phone speaks.
    const isOther = ({ source, livesUntilMs }: Claim): boolean =>
      source !== this.#active && livesUntilMs > nowMs;
    const isContested = this.#hasEvidence && claims.some(isOther);
    if (decision.kind === 'contest' || isContested) return this.#contest(claims, nowMs);
    if (this.#hasEvidence) return;
    this.#isContested = false;
    switch (decision.kind) {
      case 'wait':
        return this.due(decision.untilMs);
      case 'lock':
        return this.lock(decision.claim.source, decision.claim.ground, nowMs);
      case 'ask':
        return this.#asking.ask('run', nowMs);
    }
  }

  /** The lock stands on more than that nobody better came. */
  get #hasEvidence(): boolean {
    return this.locked !== undefined && !this.#isBlind;
  }

  /** While a lock is open, who talks to another port of ours was not asked, and of a stream that goes on elsewhere 8.3.7 decides. */
  #isRival({ source }: Claim, isOpen: boolean): boolean {
    const active = this.#active;
    if (!active || !isOpen) return true;
    return source === active || (source.port === active.port && !source.following);
  }

  #claims(nowMs: number): readonly Claim[] {
    const sources = this.#active ? [...this.#sources.all, this.#active] : this.#sources.all;
    return this.#facts.claimsOf(sources, nowMs);
  }

  #contest(claims: readonly Claim[], nowMs: number): void {
    const active = this.#active;
    if (!this.#isContested) {
      this.#isContested = true;
      this.host.owner.tell({ type: 'contested' });
    }
    if (active) {
      this.#active = undefined;
      this.#isExpired = false;
      this.#sources.add(active, () => undefined);
      this.host.deactivate();
    }
    this.#asking.ask('contest', nowMs);
    for (const { livesUntilMs } of claims) if (livesUntilMs > nowMs) this.due(livesUntilMs);
  }

  /** Rule 8.3.8: silence frees nothing. */
  #settleSilence(nowMs: number): void {
    const active = this.#active;
    if (!active || this.#asking.isOn) return;
    const silentMs = nowMs - active.lastMs;
    // With each packet of its: whether anybody else is there is looked at when it has been silent.
    if (silentMs < MOVED_SDP_MS) return this.due(active.lastMs + MOVED_SDP_MS);
    const others = this.#claims(nowMs).filter(
      ({ source, livesUntilMs }) => source !== active && !source.following && livesUntilMs > nowMs,
    );
    if (others.length === 0) return;
    const named = this.#isSdpNewer ? others.find(({ ground }) => ground === 'sdp') : undefined;
    const waitMs = named ? MOVED_SDP_MS : SILENT_MS;
    if (silentMs < waitMs) return this.due(active.lastMs + waitMs);
    if (named) this.lock(named.source, 'sdp', nowMs);
    else this.#asking.ask('silence', nowMs);
  }

  /** Sources that may not be the peer are asked where none lives that may (protocol.md 8.3.3). */
  #settleStrangers(nowMs: number): void {
    if (this.#asking.isOn || this.#strangerQuestions === MAX_STRANGER_QUESTIONS) return;
    const isLiving = this.#sources.all.some(
      (source) => source.livesUntilMs > nowMs && this.#isStranger(source),
    );
    if (!isLiving) return;
    const rightfulMs = Math.max(this.#rightfulMs, this.locked?.lastMs ?? -Infinity, this.#facts.knewMs);
    if (nowMs < rightfulMs + STRANGERS_MS) return this.due(rightfulMs + STRANGERS_MS);
    this.#asking.ask('stranger', nowMs);
    if (this.#asking.isOn) this.#strangerQuestions++;
  }

  /** It may not be the peer, or is suspect; who is both sprays, and is never asked about. */
  #isStranger(source: EvidenceSource): boolean {
    return (this.#facts.groundOf(source) === undefined) !== this.#facts.isSuspect(source);
  }

  lock(source: EvidenceSource, ground: LockGround | 'legacy', nowMs: number): void {
    // Who has only begun at the port that was asked for may have sprayed all of them, before a phone that is late.
    const isOpen =
      ground === 'home' ||
      (ground === 'question' && !source.goesOn && this.#facts.groundOf(source) === 'home');
    this.#openUntilMs = isOpen ? nowMs + OPEN_MS : -Infinity;
    this.#isSdpNewer = false;
    this.#isBlind = ground === 'legacy';
    const before = this.#active;
    if (before && before !== source) this.#followers.forgetLeft();
    this.#enter(source);
    this.#told = source.remote;
    this.host.owner.emit(ground === 'legacy' ? { type: 'legacy' } : { type: 'locked', ground }, source);
    this.#handOver(source);
    if (isOpen) this.due(this.#openUntilMs);
  }

  /** The stream goes on there: media moves, and with it what was kept of both directions meanwhile. */
  moveTo(source: EvidenceSource, nowMs: number): void {
    source.following = undefined;
    this.#enter(source);
    this.#told = announceMapping(this.host.owner, source, { protection: 'evidence' }, this.#told);
    this.#handOver(source);
    this.due(nowMs);
  }

  answersAt(source: EvidenceSource, nowMs: number): boolean {
    if (source.port !== this.#asking.port) return false;
    this.#asking.lockMoved(source, nowMs);
    return true;
  }

  #enter(source: EvidenceSource): void {
    this.#sources.remove(source);
    this.#active = source;
    this.#isContested = this.#isExpired = false;
    this.#asking.handleLocked();
    for (const other of this.#sources.all) other.following = undefined;
    this.host.activate(source);
  }

  #handOver(source: EvidenceSource): void {
    const { host } = this;
    const sent = [...this.#unsent, ...source.takeSent()];
    this.#unsent = [];
    for (const bytes of sent)
      if (host.takeBudget(source, bytes.length)) host.owner.transmit('resent', bytes, source);
    for (const { bytes, kind } of source.takeArrived()) {
      host.noteTaken(bytes, kind);
      host.deliver(bytes, kind, source);
    }
  }

  #expire(locked: EvidenceSource, nowMs: number): void {
    this.#isExpired = true;
    this.#followers.forgetLeft();
    this.host.owner.emit({ type: 'expired' }, locked);
    this.host.deactivate();
    this.settle(nowMs);
  }

  forget(source: EvidenceSource): void {
    for (let left = source.keptCount; left > 0; left--) this.host.owner.drop('unverified');
    source.takeArrived();
    this.#sources.remove(source);
  }

  #admit(
    path: Path,
    place: RtpPlace | undefined,
    follows: boolean,
    nowMs: number,
  ): EvidenceSource | undefined {
    const source = new EvidenceSource(path, nowMs);
    const ground = this.#facts.groundAt(path, place ? [place.ssrc] : []);
    // Whoever knows only the port before cannot fill the places of the one that was asked for.
    const isAsked = this.#asking.port === path.port;
    source.rank = follows ? FOLLOWER_RANK : ground === undefined ? 0 : ground === 'home' && !isAsked ? 1 : 2;
    return this.#sources.admit(source, nowMs, (worst) => this.forget(worst)) ? source : undefined;
  }

  #noteRightful(source: EvidenceSource, nowMs: number): void {
    if (source.livesUntilMs > nowMs && this.#facts.groundOf(source) && !this.#facts.isSuspect(source))
      this.#rightfulMs = nowMs;
  }

  /**
   * Under the policy `legacy`: no source that may be the peer has lived for 2 s, and this one is locked without any evidence (protocol.md 7). A
   * suspect is locked by the port question only (8.3.2).
   */
  latchBlindly(path: Path, nowMs: number): void {
    if (this.#active || !this.#facts.isConfirmed) return;
    if (nowMs < Math.max(this.#rightfulMs, this.#facts.knewMs, this.host.owner.toldMs) + BLIND_MS) return;
    const source = this.#sources.find(path);
    if (!source || source.firstRunMs === Infinity || this.#facts.isSuspect(source)) return;
    this.lock(source, 'legacy', nowMs);
  }

  #mayBePeer(source: EvidenceSource): boolean {
    return source.hasMoved || this.#facts.groundOf(source) !== undefined;
  }

  #consentOf(source: EvidenceSource): SrtpConsentState {
    return {
      heardMs: Math.max(source.lastMs, this.host.rtcpHeardMs),
      mayBeSilent: this.#facts.mayBeSilent,
      answeredMs: this.#answeredMs,
      isAsked: this.host.owner.session.lastQuestion !== undefined,
      toldMs: this.#askToldMs,
    };
  }

  #drop(): false {
    this.host.owner.drop('unverified');
    return false;
  }
}
