// Where a peer is that brings no key at all (protocol.md 8.3), for one stream of RTP: it keeps the sources that may be the peer, and the one that it is
// taken for, and carries out what is decided in evidence-lock.ts (8.3.3 to 8.3.5), port-question.ts (8.3.6), evidence-follow.ts (8.3.7) and
// srtp-consent.ts (8.3.10). Nothing here is a proof.
import type { PacketClass } from '../../wire/index.js';
import type { QuestionOutcome } from '../call-place.js';
import type { LockGround } from '../events.js';
import { ipKey } from '../ip-key.js';
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import type { EvidenceTerms } from '../proof/evidence-terms.js';
import { decideFollow, followDueMs, type FollowState } from './evidence-follow.js';
import type { EvidenceHost } from './evidence-host.js';
import { decideLock, type LockClaim } from './evidence-lock.js';
import { EvidenceSource, type Ground } from './evidence-source.js';
import { EvidenceSources } from './evidence-sources.js';
import { Mapping } from './mapping.js';
import {
  decideMove,
  endsMs,
  isUnanswered,
  MAX_ATTEMPTS,
  mayBegin,
  type Mover,
  type PortQuestion,
  type QuestionReason,
} from './port-question.js';
import { consentDueMs, decideSrtpConsent, type SrtpConsentState } from './srtp-consent.js';
import { isLater, isOfCall, liveMs, readPlace, type RtpPlace } from './stream-run.js';

/** Where nothing but home tells the peer, or it has only begun at the port of a question, a second home source within this time is a contest (protocol.md 8.3.4). */
const OPEN_MS = 5000;
/** The limit of the process is for a second; those of a call are for longer. */
const LIMITED_MS = 1000;
/** After a conflict it takes longer to follow. */
const CAUTIOUS_MS = 60_000;
/** A source that was left takes the stream back within this time. */
const LEFT_MS = 30_000;
/** What is late from there is taken for so long (protocol.md 5.5). */
const LATE_MS = 5000;
/** The locked source has been silent for so long when another is asked (protocol.md 8.3.8). */
const SILENT_MS = 500;
/** And for so long when the address of a newer description takes over. */
const MOVED_SDP_MS = 60;
/** Sources that may not be the peer are asked when none that may has lived for so long, and so often (protocol.md 8.3.3). */
const STRANGERS_MS = 1000;
const MAX_STRANGER_QUESTIONS = 4;
/** A stream that begins has become a run by then, or is none. */
const BEGINNING_MS = 1000;
/** The port that the peer has left closes so much later. */
const RELEASE_MS = 500;
/** Whoever copies each packet makes a conflict of each: told once a second. */
const CONFLICT_TOLD_MS = 1000;
/** Under the policy `legacy`: without a source that may be the peer for so long, the first one counts (protocol.md 7). */
const BLIND_MS = 2000;

interface Claim extends LockClaim {
  readonly source: EvidenceSource;
}

interface SourceMover extends Mover {
  readonly source: EvidenceSource;
}

/** The source before the one that is locked, and from where in its streams that one went on. */
interface LeftSource {
  readonly source: EvidenceSource;
  readonly firsts: ReadonlyMap<number, number>;
  readonly leftMs: number;
}

export class EvidencePaths {
  #active: EvidenceSource | undefined;
  readonly #sources = new EvidenceSources();
  readonly #mapping: Mapping;
  #left: LeftSource | undefined;
  /** Until then a second home source contests the lock. */
  #openUntilMs = -Infinity;
  #isContested = false;
  /** Nothing came from the locked source for too long: what it sent is known still, but nothing goes there. */
  #isExpired = false;
  #question: PortQuestion | undefined;
  #deferred: Pick<PortQuestion, 'reason' | 'attempt'> | undefined;
  /** A question was refused or not answered, or nobody can put one. */
  #isUnaskable = false;
  /** A port that is to be told in our next answer. */
  #prepared: LocalPort | undefined;
  #leaving: { readonly port: LocalPort; readonly atMs: number } | undefined;
  #strangerQuestions = 0;
  /** When a source that may be the peer last lived. */
  #rightfulMs = -Infinity;
  /** Another address is in the peer's description since the lock. */
  #isSdpNewer = false;
  #confirmedMs = Infinity;
  #cautiousUntilMs = -Infinity;
  #conflictToldMs = -Infinity;
  #answeredMs = -Infinity;
  #askToldMs = -Infinity;
  #dueMs = Infinity;
  /** What was to go out while nothing was locked: the newest go to the peer once it is. */
  #unsent: EvidenceSource | undefined;

