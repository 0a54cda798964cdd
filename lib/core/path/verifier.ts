// The verifier of one component: the side that will send media to an address which it has not seen proven (protocol.md 5).
// It keeps the candidates and the paths that have proved themselves, and carries out what the rules decide: when to ask again
// is decided in consent.ts (5.8), who gets the media in trial.ts (5.11), whether an answer is valid by a scheme. It has no
// sockets and routes nothing: its host, the component, sends, routes and tells.
import { isSameAddress, isSameBytes, type TransportAddress } from '../../wire/index.js';
import { CONSENT_SCHEDULE_MS, decideConsent } from './consent.js';
import type { VerifiedPath } from './verified-path.js';
import { Candidate, CandidateTable, type Sign } from './candidate.js';
import { NamedTargets, TARGET_SCHEDULE_MS, TARGET_WAIT_MS } from '../route/target-bounds.js';
import { CANDIDATE_SCHEDULE_MS, type Challenge } from '../proof/challenge.js';
import type { AnswerMessage, Scheme, GreetingMessage } from '../proof/scheme.js';
import { announceMapping } from './mapping.js';
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import { StandbyPaths } from './standby-paths.js';
import {
  AskedPath,
  askScheduleMs,
  decideTrial,
  TrialHistory,
  rankMs,
  type Trial,
  type TrialState,
} from './trial.js';
import type { VerifierHost } from './verifier-host.js';

/** After a switch, packets that were on their way over the old path are still taken for this long: protocol.md 5.5. */
const PREVIOUS_PATH_MS = 5000;

export class Verifier {
  #scheme: Scheme;
  #active: VerifiedPath | undefined;
  #candidates = new CandidateTable();
  /** Since a path was first left, or there was first a conflict. */
  #history: TrialHistory | undefined;
  /** Since there was first one. */
  #standbys: StandbyPaths | undefined;
  /** The mapping that was told last. */
  #told: TransportAddress | undefined;
  /** Signalled addresses that were asked in this generation. */
  #named: NamedTargets | undefined;
  /** When to look again whether the signalled address may be asked, if at all, and until when it may. */
  #askSignalledMs: number | undefined;
  #signalledUntilMs: number | undefined;

  constructor(
    private readonly host: VerifierHost,
    scheme: Scheme,
    nowMs: number,
  ) {
    this.#scheme = scheme;
    this.handleSignalled(nowMs);
  }

  /** A new pair of keys: the active path is challenged at once and carries the media meanwhile (protocol.md 5.10). */
  handleGeneration(scheme: Scheme, nowMs: number): void {
    this.#scheme = scheme;
    this.#forgetCandidates();
    this.#named = undefined;
    this.#standbys = undefined;
    if (this.#active) {
      this.#releaseAll(this.#active.forgetOutstanding());
      this.#active.recheck = this.#createChallenge(this.#active, CANDIDATE_SCHEDULE_MS);
      this.#attendActive(this.#active, nowMs);
    }
    this.handleSignalled(nowMs);
  }

  /**
   * Rule 5.7: a new signalled address is asked before anything came from it, where that is allowed; the active path stays. What the
   * bounds hold back goes out when they lift, within a minute.
   */
  handleSignalled(nowMs: number): void {
    this.#signalledUntilMs = Math.floor(nowMs) + TARGET_WAIT_MS;
    this.#askSignalled(nowMs);
  }

  /** There is a socket: what could not be asked without one is asked now. */
  handlePortAdded(nowMs: number): void {
    this.#askSignalled(nowMs);
  }

