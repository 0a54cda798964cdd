// The port questions of one stream of a peer without a key, as they go (protocol.md 8.3.6): when the signalling is told to put one, which port it is about, what
// the peer answered, which sources have moved there, and which port is let go of afterwards. What a move is worth is decided in port-question.ts.
import type { QuestionOutcome } from '../call-place.js';
import { ipKey } from '../ip-key.js';
import type { LocalPort, Path } from '../network-path.js';
import type { EvidenceFacts } from './evidence-facts.js';
import type { EvidenceHost } from './evidence-host.js';
import type { EvidenceSource } from './evidence-source.js';
import type { EvidenceSources } from './evidence-sources.js';
import { isHome } from './home.js';
import {
  decideMove,
  endsMs,
  isUnanswered,
  MAX_ATTEMPTS,
  mayBegin,
  unansweredMs,
  type Mover,
  type PortQuestion,
  type QuestionReason,
} from './port-question.js';
import { AHEAD_STEP, type RtpPlace } from './stream-run.js';

/** A stream that begins has become a run by then, or is none. */
const BEGINNING_MS = 1000;
/** The port that the peer has left closes so much later. */
const RELEASE_MS = 500;
/** Where the limits leave no question for longer, none can be put. */
const LIMITED_MS = 1000;

interface SourceMover extends Mover {
  readonly source: EvidenceSource;
}

/** What is asked for, and told. */
export interface AskingOwner {
  /** The source that the peer is taken for. */
  readonly active: EvidenceSource | undefined;
  /** This source has moved, and is the peer. */
  lock(source: EvidenceSource, ground: 'question', nowMs: number): void;
  /** There is something to decide then. */
  due(atMs: number): void;
}

export class PortAsking {
  #question: PortQuestion | undefined;
  #deferred: Pick<PortQuestion, 'reason' | 'attempt'> | undefined;
  /** A question was refused or not answered, or nobody can put one. */
  #isUnaskable = false;
  /** A port that is to be told in our next answer. */
  #prepared: LocalPort | undefined;
  #leaving: { readonly port: LocalPort; readonly atMs: number } | undefined;

  constructor(
    private readonly host: EvidenceHost,
    private readonly facts: EvidenceFacts,
    private readonly sources: EvidenceSources,
    private readonly owner: AskingOwner,
  ) {}

  /** One is under way. */
  get isOn(): boolean {
    return this.#question !== undefined;
  }

  /** The port that the peer is asked to send to. */
  get port(): LocalPort | undefined {
    return this.#question?.port;
  }

  /** It is put, and decides by itself who the peer is, unless it is not answered. */
  isDeciding(nowMs: number): boolean {
    return this.#question?.askedMs !== undefined && !isUnanswered(this.#question, nowMs);
  }

