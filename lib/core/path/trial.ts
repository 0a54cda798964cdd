// Rule 5.11 of protocol.md, whole: the old path is asked too. A candidate that answers its challenge does not get the media
// at once. Somebody who reads the peer's packets can copy them, be challenged, and hand the challenge on to the peer. So the
// path in use is asked at the same time, and what it says decides: silent, and the peer has moved; it answers, and somebody
// copies. This file decides and remembers. It sends and delivers nothing: the verifier does what it decides.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import { CANDIDATE_SCHEDULE_MS, type Challenge } from '../proof/challenge.js';
import { isSamePath, type Path } from '../network-path.js';
import type { VerifiedPath } from './verified-path.js';

/** The path in use is asked twice: one datagram may be lost. */
export const ASK_SCHEDULE_MS: readonly number[] = [0, 15];
/** It counts as silent after one and a half round trips, and not before 30 ms. */
const SILENCE_ROUND_TRIPS = 1.5;
const SILENCE_MIN_MS = 30;
/** For a minute after a conflict it has 2 s, and is asked as often as a candidate. */
const CAUTION_MS = 60_000;
const CAUTIOUS_SILENCE_MS = 2000;
/** Packets kept each way: a third of a second of speech, or 30 ms of video. */
export const MAX_KEPT_PACKETS = 16;
/** If another address answered the candidate's challenge first, the peer may be there: it may win for 5 s more. */
const RELAYED_ANSWER_MS = 5000;
/** A path that the media has left keeps its place in time for so long. */
const RANK_KEPT_MS = 30_000;
/** More switches than this within 30 s are no NAT's doing; the oldest is forgotten. */
const MAX_LEFT_PATHS = 8;

/** The answer of a candidate to its own challenge. */
export interface Answer {
  readonly atMs: number;
  readonly rttMs: number;
  readonly serverSeenAs: TransportAddress;
}

/** All that a decision needs to know of one candidate. */
export interface TrialState {
  /** Undefined while it has not answered. */
  readonly answer: Pick<Answer, 'atMs' | 'rttMs'> | undefined;
  /** When it is forgotten if it does not answer (rule 5.2). */
  readonly endsMs: number;
  /** Its challenge was answered from the address of another candidate first: that one is waited for. */
  readonly givesWay: boolean;
  /** When it was first verified, as 5.11 counts it. */
  readonly rankMs: number;
  /** ICE nominated it above the path in use: then it has the media without a question (8.1). */
  readonly isNominatedAbove: boolean;
  /** Its peer may well answer on several paths, and has not nominated the other one (8.1). */
  readonly mayStandBy: boolean;
  /** Undefined where no path is in use. */
  readonly old: OldPathState | undefined;
}

/** The path in use, from the point of view of the candidate. */
export interface OldPathState {
  readonly rttMs: number;
  readonly rankMs: number;
  /** It has answered what the candidate was asked: who reads that challenge and sits at the old path is the peer. */
  readonly answeredForCandidate: boolean;
  /** Undefined where it has not been asked about this candidate. */
  readonly asked:
    { readonly atMs: number; readonly isCautious: boolean; readonly isAnswered: boolean } | undefined;
}

/**
 * What becomes of a candidate:
 * `forget`: it did not answer. `wait`: it is too early to say. `ask`: the path in use must be asked first.
 * `switch`: the media moves to it. `prefer`: it does, though the path in use may well be there.
 * `stand-by`: both answer, and a peer of this kind may have both.
 * `conflict`: both answer, so somebody copies, and the path in use was verified first: it keeps the media.
 * `return`: both answer, so somebody copies, and the candidate was verified first: it gets the media back.
 */
export type TrialDecision =
  'forget' | 'wait' | 'ask' | 'switch' | 'prefer' | 'stand-by' | 'conflict' | 'return';

export function decideTrial(state: TrialState, nowMs: number): TrialDecision {
  const { answer, old } = state;
  if (!answer) return nowMs >= state.endsMs ? 'forget' : 'wait';
  if (!old) return nowMs >= switchMs(state) ? 'switch' : 'wait';
  if (state.isNominatedAbove) return 'prefer';
  if (!old.asked) return 'ask';
  if (!old.asked.isAnswered && !old.answeredForCandidate) return nowMs >= switchMs(state) ? 'switch' : 'wait';
  if (state.mayStandBy) return 'stand-by';
  return state.rankMs < old.rankMs ? 'return' : 'conflict';
}

/** When a candidate that has answered may take the media, if the path in use stays silent. */
export function switchMs({ answer, old, givesWay }: Pick<TrialState, 'answer' | 'old' | 'givesWay'>): number {
  if (!answer) return Infinity;
  const extraMs = givesWay ? silenceMs(answer.rttMs) : 0;
  if (!old?.asked) return answer.atMs + extraMs;
  const { atMs, isCautious } = old.asked;
  const waitMs = isCautious ? CAUTIOUS_SILENCE_MS : silenceMs(Math.max(old.rttMs, answer.rttMs));
  return atMs + waitMs + extraMs;
}

/** How long a path of this round trip may take to answer before it counts as silent. */
function silenceMs(rttMs: number): number {
  return Math.max(SILENCE_MIN_MS, SILENCE_ROUND_TRIPS * rttMs);
}

/** How the path in use is asked about a candidate. */
export function askScheduleMs(isCautious: boolean): readonly number[] {
  return isCautious ? CANDIDATE_SCHEDULE_MS : ASK_SCHEDULE_MS;
}

