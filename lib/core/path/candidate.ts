// Candidates: paths that may be the peer's and have not proved it yet. How much may be sent to one (protocol.md 5.4), how many
// there may be, and who makes room for whom (5.9). It holds no keys and sends nothing.
import { isSameAddress, type TransportAddress } from '../../wire/index.js';
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import { isWithinLimit } from './amplification.js';
import { Trial } from './trial.js';
import { VerifiedPath } from './verified-path.js';
import { CANDIDATE_LIFETIME_MS, type Challenge } from '../proof/challenge.js';
import type { Random } from '../crypto.js';

/** Work and memory stay constant under a flood: protocol.md 5.9. */
export const MAX_CANDIDATES = 8;
export const ADMISSIONS_PER_SECOND = 20;

export class Candidate implements Path {
  readonly port: LocalPort;
  readonly remote: TransportAddress;
  receivedBytes = 0;
  sentBytes = 0;
  lastReceivedMs: number;
  /** Datagrams that may still go out beyond the budget: rule 5.7's few, else none. */
  freeDatagrams = 0;
  /** Rule 5.7's bounds hold one of them back until then. */
  heldUntilMs = Infinity;
  /** Counter of the hello or keepalive that last came from it, -1 where none did or all were stale. */
  counter = -1;
  /** It sends media with the SSRC last heard on the active path. */
  isKnownMedia = false;
  /** It spent the SDP word: nothing displaces it until it fails (protocol.md 5.3). */
  isProven = false;
  /** The priority with which ICE nominated it; -1 where it did not (protocol.md 8.1). */
  nomination = -1;
  /** Its challenge is due, but may not be sent before more bytes have come from it. */
  isBlocked = false;
  /** What it has answered, and what others have answered about it: protocol.md 5.11. */
  readonly trial = new Trial();

  constructor(
    path: Path,
    readonly challenge: Challenge,
    nowMs: number,
  ) {
    ({ port: this.port, remote: this.remote } = path);
    this.lastReceivedMs = nowMs;
  }

  noteReceived(sizeBytes: number, nowMs: number): void {
    this.receivedBytes += sizeBytes;
    this.lastReceivedMs = nowMs;
    this.isBlocked = false;
  }

  /** What may still be answered about it. */
  get outstanding(): readonly Challenge[] {
    const { answer, asked } = this.trial;
    return [...(answer ? [] : [this.challenge]), ...(asked && !asked.isAnswered ? [asked.challenge] : [])];
  }

  fitsBudget(sizeBytes: number): boolean {
    return isWithinLimit(this, sizeBytes);
  }

  /**
   * The bytes of its challenge where a transmission is due and allowed now: it is accounted for, and the caller must send them.
   * `takeFree` asks for one of the datagrams of rule 5.7: it gives when to ask again, or undefined where it may go.
   */
  takeTransmission(nowMs: number, takeFree: () => number | undefined): Uint8Array | undefined {
    if (this.challenge.nextMs > nowMs) return undefined;
    const sizeBytes = this.challenge.bytes.length;
    if (!this.fitsBudget(sizeBytes)) {
      this.heldUntilMs = (this.freeDatagrams === 0 ? Infinity : takeFree()) ?? -Infinity;
      this.isBlocked = this.heldUntilMs > nowMs;
      if (this.isBlocked) return undefined;
      this.freeDatagrams--;
    }
    this.sentBytes += sizeBytes;
    return this.challenge.takeBytes(nowMs);
  }

  /** When it is forgotten: 4700 ms after its first challenge, or after its last byte while that waits for more. */
  get endsMs(): number {
    return (this.challenge.firstSentMs ?? this.lastReceivedMs) + CANDIDATE_LIFETIME_MS;
  }

  get nextMs(): number {
    const trialMs = this.trial.nextMs;
    if (this.trial.answer) return trialMs;
    return Math.min(this.isBlocked ? this.heldUntilMs : this.challenge.nextMs, this.endsMs, trialMs);
  }

  /** The path that it becomes by its answer; undefined while it has none. */
  pathOf(rankMs: number, nowMs: number, random: Random): VerifiedPath | undefined {
    const { answer } = this.trial;
    return answer && new VerifiedPath(this, answer, rankMs, this.nomination, nowMs, random);
  }
}

