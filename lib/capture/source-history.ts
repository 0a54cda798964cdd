/*
 * Which source carried a stream at what time. A source that speaks up takes the stream over, at its first packet, unless a former
 * one goes on as if nothing had been: its own numbers have no gap that the other filled, so it was never away, and the other sent
 * beside it. Who is an intruder is judged later, when it is known what the signalling says (see intruders.ts).
 */
import type { MediaSource } from './media-source.js';
import type { SequenceCount } from './sequence-count.js';

/** The stream went on from another source. */
export interface SourceChange {
  readonly atMs: number;
  /** The first packet from there. */
  readonly frame: number;
  readonly source: MediaSource;
  /** RTP packets that had left the stream's destination by then. */
  readonly sentBefore: number;
}

/** Two sources that sent the same SSRC at the same time: a NAT does not do that. */
export interface SourceConflict {
  readonly holder: MediaSource;
  readonly rival: MediaSource;
}

/** Reason: a flood of changes shall not fill our memory. */
const CHANGES_MAX = 256;
const CONFLICTS_MAX = 64;
/** Packets that were under way when the source changed arrive within this. */
const REORDER_MS = 60;
/** One that sent beside another takes over when that has been silent for so long. */
const SILENCE_MS = 500;
/** RFC 3550 appendix A.1: what is further ahead is no loss, what is so little behind is late. */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const MODULUS = 0x10000;

export class SourceHistory {
  readonly changes: SourceChange[] = [];
  readonly conflicts: SourceConflict[] = [];
  #first: MediaSource | undefined;
  #current: MediaSource | undefined;
  /** Those that were found beside another. */
  #rivals: Set<MediaSource> | undefined;
  /** The one of them that has spoken since the current source last did. */
  #contender: SourceChange | undefined;

  /** The source that carries the stream now. */
  get current(): MediaSource | undefined {
    return this.#current;
  }

  /** One packet, before its number is counted; `all` has the numbers of all sources. */
  take(sequence: number, now: SourceChange, all: SequenceCount): void {
    const { source, atMs } = now;
    const current = this.#current;
    if (source === current) {
      this.#contender = undefined;
      return;
    }
    if (!current) {
      this.#first = this.#current = source;
      return;
    }
    if (source.packets > 0) {
      const step = source.count.distanceTo(sequence);
      if (step === 0 || step > MODULUS - MAX_MISORDER) return;
      const ahead = all.distanceTo(sequence);
      const isUnderWay = (ahead === 0 || ahead >= MAX_DROPOUT) && atMs - this.#changedMs <= REORDER_MS;
      if (isUnderWay) return;
      if (!hasBeenAway(source, step, current, all)) return this.#keep(now);
      if (this.#rivals?.has(source)) return this.#contend(now);
    }
    this.#move(now);
  }

  /** At the end of the capture: one that took over just before it. */
  finish(): void {
    const [contender, current] = [this.#contender, this.#current];
    if (contender && current && contender.source.lastMs > current.lastMs) this.#move(contender);
  }

  get #changedMs(): number {
    return this.changes.at(-1)?.atMs ?? -Infinity;
  }

  #move(change: SourceChange): void {
    this.#contender = undefined;
    if (this.changes.length === CHANGES_MAX) return;
    this.changes.push(change);
    this.#current = change.source;
  }

  /** This source never left: whoever took over from it since then was beside it. */
  #keep(now: SourceChange): void {
    const { source } = now;
    const at = this.changes.findLastIndex((one) => one.source === source);
    if (at < 0 && source !== this.#first) return this.#contend(now);
    if (this.#rivals?.has(source)) return this.#contend(now);
    for (const { source: rival } of this.changes.splice(at + 1)) {
      (this.#rivals ??= new Set()).add(rival);
      const isKnown = this.conflicts.some((one) => one.holder === source && one.rival === rival);
      if (!isKnown && this.conflicts.length < CONFLICTS_MAX) this.conflicts.push({ holder: source, rival });
    }
    this.#current = source;
    this.#contender = undefined;
  }

  #contend(now: SourceChange): void {
    const contender = this.#contender;
    if (!contender || contender.source.lastMs < now.atMs - 2 * SILENCE_MS) this.#contender = now;
    else if (contender.source === now.source && now.atMs >= contender.atMs + SILENCE_MS) {
      this.#rivals?.delete(now.source);
      this.#move(contender);
    }
  }
}

/** Its numbers have a gap as wide as what others sent meanwhile, and those of the current source lie in it. */
function hasBeenAway(source: MediaSource, step: number, current: MediaSource, all: SequenceCount): boolean {
  if (step >= MAX_DROPOUT) return true;
  const others = all.packets - source.lastOfStream;
  return step - 1 > others / 2 && source.count.distanceTo(current.count.highest) < step;
}