  #askSignalled(nowMs: number): void {
    const { port, signalled: remote, targetBounds, provesToo } = this.host;
    this.#askSignalledMs = undefined;
    if (!port || !remote || provesToo || nowMs >= (this.#signalledUntilMs ?? -Infinity)) return;
    if (this.#active && isSameAddress(this.#active.remote, remote)) return;
    const target = this.host.unprovenTarget(remote);
    if (!target || this.#named?.isNew(remote) === false || this.#candidates.hasRemote(remote)) return;
    this.#askSignalledMs = targetBounds.retryMs(target, nowMs);
    if (targetBounds.isClaimed(remote.address) || !targetBounds.isFree(target, nowMs)) return;
    const path = { port, remote };
    const newcomer = new Candidate(path, this.#createChallenge(path, CANDIDATE_SCHEDULE_MS), nowMs);
    newcomer.freeDatagrams = TARGET_SCHEDULE_MS.length;
    if (!this.#admit(newcomer, nowMs)) return;
    targetBounds.claim(remote.address, newcomer);
    (this.#named ??= new NamedTargets()).note(remote, nowMs);
    this.#askSignalledMs = undefined;
    this.#settle(newcomer, nowMs);
  }

  /** A socket is gone, and with it all paths at it. The best of those that are left carries the media. */
  handlePortRemoved(port: LocalPort, nowMs: number): void {
    for (const candidate of this.#candidates.all) {
      const { asked } = candidate.trial;
      if (candidate.port === port) this.#forget(candidate);
      else if (asked?.path.port === port) this.#endAsked(candidate.trial, asked);
    }
    this.#standbys?.removePort(port);
    if (this.#active?.port !== port) return;
    this.#releaseAll(this.#active.forgetOutstanding());
    this.#active = undefined;
    const next = this.#standbys?.best(nowMs);
    if (next) this.#switchTo(next, nowMs, false);
    else this.host.deactivate();
  }

  /** A hello, a keepalive or a check that names this generation (protocol.md 5.1, 5.3, 8.1). */
  handleGreeting(message: GreetingMessage, path: Path, nowMs: number): void {
    const greeting = this.#scheme.greet(message, path.remote);
    if (typeof greeting === 'string') return this.host.drop(greeting);
    const { counter, reply, nomination, sizeBytes } = greeting;
    const verified = this.#verifiedAt(path, nowMs);
    const sign = { ...(counter !== undefined && { counter }), ...(nomination >= 0 && { nomination }) };
    const candidate = verified ? undefined : this.#candidateAt(path, nowMs, sign);
    if (!candidate) {
      // No budget needs to be looked at: a reply is smaller than three times the greeting that it answers (protocol.md 5.4).
      if (reply) this.host.transmit('welcomes', reply, path);
      return verified ? this.#nominate(verified, nomination, nowMs) : this.host.drop('candidateRefused');
    }
    candidate.noteReceived(sizeBytes, nowMs);
    if (greeting.proof && this.#scheme.spendWord(greeting.proof)) {
      candidate.isProven = true;
      this.host.emit({ type: 'proven' }, path);
    }
    if (reply && candidate.fitsBudget(reply.length)) {
      candidate.sentBytes += reply.length;
      this.host.transmit('welcomes', reply, path);
    }
    this.#settle(candidate, nowMs);
  }

  /**
   * Payload from elsewhere than the active path: media makes a candidate (protocol.md 5.1), other payload only adds to the
   * budget of one that is there. False where there was no place for one (5.9).
   */
  handlePayload(
    path: Path,
    sizeBytes: number,
    kind: 'known-media' | 'media' | 'other',
    nowMs: number,
  ): boolean {
    if (this.#verifiedAt(path, nowMs)) return true;
    const candidate =
      kind === 'other'
        ? this.#candidates.find(path)
        : this.#candidateAt(path, nowMs, kind === 'known-media' ? { isKnownMedia: true } : {});
    if (!candidate) return kind === 'other';
    candidate.noteReceived(sizeBytes, nowMs);
    if (!candidate.trial.answer) this.#settle(candidate, nowMs);
    return true;
  }

  /** Keeps payload of a candidate that has answered and may have the media within moments. False: it was not kept. */
  keepArrived(path: Path, bytes: Uint8Array): boolean {
    return this.#candidates.find(path)?.trial.keepArrived(bytes) ?? false;
  }

  /** A response to something outstanding, on the path that was asked; any other is dropped (protocol.md 5.2). */
  handleAnswer(message: AnswerMessage, path: Path, nowMs: number): void {
    const { transaction } = message;
    const askedActive = this.#active && challengeOf(this.#active, transaction);
    const active = askedActive && this.#active;
    const candidate = active ? undefined : this.#candidates.all.find((one) => challengeOf(one, transaction));
    const challenge = askedActive ?? (candidate && challengeOf(candidate, transaction));
    if (!challenge) return this.host.drop('staleTransaction');
    const fault = this.#scheme.fault(message, challenge);
    if (fault) return this.host.drop(fault);
    if (!isSamePath(challenge.path, path)) {
      if (candidate) this.#noteRelayedAnswer(candidate, challenge, path.remote);
      return this.host.drop('wrongSource');
    }
    this.#release(challenge);
    this.host.claim(path);
    this.host.targetBounds.noteVerified(path.remote.address, nowMs);
    const seenAs = knownAddress(message.mapped, path.port.local, active?.serverSeenAs);
    if (active) return this.#handleConsent(active, challenge, seenAs, nowMs);
    if (!candidate) return;
    if (challenge === candidate.challenge) candidate.trial.noteAnswer(challenge, seenAs, nowMs);
    else candidate.trial.asked?.noteAnswer(nowMs);
    this.#settle(candidate, nowMs);
  }

  /** The application's payload goes to the active path; while that is asked about a candidate, a copy is kept. */
  handleSend(bytes: Uint8Array): void {
    this.#candidates.keepSent(bytes);
  }

  handleTimeout(nowMs: number): void {
    this.#candidates.handleTimeout(nowMs);
    for (const candidate of this.#candidates.all) {
      if (candidate.trial.asked) this.#sendQuestion(candidate.trial.asked, nowMs);
      this.#settle(candidate, nowMs);
    }
    if (this.#active) this.#attendActive(this.#active, nowMs);
    if (nowMs >= (this.#askSignalledMs ?? Infinity)) this.#askSignalled(nowMs);
  }

  /** When handleTimeout wants to be called; Infinity where nothing is waited for. */
  get nextMs(): number {
    let nextMs = Math.min(this.#active?.nextMs ?? Infinity, this.#askSignalledMs ?? Infinity);
    for (const candidate of this.#candidates.all) nextMs = Math.min(nextMs, candidate.nextMs);
    return nextMs;
  }

  /** Forgets every path and what is outstanding (protocol.md 5.10). */
  stop(): void {
    this.#forgetCandidates();
    if (this.#active) this.#releaseAll(this.#active.forgetOutstanding());
    this.#active = undefined;
    this.#standbys = undefined;
    this.#history?.forgetPaths();
    this.#askSignalledMs = this.#signalledUntilMs = undefined;
    this.host.deactivate();
  }

  #candidateAt(path: Path, nowMs: number, sign: Sign): Candidate | undefined {
    const present = this.#candidates.find(path);
    if (present) return Object.assign(present, sign);
    if (!this.#candidates.mayAdmit(sign, this.#scheme.highestCounter, nowMs)) return undefined;
    const challenge = this.#createChallenge(path, CANDIDATE_SCHEDULE_MS);
    const newcomer = Object.assign(new Candidate(path, challenge, nowMs), sign);
    return this.#admit(newcomer, nowMs) ? newcomer : undefined;
  }

  #admit(newcomer: Candidate, nowMs: number): boolean {
    const { highestCounter } = this.#scheme;
    const { isAdmitted, displaced } = this.#candidates.admit(newcomer, highestCounter, nowMs);
    if (displaced) this.#forget(displaced);
    this.host.isOnTrial = this.#candidates.all.length > 0;
    if (!isAdmitted) this.#release(newcomer.challenge);
    else {
      for (const { trial } of this.#candidates.all) trial.noteRival(newcomer.remote);
      this.host.emit({ type: 'candidate' }, newcomer);
    }
    return isAdmitted;
  }

  /** Sends the candidate's challenge where that is due, and allowed by its bytes (protocol.md 5.2, 5.4). */
  #challenge(candidate: Candidate, nowMs: number): void {
    if (candidate.trial.answer) return;
    const isFirst = candidate.challenge.firstSentMs === undefined;
    const takeFree = (): number | undefined => this.#takeFree(candidate.remote, nowMs);
    const bytes = candidate.takeTransmission(nowMs, takeFree);
    if (!bytes) return;
    this.host.transmit('challenges', bytes, candidate);
    if (isFirst && this.#active) this.#ask(candidate, this.#active, nowMs);
  }

  /** One of rule 5.7's datagrams: undefined where it may go now, else when to ask again. */
  #takeFree(remote: TransportAddress, nowMs: number): number | undefined {
    const { targetBounds } = this.host;
    const target = this.host.unprovenTarget(remote);
    if (!target) return Infinity;
    return targetBounds.take(target, nowMs) ? undefined : targetBounds.retryMs(target, nowMs);
  }

  /** Rule 5.11: the path in use is challenged at the moment when the candidate is. */
  #ask({ trial }: Candidate, path: VerifiedPath, nowMs: number): void {
    if (trial.asked) this.#endAsked(trial, trial.asked);
    const isCautious = this.#history?.isCautious(nowMs) === true;
    const challenge = this.#createChallenge(path, askScheduleMs(isCautious));
    trial.asked = new AskedPath(path, challenge, isCautious);
    this.#sendQuestion(trial.asked, nowMs);
  }

  #sendQuestion(asked: AskedPath, nowMs: number): void {
    const bytes = asked.takeTransmission(nowMs);
    if (bytes) this.host.transmit('challenges', bytes, asked.path);
  }

  #endAsked(trial: Trial, asked: AskedPath): void {
    trial.asked = undefined;
    this.#release(asked.challenge);
    asked.takeArrived().forEach(() => this.host.drop('unverified'));
  }

  /** A valid response to the candidate's challenge, or to the question about it, came from an address that was not asked. */
  #noteRelayedAnswer(candidate: Candidate, challenge: Challenge, source: TransportAddress): void {
    if (challenge === candidate.challenge) candidate.trial.noteRelayedAnswer(source);
    if (this.#candidates.hasRemote(source)) candidate.trial.noteRival(source);
  }

  /** Does with a candidate what rule 5.11 decides. */
  #settle(candidate: Candidate, nowMs: number): void {
    switch (decideTrial(this.#stateOf(candidate, nowMs), nowMs)) {
      case 'wait':
        return this.#challenge(candidate, nowMs);
      case 'forget':
        return this.#forget(candidate);
      case 'ask':
        if (this.#active) this.#ask(candidate, this.#active, nowMs);
        return this.#settle(candidate, nowMs);
      case 'switch':
        return this.#takeOver(candidate, nowMs);
      case 'prefer':
        return this.#activate(candidate, nowMs);
      case 'stand-by':
        return this.#standBy(candidate, nowMs);
      case 'conflict':
        this.#noteConflict(candidate, nowMs);
        return this.#forget(candidate);
      case 'return':
        this.#noteConflict(candidate, nowMs);
        return this.#activate(candidate, nowMs, { takesPrevious: false });
    }
  }

  #stateOf(candidate: Candidate, nowMs: number): TrialState {
    const { trial, nomination, endsMs } = candidate;
    const active = this.#active;
    const isElsewhereNominated = active !== undefined && nomination < 0 && active.nomination >= 0;
    return {
      answer: trial.answer,
      endsMs,
      givesWay: trial.givesWay,
      rankMs: this.#rankMs(candidate, nowMs),
      isNominatedAbove: active !== undefined && nomination > active.nomination,
      mayStandBy: this.#scheme.mayHaveSeveralPaths && !isElsewhereNominated,
      old: active && trial.oldPath(active),
    };
  }

  /** The path in use was silent: the media moves, and with it what was kept of both directions meanwhile. */
  #takeOver(candidate: Candidate, nowMs: number): void {
    const { asked } = candidate.trial;
    const isAboutActive = asked !== undefined && asked.path === this.#active;
    const arrived = isAboutActive ? asked.takeArrived() : [];
    this.#activate(candidate, nowMs);
    if (!isAboutActive) return;
    for (const bytes of asked.sent) this.host.transmit('resent', bytes, candidate);
    for (const bytes of arrived) this.host.deliver(bytes, candidate);
  }

  #noteConflict(candidate: Candidate, nowMs: number): void {
    this.#history ??= new TrialHistory();
    this.#history.noteConflict(nowMs);
    this.host.emit({ type: 'conflict' }, candidate);
  }

  #standBy(candidate: Candidate, nowMs: number): void {
    this.#forget(candidate);
    const path = this.#pathOf(candidate, nowMs);
    if (path) this.#addStandby(path, nowMs);
  }

  #activate(candidate: Candidate, nowMs: number, { takesPrevious = true } = {}): void {
    this.#forget(candidate);
    const path = this.#pathOf(candidate, nowMs);
    if (path) this.#switchTo(path, nowMs, takesPrevious);
  }

  #pathOf(candidate: Candidate, nowMs: number): VerifiedPath | undefined {
    return candidate.pathOf(this.#rankMs(candidate, nowMs), nowMs, this.host.random);
  }

  #rankMs(candidate: Candidate, nowMs: number): number {
    return rankMs(this.#history, candidate, candidate.trial, nowMs);
  }

  #switchTo(path: VerifiedPath, nowMs: number, takesPrevious: boolean): void {
    const old = this.#active;
    const isOldOurs = old !== undefined && this.host.holds(old);
    this.#active = path;
    this.#standbys?.remove(path);
    this.#standbys?.dropLost();
    this.host.activate(path);
    this.#standbys?.keepAll(nowMs);
    if (old) {
      this.#history ??= new TrialHistory();
      this.#history.noteLeft(old, old.rankMs, nowMs);
      this.#releaseAll(old.forgetOutstanding());
      if (isOldOurs && this.#scheme.mayHaveSeveralPaths) this.#addStandby(old, nowMs);
      else if (isOldOurs && takesPrevious) this.host.keep(old, nowMs + PREVIOUS_PATH_MS);
    }
    this.#announce(path);
  }

  #addStandby(path: VerifiedPath, nowMs: number): void {
    this.#standbys ??= new StandbyPaths(this.host);
    this.#standbys.add(path, nowMs);
  }

  #announce(path: VerifiedPath): void {
    this.#told = announceMapping(this.host, path, this.#scheme, this.#told);
  }

  /** The same path where it is verified, if media comes or may come over it. */
  #verifiedAt(path: Path, nowMs: number): VerifiedPath | undefined {
    if (this.#active && isSamePath(this.#active, path)) return this.#active;
    return this.#standbys?.find(path, nowMs);
  }

  /** The nominated path with the highest priority carries the media (protocol.md 8.1). */
  #nominate(path: VerifiedPath, nomination: number, nowMs: number): void {
    path.nomination = Math.max(path.nomination, nomination);
    if (this.#active && path.nomination > this.#active.nomination) this.#switchTo(path, nowMs, true);
  }

  #handleConsent(path: VerifiedPath, challenge: Challenge, seenAs: TransportAddress, nowMs: number): void {
    const isNewGeneration = challenge === path.recheck;
    path.noteResponse(challenge, nowMs);
    path.serverSeenAs = seenAs;
    if (isNewGeneration) this.#announce(path);
  }

  /** Asks the active path what is due, under a new key (5.10) or for consent (5.8), and ends it where 5.8 says so. */
  #attendActive(path: VerifiedPath, nowMs: number): void {
    const decision = decideConsent(path.consent, nowMs);
    if (decision === 'expire') return this.#expire(path);
    if (path.recheck && path.recheck.nextMs <= nowMs)
      this.host.transmit('challenges', path.recheck.takeBytes(nowMs), path);
    if (decision === 'wait') return;
    const challenge = this.#createChallenge(path, CONSENT_SCHEDULE_MS);
    this.host.transmit('challenges', challenge.takeBytes(nowMs), path);
    const oldest = path.consent.noteSent(challenge, nowMs);
    if (oldest) this.#release(oldest);
  }

  #expire(path: VerifiedPath): void {
    this.#releaseAll(path.forgetOutstanding());
    this.#active = undefined;
    this.host.deactivate();
    this.host.emit({ type: 'expired' }, path);
  }

  #forget(candidate: Candidate): void {
    this.#candidates.remove(candidate);
    this.host.isOnTrial = this.#candidates.all.length > 0;
    this.#release(candidate.challenge);
    if (candidate.trial.asked) this.#endAsked(candidate.trial, candidate.trial.asked);
    this.host.targetBounds.release(candidate.remote.address, candidate);
  }