  constructor(
    private readonly host: EvidenceHost,
    private terms: EvidenceTerms,
  ) {
    this.#mapping = new Mapping(host);
  }

  /** The source that the peer is taken for, while its media is taken and ours goes there. */
  get locked(): EvidenceSource | undefined {
    return this.#isExpired ? undefined : this.#active;
  }

  /** The stream is one of the peer's, as far as anybody can tell. */
  hasStream(ssrc: number): boolean {
    return this.locked?.streams.has(ssrc) === true;
  }

  /** The SSRCs that the peer's description announces. */
  get announced(): readonly number[] {
    return [...this.terms.ssrcs];
  }

  get isContested(): boolean {
    return this.#isContested;
  }

  /** Something else was agreed on. */
  agree(terms: EvidenceTerms): void {
    this.terms = terms;
  }

  /** On a port of many calls only what the peer's description says tells the packet (protocol.md 8.3.10). */
  isAnnounced(ssrc: number | undefined, path: Path): boolean {
    return (ssrc !== undefined && this.terms.ssrcs.has(ssrc)) || this.#isSdpAddress(path);
  }

  /** True where the packet goes to the application now. */
  handle(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): boolean {
    const active = this.#active;
    const place = kind === 'rtp' ? readPlace(bytes) : undefined;
    if (active && isSamePath(active, path) && !this.#isExpired)
      return this.#handleLocked(active, place, bytes, kind, nowMs);
    if (!this.host.isTold(path.port) || this.host.isOwnSocket(path.remote)) return this.#drop();
    if (place && this.#left && isSamePath(this.#left.source, path))
      return this.#handleLeft(this.#left, place, bytes, kind, nowMs);
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
      if (place) this.#sources.noteOldHeard(place, undefined);
      this.settle(nowMs);
      // A contest may have begun.
      if (this.#active !== active) return this.#drop();
    }
    this.host.noteTaken(bytes, kind);
    return true;
  }

  /** A source that the stream has left speaks again: it takes the stream back, but for what is late from there (protocol.md 8.3.7). */
  #handleLeft(
    left: LeftSource,
    place: RtpPlace,
    bytes: Uint8Array,
    kind: PacketClass,
    nowMs: number,
  ): boolean {
    const first = left.firsts.get(place.ssrc);
    if (nowMs > left.leftMs + LEFT_MS || first === undefined) {
      this.#left = undefined;
      return this.handle(bytes, kind, left.source, nowMs);
    }
    left.source.note(place, bytes.length, nowMs);
    const isLate = isLater(first, place.sequence);
    if (isLate && nowMs > left.leftMs + LATE_MS) return this.#drop();
    if (!isLate) {
      this.#noteConflict(left.source, nowMs);
      const thief = this.#active;
      this.#activate(left.source, nowMs);
      this.#left = undefined;
      if (thief) this.#sources.remove(thief);
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
    const isMedia = place !== undefined && isOfCall(place, this.terms);
    const present = this.#sources.find(path);
    const follows = isMedia && this.#follows(place, path, present, nowMs);
    const source = present ?? this.#admit(path, place, follows, nowMs);
    if (!source) return this.host.drop('candidateRefused');
    const isFirst = isMedia && !source.streams.has(place.ssrc);
    const isNew = source.note(isMedia ? place : undefined, bytes.length, nowMs);
    if (isFirst) this.#noteMove(source, place, nowMs);
    if (follows) {
      source.following ??= { firsts: new Map(), packets: 0, firstMs: nowMs, isOldHeard: false };
      const { following } = source;
      if (!following.firsts.has(place.ssrc)) following.firsts.set(place.ssrc, place.sequence);
      if (isNew) following.packets++;
      this.#sources.noteOldHeard(place, source);
    }
    const isKept = isNew && (follows || this.#mayBePeer(source)) && this.#keep(source, bytes, kind);
    if (!isKept) this.host.drop('unverified');
    this.#noteRightful(source, nowMs);
  }

  /** What waits for a lock is delivered then; with one, what another source sends is not, but for a stream that goes on there. */
  #keep(source: EvidenceSource, bytes: Uint8Array, kind: PacketClass): boolean {
    if (this.locked && !source.following && this.#question === undefined) return false;
    return source.keepArrived({ bytes: new Uint8Array(bytes), kind });
  }

  /** The packet goes on with the locked stream from elsewhere (protocol.md 8.3.7). */
  #follows(place: RtpPlace, path: Path, present: EvidenceSource | undefined, nowMs: number): boolean {
    if (present?.following?.firsts.has(place.ssrc)) return true;
    const active = this.#active;
    const stream = active?.streams.get(place.ssrc);
    if (!active || stream?.isEstablished !== true || this.host.isSuspect(path.remote, place.ssrc))
      return false;
    return stream.isContinuedBy(place, this.terms, active.packetTime.ms, nowMs);
  }

  /** A source is first heard with a stream at the port that was asked for: does it go on there with what came to the port before (8.3.6)? */
  #noteMove(source: EvidenceSource, place: RtpPlace, nowMs: number): void {
    const question = this.#question;
    if (question?.askedMs === undefined || source.port !== question.port || nowMs > endsMs(question)) return;
    if (mayBegin(question)) source.hasMoved = true;
    for (const old of this.#atOldPort(question)) {
      const stream = old.streams.get(place.ssrc);
      const step = stream ? (place.sequence - stream.sequence) & 0xffff : 0;
      const isStream =
        stream?.isEstablished === true && step >= 1 && step <= 64 && this.#mayGoOn(old, source);
      if (isStream || (isSameRemote(old, source) && old.firstRunMs < Infinity))
        source.hasMoved = source.goesOn = true;
      if (source.hasMoved && (isStream || isSameRemote(old, source)))
        source.movesBefore = Math.max(source.movesBefore, old.movesBefore);
    }
  }

  /** A NAT gives it another port; another IP address only where it is one that the peer may have: there are IPv6 addresses for every packet. */
  #mayGoOn(old: Path, { remote }: Path): boolean {
    return this.host.isHome(remote.address) || ipKey(old.remote.address) === ipKey(remote.address);
  }

