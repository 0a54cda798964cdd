// Rule 8.3.6 of protocol.md, whole: the port question. A port that is told the peer over the signalling is a word, and its stream that goes on there is the
// answer. Who did not see the signalling does not know the port; who sprays all ports has hit others before. This file holds what is known of
// one question, and decides; it sends nothing.
import type { LocalPort } from '../network-path.js';
import { GROUNDS, type Ground } from './evidence-source.js';

/** Without a reply for so long it counts as unanswered; a late answer still counts. */
const UNANSWERED_MS = 2000;
/** For so long the signalling may take to have a port, and after a 491 to ask again (RFC 3261 14.1: 4 s). */
const PUT_MS = 10_000;
/** A transaction is given up after 32 s. */
const GIVE_UP_MS = 33_000;
/** After the answer the stream has so long to go on at the port, or as long as the answer took. */
const MOVE_MS = 500;
/** The answer to an offer of the peer's has to reach it first. */
const REOFFER_MOVE_MS = 2000;
/** It has to be the only one there for so long. */
const ALONE_MS = 60;
/** Whoever sprays all ports may be there before the peer: it has so long from its answer on to send a first run. */
const FIRST_RUN_MS = 100;
const SILENT_PACKETS = 3;

/**
 * Why it is put. `confirmation`: the dialog is confirmed, and nothing else tells the peer. `run`: a home source sends. `contest`: two may be it. `silence`: the
 * locked one is silent, and another sends. `stranger`: only sources send that may not be the peer. `reoffer`: it is our answer to an offer in
 * which the peer has moved.
 */
export type QuestionReason = 'confirmation' | 'run' | 'contest' | 'silence' | 'stranger' | 'reoffer';

export interface PortQuestion {
  readonly reason: QuestionReason;
  /** When the signalling was told to put it. */
  readonly dueMs: number;
  /** How many have been put for the same end, this one included. */
  readonly attempt: number;
  /** Where the peer is asked to send to; undefined until the signalling has a port. */
  port: LocalPort | undefined;
  /** When the offer with it went out; undefined before, and again after a 491. */
  askedMs: number | undefined;
  answeredMs: number | undefined;
}

/** Asked again twice. */
export const MAX_ATTEMPTS = 3;

/** What was begun for the first time there counts, too, and not only what goes on (protocol.md 8.3.6, 8.3.8). */
export function mayBegin({ reason }: PortQuestion): boolean {
  return reason === 'confirmation' || reason === 'reoffer';
}

/** The peer has not answered in time, so that others count without it. */
export function isUnanswered(question: PortQuestion, nowMs: number): boolean {
  return question.answeredMs === undefined && nowMs >= unansweredMs(question);
}

/** When that is, if it does not answer. */
export function unansweredMs({ askedMs, dueMs }: PortQuestion): number {
  return (askedMs ?? dueMs) + UNANSWERED_MS;
}

/** When nothing more is awaited of it. */
export function endsMs({ reason, dueMs, askedMs, answeredMs }: PortQuestion): number {
  if (askedMs === undefined) return dueMs + PUT_MS;
  if (answeredMs === undefined) return askedMs + GIVE_UP_MS;
  return answeredMs + Math.max(reason === 'reoffer' ? REOFFER_MOVE_MS : MOVE_MS, answeredMs - askedMs);
}

/** A source at the port that was asked for, which goes on there or may begin. */
export interface Mover {
  /** Undefined: it may not be the peer (8.3.3). */
  readonly ground: Ground | undefined;
  readonly isSuspect: boolean;
  /** When its first run there was one, and when that began. */
  readonly runMs: number;
  readonly beganMs: number;
  readonly livesUntilMs: number;
  /** When something last came from it to the port before; -Infinity: nothing did. */
  readonly oldLastMs: number;
  readonly packetTimeMs: number;
  /** It has moved with a question before. */
  readonly hasMovedBefore: boolean;
}

/**
 * `wait`: until then, if nothing comes. `lock`: this is the peer. `again`: several have moved. `twice`: this one has to move once more. `over`:
 * nobody has moved.
 */
export type MoveDecision<Of extends Mover> =
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'lock' | 'twice'; readonly mover: Of }
  | { readonly kind: 'again' | 'over' };

export function decideMove<Of extends Mover>(
  question: PortQuestion,
  movers: readonly Of[],
  /** Until when one that has begun there may still become a run; -Infinity: none has. */
  beginningUntilMs: number,
  nowMs: number,
): MoveDecision<Of> {
  const endMs = Math.max(endsMs(question), beginningUntilMs);
  // Whoever is there without the peer's answer has not heard of the port, or the answer is on its way.
  const { answeredMs } = question;
  if (answeredMs === undefined) return nowMs >= endMs ? { kind: 'over' } : { kind: 'wait', untilMs: endMs };
  const all = [...movers].sort((a, b) => rankOf(a) - rankOf(b));
  const living = all.filter(({ livesUntilMs }) => livesUntilMs > nowMs);
  const [mover] = living;
  if (!mover) return nowMs >= endMs ? { kind: 'over' } : { kind: 'wait', untilMs: endMs };
  const rank = rankOf(mover);
  // Of suspects none is in the way of another: whoever sprays has several.
  const rivals = all.filter((other) => other !== mover && rankOf(other) === rank);
  const equals = living.filter((other) => rankOf(other) === rank);
  if (!isStranger(mover) && equals.length > 1) {
    // A burst that came by on its way round is over soon.
    const againMs = Math.max(...equals.map(({ runMs }) => runMs)) + ALONE_MS;
    return nowMs < againMs ? { kind: 'wait', untilMs: againMs } : { kind: 'again' };
  }
  const aloneMs = Math.max(mover.runMs, ...rivals.map(({ livesUntilMs }) => livesUntilMs)) + ALONE_MS;
  // A phone whose user is silent takes longer to show a run than one who sprays.
  const firstMs = isStranger(mover) ? endMs : answeredMs + FIRST_RUN_MS;
  const dueMs = Math.max(aloneMs, firstMs, mover.oldLastMs + silentMs(mover));
  if (nowMs < dueMs)
    return nowMs >= endMs + MOVE_MS
      ? { kind: 'over' }
      : { kind: 'wait', untilMs: Math.min(dueMs, endMs + MOVE_MS) };
  return { kind: isStranger(mover) && !mover.hasMovedBefore ? 'twice' : 'lock', mover };
}

/** Whoever goes round all ports comes by each of them seldom: so long as its first three packets were apart is no silence. */
function silentMs({ packetTimeMs, runMs, beganMs }: Mover): number {
  return SILENT_PACKETS * Math.max(packetTimeMs, (runMs - beganMs) / 2);
}

/** It has to move twice. */
function isStranger({ ground, isSuspect }: Mover): boolean {
  return isSuspect || ground === undefined;
}

function rankOf({ ground, isSuspect }: Mover): number {
  if (isSuspect) return GROUNDS.length + 1;
  return ground === undefined ? GROUNDS.length : GROUNDS.indexOf(ground);
}