  #forgetCandidates(): void {
    for (const candidate of this.#candidates.all) this.#forget(candidate);
  }

  /** A fresh challenge, whose answer comes back to us from now on. */
  #createChallenge(path: Path, scheduleMs: readonly number[]): Challenge {
    const challenge = this.#scheme.createChallenge(path, scheduleMs);
    this.host.expect(challenge.transaction, path.port);
    return challenge;
  }

  #releaseAll(challenges: readonly Challenge[]): void {
    for (const challenge of challenges) this.#release(challenge);
  }

  #release(challenge: Challenge): void {
    this.host.forget(challenge.transaction, challenge.path.port);
    challenge.forget();
  }
}

/** The challenge of this transaction, where the candidate or path waits for its answer. */
function challengeOf(
  { outstanding }: Candidate | VerifiedPath,
  transaction: Uint8Array,
): Challenge | undefined {
  for (const challenge of outstanding) if (isSameBytes(challenge.transaction, transaction)) return challenge;
  return undefined;
}

/** The same address as one of these is that one: what each path keeps would be a copy. */
function knownAddress(
  address: TransportAddress,
  ...known: readonly (TransportAddress | undefined)[]
): TransportAddress {
  return known.find((one) => one !== undefined && isSameAddress(one, address)) ?? address;
}