/** What a datagram says for its sender: how good a claim it has to one of the few places. What it does not say stays as it was. */
export type Sign = Partial<Pick<Candidate, 'counter' | 'isKnownMedia' | 'nomination'>>;

/** Fresh hello before known media before all else (protocol.md 5.9). A hello goes stale when a later one is accepted. */
function rankOf({ counter = -1, isKnownMedia = false }: Sign, highestCounter: number): number {
  if (counter >= 0 && counter === highestCounter) return 3;
  return isKnownMedia ? 2 : 1;
}

const NONE: readonly number[] = [];
/** Of all who have none, which is nearly always. */
const NO_CANDIDATES: readonly Candidate[] = [];

export class CandidateTable {
  #list = NO_CANDIDATES;
  /** Times of the last admissions: at most 20 in any second. */
  #admittedMs: readonly number[] = NONE;

  /** As they are now: what is changed meanwhile is another list. */
  get all(): readonly Candidate[] {
    return this.#list;
  }

  find(path: Path): Candidate | undefined {
    return this.#list.find((candidate) => isSamePath(candidate, path));
  }

  /** Whether one has this remote address, at whichever of our sockets. */
  hasRemote(remote: TransportAddress): boolean {
    return this.#list.some((candidate) => isSameAddress(candidate.remote, remote));
  }

  /**
   * Whether one with this sign would be taken in. Asked before anything is computed for it: one that is refused costs no more than
   * a hello with unknown tags does (protocol.md 5.9).
   */
  mayAdmit(sign: Sign, highestCounter: number, nowMs: number): boolean {
    return this.#hasRoom(nowMs) || this.#worseThan(sign, highestCounter) !== undefined;
  }

  /** Takes the newcomer in, displacing a worse one where all places are taken (protocol.md 5.9). */
  admit(
    newcomer: Candidate,
    highestCounter: number,
    nowMs: number,
  ): { readonly isAdmitted: boolean; readonly displaced?: Candidate } {
    if (this.#hasRoom(nowMs)) {
      this.#noteAdmission(nowMs);
      this.#list = this.#list.concat(newcomer);
      return { isAdmitted: true };
    }
    const displaced = this.#worseThan(newcomer, highestCounter);
    if (!displaced) return { isAdmitted: false };
    this.remove(displaced);
    this.#list = this.#list.concat(newcomer);
    return { isAdmitted: true, displaced };
  }

  /** Payload goes to the active path: one copy for all candidates about which that path is being asked. Runs for every packet. */
  keepSent(bytes: Uint8Array): void {
    let copy: Uint8Array | undefined;
    for (const { trial } of this.#list) {
      if (!trial.asked || trial.asked.isAnswered) continue;
      // A copy also of a Buffer, whose own slice() is none.
      copy ??= new Uint8Array(bytes);
      trial.asked.keepSent(copy);
    }
  }

  remove(candidate: Candidate): void {
    const left = this.#list.filter((other) => other !== candidate);
    this.#list = left.length === 0 ? NO_CANDIDATES : left;
  }

  /** What was admitted longer ago counts no more. */
  handleTimeout(nowMs: number): void {
    const last = this.#admittedMs.at(-1);
    if (last !== undefined && nowMs - last >= 1000) this.#admittedMs = NONE;
  }

  /** The one that gives way to such a newcomer. */
  #worseThan(sign: Sign, highestCounter: number): Candidate | undefined {
    let worst: Candidate | undefined;
    let lowest = rankOf(sign, highestCounter);
    for (const candidate of this.#list) {
      const rank = rankOf(candidate, highestCounter);
      if (candidate.isProven || candidate.trial.answer || rank >= lowest) continue;
      worst = candidate;
      lowest = rank;
    }
    return worst;
  }

  /** A place is free, and one more may be admitted within this second. */
  #hasRoom(nowMs: number): boolean {
    const earliestMs = this.#admittedMs.at(-ADMISSIONS_PER_SECOND) ?? -Infinity;
    return this.#list.length < MAX_CANDIDATES && nowMs - earliestMs >= 1000;
  }

  #noteAdmission(nowMs: number): void {
    const recent = this.#admittedMs.filter((ms) => nowMs - ms < 1000);
    this.#admittedMs = recent.slice(1 - ADMISSIONS_PER_SECOND).concat(nowMs);
  }
}