  /** One is on its way, or can be put soon. */
  canAsk(nowMs: number): boolean {
    if (this.#isUnaskable) return false;
    return this.isOn || this.host.owner.session.questions.freeMs(nowMs) <= nowMs + LIMITED_MS;
  }

  /** Has the signalling put the question, as soon as the limits allow. */
  ask(reason: QuestionReason, nowMs: number, attempt = 1): void {
    if (this.#question || this.#isUnaskable || !this.facts.isConfirmed) return;
    const { questions } = this.host.owner.session;
    const freeMs = questions.freeMs(nowMs);
    this.#deferred = nowMs < freeMs ? { reason, attempt } : undefined;
    if (this.#deferred) return this.owner.due(freeMs);
    this.#makeRoom();
    questions.note(nowMs);
    this.#question = {
      ...{ reason, dueMs: nowMs, attempt },
      ...{ port: undefined, askedMs: undefined, answeredMs: undefined },
    };
    this.host.owner.tell({ type: 'question' });
    this.owner.due(unansweredMs(this.#question));
  }

  /** There is room for one port more: of two the one goes that nothing is locked at. */
  #makeRoom(): void {
    const { ports } = this.host.owner;
    if (ports.length < 2) return;
    const kept = this.owner.active?.port ?? ports.at(-1);
    const idle = ports.find((port) => port !== kept);
    if (idle) this.host.owner.release(idle);
  }

  /** Whether our answer should tell another port: one is free for it, and the limits leave a question (protocol.md 8.3.8). */
  mayTellPort(nowMs: number): boolean {
    return (
      this.host.owner.ports.length === 1 &&
      !this.#question &&
      this.host.owner.session.questions.freeMs(nowMs) <= nowMs
    );
  }

  handlePortAdded(port: LocalPort): void {
    if (this.#question && !this.#question.port) this.#question.port = port;
    else this.#prepared = port;
  }

  handlePortRemoved(port: LocalPort): void {
    if (this.#question?.port === port) this.#end();
    if (this.#leaving?.port === port) this.#leaving = undefined;
    if (this.#prepared === port) this.#prepared = undefined;
  }

  /** A description of ours has told all ports that there are. */
  handleTold(nowMs: number): void {
    const question = this.#question;
    if (question?.port && question.askedMs === undefined) question.askedMs = nowMs;
    else if (this.#prepared) {
      this.host.owner.session.questions.note(nowMs);
      this.#question = {
        ...{ reason: 'reoffer', dueMs: nowMs, attempt: 1 },
        ...{ port: this.#prepared, askedMs: nowMs, answeredMs: nowMs },
      };
    }
    this.#prepared = undefined;
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
        this.#end();
        if (question.port) this.host.owner.release(question.port);
    }
  }

  /** A source is first heard with a stream at the port that was asked for: does it go on there with what came to the port before? */
  noteFirst(source: EvidenceSource, place: RtpPlace, nowMs: number): void {
    const question = this.#question;
    if (question?.askedMs === undefined || source.port !== question.port || nowMs > endsMs(question)) return;
    if (mayBegin(question)) source.hasMoved = true;
    for (const old of this.#atOldPort(question)) {
      const stream = old.streams.get(place.ssrc);
      const step = stream ? (place.sequence - stream.sequence) & 0xffff : 0;
      const isNext = step >= 1 && step <= AHEAD_STEP;
      const isStream = stream?.isEstablished === true && isNext && this.#mayGoOn(old, source);
      const isSource = isSameRemote(old, source);
      if (isStream || (isSource && old.firstRunMs < Infinity)) source.hasMoved = source.goesOn = true;
      if (source.hasMoved && (isStream || isSource))
        source.movesBefore = Math.max(source.movesBefore, old.movesBefore);
    }
  }

  /** A NAT gives it another port; another IP address only where it is one that the peer may have: there are IPv6 addresses for every packet. */
  #mayGoOn(old: Path, { remote }: Path): boolean {
    return isHome(this.host.owner, remote.address) || ipKey(old.remote.address) === ipKey(remote.address);
  }

  /** What the limits did not allow before, and ports that are left. */
  settleBefore(nowMs: number): void {
    if (this.#leaving && nowMs >= this.#leaving.atMs) {
      const { port } = this.#leaving;
      this.#leaving = undefined;
      this.host.owner.release(port);
    } else if (this.#leaving) this.owner.due(this.#leaving.atMs);
    if (this.#deferred) this.ask(this.#deferred.reason, nowMs, this.#deferred.attempt);
  }

  settle(nowMs: number): void {
    const question = this.#question;
    if (!question) return;
    if (isUnanswered(question, nowMs)) this.#isUnaskable = true;
    else if (question.answeredMs === undefined) this.owner.due(unansweredMs(question));
    if (question.askedMs === undefined) {
      if (nowMs < endsMs(question)) return this.owner.due(endsMs(question));
      return this.#end();
    }
    const decision = decideMove(question, this.#moversOf(question), this.#beginningUntilMs(question), nowMs);
    switch (decision.kind) {
      case 'wait':
        return this.owner.due(decision.untilMs);
      case 'lock':
        return this.lockMoved(decision.mover.source, nowMs);
      case 'twice':
        decision.mover.source.movesBefore++;
        return this.#askAgain(question, nowMs);
      case 'again':
        return this.#askAgain(question, nowMs);
      case 'over':
        this.#end();
        if (question.answeredMs !== undefined) {
          if (!this.owner.active) this.#leaveAllBut(question.port, nowMs);
        } else if (question.port) this.host.owner.release(question.port);
    }
  }

  /** The peer is at the port that was asked for. */
  lockMoved(source: EvidenceSource, nowMs: number): void {
    const port = this.#question?.port;
    this.owner.lock(source, 'question', nowMs);
    this.#end();
    this.#leaveAllBut(port, nowMs);
  }

  /** There is a lock: what was put off is not wanted any more. */
  handleLocked(): void {
    this.#deferred = undefined;
  }

  stop(): void {
    this.#question = this.#deferred = this.#leaving = undefined;
  }

  #askAgain({ reason, attempt, port }: PortQuestion, nowMs: number): void {
    this.#end();
    // Two ports at a time: that of a lock stays, else the one that was told last.
    const kept = this.owner.active?.port ?? port;
    for (const other of [...this.host.owner.ports]) if (other !== kept) this.host.owner.release(other);
    if (attempt < MAX_ATTEMPTS) this.ask(reason, nowMs, attempt + 1);
  }

  #leaveAllBut(port: LocalPort | undefined, nowMs: number): void {
    const old = this.host.owner.ports.find((other) => other !== port);
    if (!old || !port) return;
    this.#leaving = { port: old, atMs: nowMs + RELEASE_MS };
    this.owner.due(this.#leaving.atMs);
  }

  #end(): void {
    this.#question = undefined;
    for (const source of this.sources.all) source.hasMoved = source.goesOn = false;
  }

  #atOldPort({ port }: PortQuestion): readonly EvidenceSource[] {
    const { active } = this.owner;
    const sources = this.sources.all.filter((source) => source.port !== port);
    return active && active.port !== port ? [...sources, active] : sources;
  }

  #beginningUntilMs({ port }: PortQuestion): number {
    const beginning = this.sources.all.filter(
      (source) => source.port === port && source.hasMoved && source.firstRunMs === Infinity,
    );
    return Math.max(-Infinity, ...beginning.map(({ firstMs }) => firstMs + BEGINNING_MS));
  }

  #moversOf(question: PortQuestion): readonly SourceMover[] {
    const old = this.#atOldPort(question);
    const movers = this.sources.all.filter(
      (source) =>
        source.port === question.port &&
        source.hasMoved &&
        source.firstRunMs < Infinity &&
        this.#mayAnswer(source, question),
    );
    return movers.map((source) => {
      const before = old.filter(
        (one) =>
          isSameRemote(one, source) ||
          (this.#mayGoOn(one, source) && [...source.streams.keys()].some((ssrc) => one.streams.has(ssrc))),
      );
      return {
        source,
        ground: this.facts.groundOf(source),
        isSuspect: this.facts.isSuspect(source),
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
    return (
      this.facts.groundOf(source) !== undefined || (reason === 'stranger' && !this.facts.isSuspect(source))
    );
  }
}

function isSameRemote(a: Path, b: Path): boolean {
  return a.remote.port === b.remote.port && a.remote.address === b.remote.address;
}