  #atOldPort({ port }: PortQuestion): readonly EvidenceSource[] {
    const sources = this.#sources.all.filter((source) => source.port !== port);
    return this.#active && this.#active.port !== port ? [...sources, this.#active] : sources;
  }

  /** Payload of the application: where it goes, it counts as sent. Undefined: it is kept, or must not go. */
  handleSend(bytes: Uint8Array): EvidenceSource | undefined {
    const { locked } = this;
    if (!locked) {
      if (this.#sources.size > 0)
        (this.#unsent ??= new EvidenceSource(NOWHERE, 0)).keepSent(new Uint8Array(bytes));
      return undefined;
    }
    if (!this.host.takeBudget(locked, bytes.length)) return undefined;
    this.#sources.keepSent(bytes);
    return locked;
  }

  /** The signalling has told something of the peer. */
  handlePeerTold(nowMs: number): void {
    const { lastQuestion } = this.host.session;
    if (lastQuestion && lastQuestion.outcome !== 'unanswered')
      this.#answeredMs = Math.max(this.#answeredMs, lastQuestion.atMs);
    this.settle(nowMs);
  }

  /** The dialog is confirmed: where nothing else can tell the peer, it is asked at once (protocol.md 8.3.4). */
  handleConfirmed(nowMs: number): void {
    if (this.#confirmedMs !== Infinity) return;
    this.#confirmedMs = nowMs;
    if (!this.#mayBeBetter && !this.#active && !this.#mayBeSilent) this.#ask('confirmation', 1, nowMs);
    this.settle(nowMs);
  }

  /** A newer description names another address. */
  handleSignalled(): void {
    this.#isSdpNewer = this.#active !== undefined;
  }

  /** Whether our answer should tell another port: one is free for it, and the limits leave a question (protocol.md 8.3.8). */
  mayTellPort(nowMs: number): boolean {
    return (
      this.host.ports.length === 1 &&
      this.#question === undefined &&
      this.host.session.questions.freeMs(nowMs) <= nowMs
    );
  }

  handlePortAdded(port: LocalPort): void {
    if (this.#question && !this.#question.port) this.#question.port = port;
    else this.#prepared = port;
  }

  /** A description of ours has told all ports that there are. */
  handleTold(nowMs: number): void {
    const question = this.#question;
    if (question?.port && question.askedMs === undefined) question.askedMs = nowMs;
    else if (this.#prepared) {
      this.host.session.questions.note(nowMs);
      this.#question = {
        ...{ reason: 'reoffer', dueMs: nowMs, attempt: 1 },
        ...{ port: this.#prepared, askedMs: nowMs, answeredMs: nowMs },
      };
    }
    this.#prepared = undefined;
    this.settle(nowMs);
  }

  handleAsked(outcome: QuestionOutcome, nowMs: number): void {
    const question = this.#question;
    if (!question || question.reason === 'reoffer') return;
    switch (outcome) {
      case 'answered':
        this.#isUnaskable = false;
        question.answeredMs = nowMs;
        break;
      case 'pending':
        this.#isUnaskable = true;
        question.askedMs = undefined;
        break;
      case 'refused':
      case 'unanswered':
        this.#isUnaskable = true;
        this.#endQuestion();
        if (question.port) this.host.release(question.port);
    }
    this.settle(nowMs);
  }

  handlePortRemoved(port: LocalPort): void {
    for (const source of this.#sources.all) if (source.port === port) this.#forget(source);
    if (this.#question?.port === port) this.#endQuestion();
    if (this.#leaving?.port === port) this.#leaving = undefined;
    if (this.#left?.source.port === port) this.#left = undefined;
    if (this.#prepared === port) this.#prepared = undefined;
    if (this.#active?.port !== port) return;
    this.#active = undefined;
    this.host.deactivate();
  }

  /** Forgets every path. */
  stop(): void {
    for (const source of this.#sources.all) this.#forget(source);
    this.#active = this.#left = this.#question = this.#deferred = undefined;
    this.#leaving = this.#unsent = undefined;
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
    this.host.emit({ type: 'silent' }, locked);
  }

  get nextMs(): number {
    const { locked } = this;
    return Math.min(this.#dueMs, locked ? consentDueMs(this.#consentOf(locked)) : Infinity);
  }

  /** Decides all that there is to decide now, and when there will be more. */
  settle(nowMs: number): void {
    this.#dueMs = Infinity;
    this.#sources.dropStale(nowMs, (source) => this.#forget(source));
    this.#settleLeaving(nowMs);
    this.#settleDeferred(nowMs);
    this.#settleFollowing(nowMs);
    this.#settleQuestion(nowMs);
    this.#settleLock(nowMs);
    this.#settleSilence(nowMs);
    this.#settleStrangers(nowMs);
  }

  #due(atMs: number): void {
    if (atMs < this.#dueMs) this.#dueMs = atMs;
  }

  #settleLeaving(nowMs: number): void {
    const leaving = this.#leaving;
    if (!leaving) return;
    if (nowMs < leaving.atMs) return this.#due(leaving.atMs);
    this.#leaving = undefined;
    this.host.release(leaving.port);
  }

  /** A question that the limits did not allow yet. */
  #settleDeferred(nowMs: number): void {
    if (this.#deferred) this.#ask(this.#deferred.reason, this.#deferred.attempt, nowMs);
  }

  #settleFollowing(nowMs: number): void {
    const active = this.#active;
    if (!active) return;
    for (const source of this.#sources.all) {
      const { following } = source;
      if (!following || !this.#sources.has(source)) continue;
      const state: FollowState = {
        ...following,
        lastMs: source.lastMs,
        packetTimeMs: active.packetTime.ms,
        isCautious: nowMs < this.#cautiousUntilMs,
      };
      switch (decideFollow(state, nowMs)) {
        case 'wait':
          this.#due(followDueMs(state));
          break;
        case 'conflict':
          this.#noteConflict(source, nowMs);
          this.#forget(source);
          break;
        case 'forget':
          this.#forget(source);
          break;
        case 'switch':
          if (this.#question && source.port === this.#question.port)
            return this.#lockMoved(source, this.#question, nowMs);
          this.#left = { source: active, firsts: following.firsts, leftMs: nowMs };
          return this.#activate(source, nowMs);
      }
    }
  }

  #settleQuestion(nowMs: number): void {
    const question = this.#question;
    if (!question) return;
    if (isUnanswered(question, nowMs)) this.#isUnaskable = true;
    else if (question.answeredMs === undefined) this.#due((question.askedMs ?? question.dueMs) + 2000);
    if (question.askedMs === undefined) {
      if (nowMs < endsMs(question)) return this.#due(endsMs(question));
      return this.#endQuestion();
    }
    const decision = decideMove(question, this.#moversOf(question), this.#beginningUntilMs(question), nowMs);
    switch (decision.kind) {
      case 'wait':
        return this.#due(decision.untilMs);
      case 'lock':
        return this.#lockMoved(decision.mover.source, question, nowMs);
      case 'twice':
        decision.mover.source.movesBefore++;
        return this.#askAgain(question, nowMs);
      case 'again':
        return this.#askAgain(question, nowMs);
      case 'over':
        this.#endQuestion();
        if (question.answeredMs === undefined) {
          if (question.port) this.host.release(question.port);
        } else if (this.#active === undefined) this.#leaveAllBut(question.port, nowMs);
    }
  }

  #beginningUntilMs({ port }: PortQuestion): number {
    const beginning = this.#sources.all.filter(
      (source) => source.port === port && source.hasMoved && source.firstRunMs === Infinity,
    );
    return Math.max(-Infinity, ...beginning.map(({ firstMs }) => firstMs + BEGINNING_MS));
  }

  #moversOf(question: PortQuestion): readonly SourceMover[] {
    const old = this.#atOldPort(question);
    const candidates = this.#sources.all.filter(
      (source) =>
        source.port === question.port &&
        source.hasMoved &&
        source.firstRunMs < Infinity &&
        this.#mayAnswer(source, question),
    );
    return candidates.map((source) => {
      const before = old.filter(
        (one) =>
          isSameRemote(one, source) || [...source.streams.keys()].some((ssrc) => one.streams.has(ssrc)),
      );
      return {
        source,
        ground: this.#groundOf(source),
        isSuspect: this.#isSuspect(source),
        runMs: source.firstRunMs,
        beganMs: source.runBeganMs,
        livesUntilMs: source.livesUntilMs,
        oldLastMs: before.reduce((lastMs, one) => Math.max(lastMs, one.lastMs), -Infinity),
        packetTimeMs: source.packetTime.ms,
        hasMovedBefore: source.movesBefore > 0,
      };
    });
  }

  /** Whoever sprays from elsewhere is not in the way of the peer's own answer, nor ever taken for the peer (protocol.md 8.3.3, P12). */
  #mayAnswer(source: EvidenceSource, { reason }: PortQuestion): boolean {
    return this.#groundOf(source) !== undefined || (reason === 'stranger' && !this.#isSuspect(source));
  }

  #lockMoved(source: EvidenceSource, question: PortQuestion, nowMs: number): void {
    this.#lock(source, 'question', nowMs);
    this.#endQuestion();
    this.#leaveAllBut(question.port, nowMs);
  }

  #askAgain({ reason, attempt, port }: PortQuestion, nowMs: number): void {
    this.#endQuestion();
    // Two ports at a time: the one that was told last stays.
    for (const other of [...this.host.ports]) if (other !== port) this.host.release(other);
    if (attempt < MAX_ATTEMPTS) this.#ask(reason, attempt + 1, nowMs);
  }

  #leaveAllBut(port: LocalPort | undefined, nowMs: number): void {
    const old = this.host.ports.find((other) => other !== port);
    if (!old || !port) return;
    this.#leaving = { port: old, atMs: nowMs + RELEASE_MS };
    this.#due(this.#leaving.atMs);
  }

  #endQuestion(): void {
    this.#question = undefined;
    for (const source of this.#sources.all) source.hasMoved = source.goesOn = false;
  }

  /** Has the signalling put the question, as soon as the limits allow. */
  #ask(reason: QuestionReason, attempt: number, nowMs: number): void {
    if (this.#question || this.#isUnaskable || !this.#isConfirmed) return;
    const { questions } = this.host.session;
    const freeMs = questions.freeMs(nowMs);
    this.#deferred = nowMs < freeMs ? { reason, attempt } : undefined;
    if (this.#deferred) return this.#due(freeMs);
    // There is room for one port more: of two the one goes that nothing is locked at.
    if (this.host.ports.length > 1) {
      const idle = this.host.ports.find((port) => port !== (this.#active?.port ?? this.host.ports.at(-1)));
      if (idle) this.host.release(idle);
    }
    questions.note(nowMs);
    this.#question = {
      ...{ reason, dueMs: nowMs, attempt },
      ...{ port: undefined, askedMs: undefined, answeredMs: undefined },
    };
    this.host.tell({ type: 'question' });
    this.#due(nowMs + 2000);
  }

  /** Rules 8.3.4 and 8.3.5. */
  #settleLock(nowMs: number): void {
    const isOpen = nowMs < this.#openUntilMs;
    if (this.#active && !this.#isExpired && !isOpen) return;
    // A question that is on its way decides by itself, unless it is not answered.
    if (this.#question?.askedMs !== undefined && !isUnanswered(this.#question, nowMs)) return;
    const claims = this.#claims(nowMs).filter((claim) => this.#isRival(claim, isOpen));
    const decision = decideLock(
      {
        claims,
        isConfirmed: this.#isConfirmed,
        knewMs: this.#knewMs,
        canAsk: this.#canAsk(nowMs),
        mayBeBetter: this.#mayBeBetter,
      },
      nowMs,
    );
    // While a lock is open, any second source contests it: a burst that was locked is silent when the phone speaks.
    const isOther = ({ source, livesUntilMs }: Claim): boolean =>
      source !== this.#active && livesUntilMs > nowMs;
    const isContested = this.#active !== undefined && !this.#isExpired && claims.some(isOther);
    if (decision.kind === 'contest' || isContested) return this.#contest(claims, nowMs);
    if (this.#active && !this.#isExpired) return;
    this.#isContested = false;
    switch (decision.kind) {
      case 'wait':
        return this.#due(decision.untilMs);
      case 'lock':
        return this.#lock(decision.claim.source, decision.claim.ground, nowMs);
      case 'ask':
        return this.#ask('run', 1, nowMs);
    }
  }

  /** Where the limits of the call leave no question for long, none can be put. */
  #canAsk(nowMs: number): boolean {
    return !this.#isUnaskable && this.host.session.questions.freeMs(nowMs) <= nowMs + LIMITED_MS;
  }

  /** While a lock is open, who talks to another port of ours was not asked, and of a stream that goes on elsewhere 8.3.7 decides. */
  #isRival({ source }: Claim, isOpen: boolean): boolean {
    const active = this.#active;
    if (!active || !isOpen) return true;
    return source === active || (source.port === active.port && !source.following);
  }

  #contest(claims: readonly Claim[], nowMs: number): void {
    const active = this.#active;
    if (!this.#isContested) {
      this.#isContested = true;
      this.host.tell({ type: 'contested' });
    }
    if (active) {
      this.#active = undefined;
      this.#isExpired = false;
      this.#sources.add(active, () => undefined);
      this.host.deactivate();
    }
    this.#ask('contest', 1, nowMs);
    for (const { livesUntilMs } of claims) if (livesUntilMs > nowMs) this.#due(livesUntilMs);
  }

  #claims(nowMs: number): readonly Claim[] {
    const sources = this.#active ? [...this.#sources.all, this.#active] : this.#sources.all;
    return sources.flatMap((source) => {
      const ground = this.#groundOf(source);
      const claim = this.#claimOf(source, nowMs);
      if (!ground || !claim || this.#isSuspect(source)) return [];
      return [{ source, ground, ...claim }];
    });
  }

  #claimOf(source: EvidenceSource, nowMs: number): Omit<LockClaim, 'ground'> | undefined {
    if (source.firstRunMs < Infinity) {
      const { firstRunMs: runMs, runBeganMs: beganMs, livesUntilMs } = source;
      const lastMs = source.lastMs + liveMs(source.packetTime);
      return {
        runMs,
        beganMs,
        livesUntilMs: livesUntilMs === -Infinity ? Math.min(lastMs, nowMs) : livesUntilMs,
        isQuiet: false,
      };
    }
    const { isThereUntilMs } = source;
    if (!this.#mayBeSilent || isThereUntilMs === -Infinity) return undefined;
    return {
      runMs: source.lastMs,
      beganMs: source.firstMs,
      livesUntilMs: isThereUntilMs,
      isQuiet: true,
    };
  }

  /** Rule 8.3.8: silence frees nothing. */
  #settleSilence(nowMs: number): void {
    const active = this.#active;
    if (!active || this.#question) return;
    const silentMs = nowMs - active.lastMs;
    const others = this.#claims(nowMs).filter(
      ({ source, livesUntilMs }) => source !== active && !source.following && livesUntilMs > nowMs,
    );
    if (others.length === 0) return;
    const named = this.#isSdpNewer ? others.find(({ ground }) => ground === 'sdp') : undefined;
    const waitMs = named ? MOVED_SDP_MS : SILENT_MS;
    if (silentMs < waitMs) return this.#due(active.lastMs + waitMs);
    if (named) this.#lock(named.source, 'sdp', nowMs);
    else this.#ask('silence', 1, nowMs);
  }

  /** Sources that may not be the peer are asked where none lives that may (protocol.md 8.3.3). */
  #settleStrangers(nowMs: number): void {
    if (this.#question || this.#strangerQuestions === MAX_STRANGER_QUESTIONS) return;
    const isLiving = this.#sources.all.some(
      (source) => source.livesUntilMs > nowMs && this.#isStranger(source),
    );
    if (!isLiving) return;
    const rightfulMs = Math.max(this.#rightfulMs, this.locked?.lastMs ?? -Infinity, this.#knewMs);
    if (nowMs < rightfulMs + STRANGERS_MS) return this.#due(rightfulMs + STRANGERS_MS);
    this.#ask('stranger', 1, nowMs);
    if (this.#question) this.#strangerQuestions++;
  }

  /** It may not be the peer, or is suspect; who is both sprays, and is never asked about. */
  #isStranger(source: EvidenceSource): boolean {
    return (this.#groundOf(source) === undefined) !== this.#isSuspect(source);
  }

  #lock(source: EvidenceSource, ground: LockGround | 'legacy', nowMs: number): void {
    // Who has only begun at the port that was asked for may have sprayed all of them, before a phone that is late.
    const isOpen =
      ground === 'home' || (ground === 'question' && !source.goesOn && this.#groundOf(source) === 'home');
    this.#openUntilMs = isOpen ? nowMs + OPEN_MS : -Infinity;
    this.#isSdpNewer = false;
    const before = this.#active;
    if (before && before !== source) this.#left = undefined;
    this.#enter(source);
    this.#mapping.note(source.remote);
    this.host.emit(ground === 'legacy' ? { type: 'legacy' } : { type: 'locked', ground }, source);
    this.#handOver(source);
    if (isOpen) this.#due(this.#openUntilMs);
  }

  /** The stream goes on there: media moves, and with it what was kept of both directions meanwhile. */
  #activate(source: EvidenceSource, nowMs: number): void {
    source.following = undefined;
    this.#enter(source);
    this.#mapping.announce(source, { protection: 'evidence' });
    this.#handOver(source);
    this.#due(nowMs);
  }

  #enter(source: EvidenceSource): void {
    this.#sources.remove(source);
    this.#active = source;
    this.#isContested = this.#isExpired = false;
    this.#deferred = undefined;
    for (const other of this.#sources.all) other.following = undefined;
    this.host.activate(source);
  }

  #handOver(source: EvidenceSource): void {
    const { host } = this;
    const sent = [...(this.#unsent?.takeSent() ?? []), ...source.takeSent()];
    this.#unsent = undefined;
    for (const bytes of sent)
      if (host.takeBudget(source, bytes.length)) host.transmit('resent', bytes, source);
    for (const { bytes, kind } of source.takeArrived()) {
      host.noteTaken(bytes, kind);
      host.deliver(bytes, kind, source);
    }
  }

  #expire(locked: EvidenceSource, nowMs: number): void {
    this.#isExpired = true;
    this.#left = undefined;
    this.host.emit({ type: 'expired' }, locked);
    this.host.deactivate();
    this.settle(nowMs);
  }

  #noteConflict(path: Path, nowMs: number): void {
    this.#cautiousUntilMs = nowMs + CAUTIOUS_MS;
    if (nowMs < this.#conflictToldMs + CONFLICT_TOLD_MS) return;
    this.#conflictToldMs = nowMs;
    this.host.emit({ type: 'conflict' }, path);
  }

  #forget(source: EvidenceSource): void {
    for (let left = source.keptCount; left > 0; left--) this.host.drop('unverified');
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
    const ground = this.#groundAt(path, place ? [place.ssrc] : []);
    // Whoever knows only the port before cannot fill the places of the one that was asked for.
    const isAsked = this.#question?.port === path.port;
    source.rank = follows ? 3 : ground === undefined ? 0 : ground === 'home' && !isAsked ? 1 : 2;
    return this.#sources.admit(source, nowMs, (worst) => this.#forget(worst)) ? source : undefined;
  }

  #noteRightful(source: EvidenceSource, nowMs: number): void {
    if (source.livesUntilMs > nowMs && this.#groundOf(source) && !this.#isSuspect(source))
      this.#rightfulMs = nowMs;
  }

  /**
   * Under the policy `legacy`: no source that may be the peer has lived for 2 s, and this one is locked without any evidence (protocol.md 7).
   * True where it was.
   */
  latchBlindly(path: Path, nowMs: number): boolean {
    if (this.#active || !this.#isConfirmed) return false;
    if (nowMs < Math.max(this.#rightfulMs, this.#knewMs, this.host.toldMs) + BLIND_MS) return false;
    const source = this.#sources.find(path);
    if (!source || source.firstRunMs === Infinity) return false;
    this.#lock(source, 'legacy', nowMs);
    return true;
  }

  #mayBePeer(source: EvidenceSource): boolean {
    return source.hasMoved || this.#groundOf(source) !== undefined;
  }

  #groundOf(source: EvidenceSource): Ground | undefined {
    return this.#groundAt(source, source.streams.keys());
  }

  #groundAt(path: Path, ssrcs: Iterable<number>): Ground | undefined {
    for (const ssrc of ssrcs) if (this.terms.ssrcs.has(ssrc)) return 'ssrc';
    if (this.#isSdpAddress(path)) return 'sdp';
    return this.host.isHome(path.remote.address) ? 'home' : undefined;
  }

  #isSdpAddress({ remote }: Path): boolean {
    const { signalled, isSignalledAllowed } = this.host;
    return isSignalledAllowed && signalled?.port === remote.port && signalled.address === remote.address;
  }

  #isSuspect(source: EvidenceSource): boolean {
    for (const ssrc of source.streams.keys()) if (this.host.isSuspect(source.remote, ssrc)) return true;
    return this.host.isSuspect(source.remote, undefined);
  }

  get #mayBeBetter(): boolean {
    return this.terms.ssrcs.size > 0 || this.host.isSignalledAllowed;
  }

  /** It need not send: it only listens, or one side holds the call. */
  get #mayBeSilent(): boolean {
    return !this.host.expectsMedia || this.host.isHeld;
  }

  /** Where the signalling tells nothing, nobody will say that it is. */
  get #isConfirmed(): boolean {
    const { session } = this.host;
    return session.isConfirmed || session.peerTransport === undefined;
  }

  /** When the peer could know of the call: it answered, or its ACK came. */
  get #knewMs(): number {
    const { agreedMs, toldMs } = this.host;
    const hasOffered = toldMs < agreedMs;
    return hasOffered || this.#confirmedMs === Infinity ? agreedMs : this.#confirmedMs;
  }

  #consentOf(source: EvidenceSource): SrtpConsentState {
    return {
      heardMs: Math.max(source.lastMs, this.host.rtcpHeardMs),
      mayBeSilent: this.#mayBeSilent,
      answeredMs: this.#answeredMs,
      isAsked: this.host.session.lastQuestion !== undefined,
      toldMs: this.#askToldMs,
    };
  }

  #drop(): false {
    this.host.drop('unverified');
    return false;
  }
}

const NOWHERE: Path = {
  port: { local: { address: '0.0.0.0', port: 0 } },
  remote: { address: '0.0.0.0', port: 0 },
};

function isSameRemote(a: Path, b: Path): boolean {
  return a.remote.port === b.remote.port && a.remote.address === b.remote.address;
}
