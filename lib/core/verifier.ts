// The verifier of one component: protocol.md 5. Decides which address has proved itself and carries the media.
// It routes nothing and knows no sockets: its host sends, registers and tells.
import { isSameAddress, type TransportAddress } from '../wire/index.js';
import { ActivePath } from './active-path.js';
import { Candidate, CandidateTable, DIRECT_DATAGRAMS, type Ask } from './candidate.js';
import { ASK_SCHEDULE_MS, CANDIDATE_SCHEDULE_MS, ONCE_MS, type Challenge } from './challenge.js';
import { Challenger, type Hello, type Response } from './challenger.js';
import { natBetween, type MappingView } from './events.js';
import type { Generation } from './generation.js';
import { LeftPaths } from './left-paths.js';
import type { VerifierHost } from './verifier-host.js';

/** Payload of the path before is still taken for this long after a switch: protocol.md 5.5. */
const PREVIOUS_PATH_MS = 5000;
/** How long the old path has to answer, and how long within a minute of a conflict: protocol.md 5.11. */
const SWITCH_ROUND_TRIPS = 1.5;
const SWITCH_MIN_MS = 30;
const CAUTIOUS_SWITCH_MS = 2000;
const CAUTIOUS_PERIOD_MS = 60_000;

export class Verifier {
  #challenger: Challenger;
  #active: ActivePath | undefined;
  #candidates = new CandidateTable();
  #left = new LeftPaths();
  #lastMapping: TransportAddress | undefined;
  #cautiousUntilMs = -Infinity;

  constructor(
    private readonly host: VerifierHost,
    generation: Generation,
    nowMs: number,
  ) {
    this.#challenger = new Challenger(host, generation);
    this.#tryDirect(nowMs);
  }

  /** A new pair of keys: the active path is challenged at once and carries the media meanwhile (protocol.md 5.10). */
  handleGeneration(generation: Generation, nowMs: number): void {
    this.#challenger = new Challenger(this.host, generation);
    this.#forgetCandidates();
    if (this.#active) {
      this.#release(...this.#active.forgetOutstanding());
      this.#active.recheck = this.#challenger.create(this.#active.remote, CANDIDATE_SCHEDULE_MS);
      this.#pumpActive(this.#active, nowMs);
    }
    this.#tryDirect(nowMs);
  }

  /** A changed c= or m=: rule 5.7 applies to the new address, the active path stays (protocol.md 2). */
  handleSignalled(nowMs: number): void {
    this.#tryDirect(nowMs);
  }