/** The path in use while it is asked about one candidate, and the packets of that time. */
export class AskedPath {
  isAnswered = false;
  readonly #sent: Uint8Array[] = [];
  readonly #arrived: Uint8Array[] = [];

  constructor(
    readonly path: VerifiedPath,
    readonly challenge: Challenge,
    /** A conflict was seen within the last minute. */
    readonly isCautious: boolean,
  ) {}

  /** Since when it has had time to answer. */
  get atMs(): number {
    return this.challenge.firstSentMs ?? Infinity;
  }

  noteAnswer(nowMs: number): void {
    this.isAnswered = true;
    this.path.noteResponse(this.challenge, nowMs);
  }

  /** The question, where it is due now: the caller must send it. */
  takeTransmission(nowMs: number): Uint8Array | undefined {
    return this.nextMs > nowMs ? undefined : this.challenge.takeBytes(nowMs);
  }

  get nextMs(): number {
    return this.isAnswered ? Infinity : this.challenge.nextMs;
  }

  /** Payload that went to the old path since it was asked. If that path is gone it is lost, so it goes again to the new one. */
  keepSent(copy: Uint8Array): void {
    if (this.#sent.push(copy) > MAX_KEPT_PACKETS) this.#sent.shift();
  }

  /** Payload that came from the candidate since its answer, to be delivered at the switch. False where it is not kept. */
  keepArrived(bytes: Uint8Array): boolean {
    if (this.isCautious || this.#arrived.length === MAX_KEPT_PACKETS) return false;
    this.#arrived.push(new Uint8Array(bytes));
    return true;
  }

  get sent(): readonly Uint8Array[] {
    return this.#sent;
  }

  takeArrived(): readonly Uint8Array[] {
    return this.#arrived.splice(0);
  }
}

/** What one candidate, and others about it, have answered so far. */
export class Trial {
  answer: Answer | undefined;
  asked: AskedPath | undefined;
  givesWay = false;
  #answeredFrom: TransportAddress | undefined;

  /** The candidate's own valid answer. */
  noteAnswer(challenge: Challenge, serverSeenAs: TransportAddress, nowMs: number): void {
    this.answer = { atMs: nowMs, rttMs: nowMs - (challenge.firstSentMs ?? nowMs), serverSeenAs };
  }

  /** A valid answer to the candidate's challenge came from another address: somebody hands the challenges on, or copies. */
  noteRelayedAnswer(source: TransportAddress): void {
    this.#answeredFrom = source;
  }

  /** Another candidate is there. If it answered this one's challenge, it may be the peer: it is waited for. */
  noteRival(remote: TransportAddress): void {
    if (this.isAnsweredFrom(remote)) this.givesWay = true;
  }

  get isAnsweredFromElsewhere(): boolean {
    return this.#answeredFrom !== undefined;
  }

  isAnsweredFrom(remote: TransportAddress): boolean {
    return this.#answeredFrom !== undefined && isSameAddress(this.#answeredFrom, remote);
  }

  /** The path in use as this candidate's trial sees it. */
  oldPath(path: VerifiedPath): OldPathState {
    return {
      rttMs: path.rttMs,
      rankMs: path.rankMs,
      answeredForCandidate: this.isAnsweredFrom(path.remote),
      asked: this.asked?.path === path ? this.asked : undefined,
    };
  }

  /** When there is something to send or to decide. */
  get nextMs(): number {
    const { asked, answer, givesWay } = this;
    const old = asked && this.oldPath(asked.path);
    return Math.min(asked?.nextMs ?? Infinity, switchMs({ answer, old, givesWay }));
  }

  /** Payload of the candidate while it waits for the old path. False where it is not kept. */
  keepArrived(bytes: Uint8Array): boolean {
    return this.answer !== undefined && this.asked !== undefined && this.asked.keepArrived(bytes);
  }
}

interface LeftPath {
  readonly path: Path;
  readonly rankMs: number;
  readonly untilMs: number;
}

/** Of all whose media has stayed where it was. */
const NONE: readonly LeftPath[] = [];

/** What one component remembers from trial to trial. */
export class TrialHistory {
  #cautiousUntilMs: number | undefined;
  #left = NONE;

  noteConflict(nowMs: number): void {
    this.#cautiousUntilMs = nowMs + CAUTION_MS;
  }

  isCautious(nowMs: number): boolean {
    return this.#cautiousUntilMs !== undefined && nowMs < this.#cautiousUntilMs;
  }

  /** The media has left this path, which was first verified at `rankMs`. */
  noteLeft({ port, remote }: Path, rankMs: number, nowMs: number): void {
    const path = { port, remote };
    const others = this.#left.filter((left) => left.untilMs > nowMs && !isSamePath(left.path, path));
    this.#left = others.slice(1 - MAX_LEFT_PATHS).concat({ path, rankMs, untilMs: nowMs + RANK_KEPT_MS });
  }

  /** Undefined where the media has not left the path, or long ago. */
  rankOfLeft(path: Path, nowMs: number): number | undefined {
    return this.#left.find((one) => one.untilMs > nowMs && isSamePath(one.path, path))?.rankMs;
  }

  forgetPaths(): void {
    this.#left = NONE;
  }
}

/** When a candidate counts as first verified: of two paths that answer, the earlier keeps the media. */
export function rankMs(history: TrialHistory | undefined, path: Path, trial: Trial, nowMs: number): number {
  return history?.rankOfLeft(path, nowMs) ?? nowMs + (trial.isAnsweredFromElsewhere ? RELAYED_ANSWER_MS : 0);
}