  /** A hello or keepalive that names this generation's tags (protocol.md 5.1, 5.3). */
  handleHello(message: Hello, source: TransportAddress, nowMs: number): void {
    if (!this.#challenger.hasIntegrity(message)) return this.host.drop('integrity');
    const isFresh = this.#challenger.noteCounter(message.counter);
    const welcome = message.kind === 'hello' ? this.#challenger.welcome(message, source) : undefined;
    if (this.#active && isSameAddress(this.#active.remote, source)) {
      if (welcome) this.host.transmit('welcomes', welcome, source);
      return;
    }
    const candidate = this.#candidateAt(source, nowMs, isFresh ? { counter: message.counter } : {});
    if (!candidate) {
      // A welcome is smaller than the hello it answers, so it fits any budget (protocol.md 5.4).
      if (welcome) this.host.transmit('welcomes', welcome, source);
      return this.host.drop('candidateRefused');
    }
    candidate.noteReceived(message.stun.bytes.length, nowMs);
    if (message.kind === 'hello' && this.#challenger.spendWord(message.proof)) {
      candidate.isProven = true;
      this.host.emit({ type: 'proven', remote: source });
    }
    if (welcome && candidate.fitsBudget(welcome.length)) {
      candidate.sentBytes += welcome.length;
      this.host.transmit('welcomes', welcome, source);
    }
    this.#pump(candidate, nowMs);
  }

  /**
   * Payload from elsewhere than the active path: media makes a candidate (protocol.md 5.1), other payload only adds to the
   * budget of one that is there. False where there was no place for one (5.9).
   */
  handlePayload(
    source: TransportAddress,
    sizeBytes: number,
    kind: 'known-media' | 'media' | 'other',
    nowMs: number,
  ): boolean {
    if (this.#active && isSameAddress(this.#active.remote, source)) return true;
    const candidate =
      kind === 'other'
        ? this.#candidates.find(source)
        : this.#candidateAt(source, nowMs, kind === 'known-media' ? { isKnownMedia: true } : {});
    if (!candidate) return kind === 'other';
    candidate.noteReceived(sizeBytes, nowMs);
    this.#pump(candidate, nowMs);
    return true;
  }

  /** A response to something outstanding; any other is dropped (protocol.md 5.2). */
  handleResponse(message: Response, source: TransportAddress, nowMs: number): void {
    const isAnswered = (challenge: Challenge): boolean =>
      isSameBytes(challenge.transaction, message.transaction);
    const consent = this.#active?.outstanding.find(isAnswered);
    if (this.#active && consent) {
      if (!this.#accepts(message, source, consent)) return;
      return this.#handleConsent(this.#active, consent, message.mapped, nowMs);
    }
    for (const candidate of this.#candidates) {
      if (!candidate.answer && isAnswered(candidate.challenge)) {
        if (!this.#accepts(message, source, candidate.challenge)) return;
        const rttMs = nowMs - (candidate.challenge.firstSentMs ?? nowMs);
        candidate.answer = { rttMs, serverSeenAs: message.mapped };
        return this.#settle(candidate, nowMs);
      }
      if (candidate.ask && !candidate.ask.isAnswered && isAnswered(candidate.ask.challenge)) {
        if (!this.#accepts(message, source, candidate.ask.challenge)) return;
        candidate.ask.isAnswered = true;
        candidate.ask.path.noteResponse(candidate.ask.challenge, nowMs);
        return this.#settle(candidate, nowMs);
      }
    }
    this.host.drop('staleTransaction');
  }

  handleTimeout(nowMs: number): void {
    for (const candidate of this.#candidates) {
      if (candidate.ask) this.#pumpAsk(candidate.ask, nowMs);
      if (candidate.answer) this.#settle(candidate, nowMs);
      else this.#pump(candidate, nowMs);
    }
    if (this.#active) this.#pumpActive(this.#active, nowMs);
  }

  /** When handleTimeout wants to be called; Infinity where nothing is waited for. */
  get nextMs(): number {
    let nextMs = this.#active?.nextMs ?? Infinity;
    for (const candidate of this.#candidates) {
      const { ask } = candidate;
      const endsMs = candidate.answer ? this.#switchMs(candidate) : candidate.nextMs;
      nextMs = Math.min(nextMs, endsMs, ask && !ask.isAnswered ? ask.challenge.nextMs : Infinity);
    }
    return nextMs;
  }

  /** Forgets every path and what is outstanding (protocol.md 5.10). */
  stop(): void {
    this.#forgetCandidates();
    if (this.#active) this.#release(...this.#active.forgetOutstanding());
    this.#active = undefined;
    this.#left.clear();
    this.host.deactivate();
  }

  #candidateAt(
    source: TransportAddress,
    nowMs: number,
    sign: { readonly counter?: number; readonly isKnownMedia?: boolean },
  ): Candidate | undefined {
    const present = this.#candidates.find(source);
    if (present) return Object.assign(present, sign);
    const challenge = this.#challenger.create(source, CANDIDATE_SCHEDULE_MS);
    const newcomer = Object.assign(new Candidate(source, challenge, nowMs), sign);
    return this.#admit(newcomer, nowMs) ? newcomer : undefined;
  }

  #admit(newcomer: Candidate, nowMs: number): boolean {
    const { highestCounter } = this.#challenger;
    const { isAdmitted, displaced } = this.#candidates.admit(newcomer, highestCounter, nowMs);
    if (displaced) this.#forget(displaced);
    if (isAdmitted) this.host.emit({ type: 'candidate', remote: newcomer.remote });
    else this.#release(newcomer.challenge);
    return isAdmitted;
  }

  /** Rule 5.7: the signalled address is asked before anything came from it, where that is allowed. */
  #tryDirect(nowMs: number): void {
    const { signalled: remote, directTargets } = this.host;
    if (!remote || remote.port === 0 || !this.host.isDirectTarget(remote.address)) return;
    if (this.#active && isSameAddress(this.#active.remote, remote)) return;
    if (this.#candidates.find(remote)) return;
    const newcomer = new Candidate(remote, this.#challenger.create(remote, CANDIDATE_SCHEDULE_MS), nowMs);
    newcomer.freeDatagrams = DIRECT_DATAGRAMS;
    const isClaimed = directTargets.claim(remote.address, newcomer, nowMs);
    if (isClaimed && this.#admit(newcomer, nowMs)) return this.#pump(newcomer, nowMs);
    directTargets.release(remote.address, newcomer);
    this.#release(newcomer.challenge);
  }

  /** Sends what is due to a candidate and allowed by its bytes, and ends it in time (protocol.md 5.2, 5.4). */
  #pump(candidate: Candidate, nowMs: number): void {
    if (candidate.answer) return;
    if (nowMs >= candidate.endsMs) return this.#forget(candidate);
    const isFirst = candidate.challenge.firstSentMs === undefined;
    const takeFree = (): boolean => this.host.directTargets.take(candidate.remote.address, nowMs);
    if (!candidate.takeTransmission(nowMs, takeFree)) return;
    this.host.transmit('challenges', candidate.challenge.bytes, candidate.remote);
    if (isFirst && this.#active) this.#ask(candidate, this.#active, nowMs);
  }

  /** Rule 5.11: the old path is challenged at the moment when the candidate is. */
  #ask(candidate: Candidate, path: ActivePath, nowMs: number): Ask {
    if (candidate.ask) this.#release(candidate.ask.challenge);
    const isCautious = nowMs < this.#cautiousUntilMs;
    const scheduleMs = isCautious ? CANDIDATE_SCHEDULE_MS : ASK_SCHEDULE_MS;
    const challenge = this.#challenger.create(path.remote, scheduleMs);
    const ask: Ask = { path, challenge, isCautious, isAnswered: false };
    candidate.ask = ask;
    this.#pumpAsk(ask, nowMs);
    return ask;
  }

  #pumpAsk(ask: Ask, nowMs: number): void {
    if (ask.isAnswered || ask.challenge.nextMs > nowMs) return;
    ask.challenge.noteSent(nowMs);
    this.host.transmit('challenges', ask.challenge.bytes, ask.path.remote);
  }

  /** When a candidate that has answered may take the media, if the old path stays silent (protocol.md 5.11). */
  #switchMs(candidate: Candidate): number {
    const { ask, answer } = candidate;
    if (!ask || !answer) return -Infinity;
    const askedMs = ask.challenge.firstSentMs ?? Infinity;
    if (ask.isCautious) return askedMs + CAUTIOUS_SWITCH_MS;
    const roundTripMs = Math.max(ask.path.rttMs, answer.rttMs);
    return askedMs + Math.max(SWITCH_MIN_MS, SWITCH_ROUND_TRIPS * roundTripMs);
  }

  /** Decides about a candidate that has answered: take the media, wait for the old path, or conflict (protocol.md 5.11). */
  #settle(candidate: Candidate, nowMs: number): void {
    if (!candidate.answer) return;
    const active = this.#active;
    if (!active) return this.#activate(candidate, nowMs);
    const ask = candidate.ask?.path === active ? candidate.ask : this.#ask(candidate, active, nowMs);
    if (ask.isAnswered) return this.#handleConflict(candidate, active, nowMs);
    if (nowMs >= this.#switchMs(candidate)) this.#activate(candidate, nowMs);
  }

  /** Both paths answer: somebody copies packets. The one verified first keeps the media (protocol.md 5.11). */
  #handleConflict(candidate: Candidate, active: ActivePath, nowMs: number): void {
    this.#cautiousUntilMs = nowMs + CAUTIOUS_PERIOD_MS;
    this.host.emit({ type: 'conflict', remote: candidate.remote });
    const rankMs = this.#left.rankMs(candidate.remote, nowMs);
    if (rankMs !== undefined && rankMs < active.rankMs)
      this.#activate(candidate, nowMs, { takesPrevious: false });
    else this.#forget(candidate);
  }

  #activate(candidate: Candidate, nowMs: number, { takesPrevious = true } = {}): void {
    const { remote, answer } = candidate;
    if (!answer) return;
    this.#forget(candidate);
    const old = this.#active;
    if (old) {
      this.#left.note(old.remote, old.rankMs, nowMs);
      this.#release(...old.forgetOutstanding());
    }
    const rankMs = this.#left.rankMs(remote, nowMs) ?? nowMs;
    const { rttMs, serverSeenAs } = answer;
    this.#active = new ActivePath(remote, rankMs, rttMs, serverSeenAs, nowMs, this.host.random);
    if (old && takesPrevious) {
      this.host.activate(remote, { remote: old.remote, untilMs: nowMs + PREVIOUS_PATH_MS });
    } else {
      this.host.activate(remote);
    }
    this.#announce(this.#active);
  }

  #announce(path: ActivePath): void {
    const { remote, rttMs, serverSeenAs } = path;
    const { signalled } = this.host;
    const nat = natBetween(signalled, remote);
    const common = { remote, mapping: remote, serverSeenAs, nat, rttMs, suite: this.#challenger.suite };
    const view: { remote: TransportAddress } & MappingView = signalled ? { ...common, signalled } : common;
    const previous = this.#lastMapping;
    this.#lastMapping = remote;
    if (previous && !isSameAddress(previous, remote)) this.host.emit({ type: 'rebound', previous, ...view });
    else this.host.emit({ type: 'verified', ...view });
    if (nat === 'none') this.host.emit({ type: 'direct', ...view });
  }

  #handleConsent(path: ActivePath, challenge: Challenge, seenAs: TransportAddress, nowMs: number): void {
    const isNewGeneration = challenge === path.recheck;
    path.noteResponse(challenge, nowMs);
    path.serverSeenAs = seenAs;
    if (isNewGeneration) this.#announce(path);
  }

  /** Rule 5.8: consent, and its end. */
  #pumpActive(path: ActivePath, nowMs: number): void {
    if (nowMs >= path.expiresMs) {
      this.#release(...path.forgetOutstanding());
      this.#active = undefined;
      this.host.deactivate();
      return this.host.emit({ type: 'expired', remote: path.remote });
    }
    if (path.recheck && path.recheck.nextMs <= nowMs) {
      path.recheck.noteSent(nowMs);
      this.host.transmit('challenges', path.recheck.bytes, path.remote);
    }
    if (nowMs >= path.nextConsentMs) {
      const challenge = this.#challenger.create(path.remote, ONCE_MS);
      challenge.noteSent(nowMs);
      this.host.transmit('challenges', challenge.bytes, path.remote);
      const superseded = path.noteConsentSent(challenge, nowMs, this.host.random);
      if (superseded) this.#release(superseded);
    }
  }

  #accepts(message: Response, source: TransportAddress, challenge: Challenge): boolean {
    const fault = this.#challenger.fault(message, source, challenge);
    if (fault) this.host.drop(fault);
    else {
      this.#release(challenge);
      this.host.claim(source);
    }
    return fault === undefined;
  }

  #forget(candidate: Candidate): void {
    this.#candidates.remove(candidate);
    this.#release(candidate.challenge);
    if (candidate.ask) this.#release(candidate.ask.challenge);
    this.host.directTargets.release(candidate.remote.address, candidate);
  }

  #forgetCandidates(): void {
    for (const candidate of this.#candidates) this.#forget(candidate);
  }

  #release(...challenges: readonly Challenge[]): void {
    for (const challenge of challenges) this.host.forget(challenge.transaction);
  }
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
