// The sources that may be a peer without a key, but for the one that is locked (protocol.md 8.3). Whoever sends from many addresses must not keep the phone
// out: when all places are taken, the better displaces the worse (protocol.md 5.9).
import { isSamePath, type Path } from '../network-path.js';
import type { EvidenceSource } from './evidence-source.js';

const MAX_SOURCES = 16;
/** Of those that may not be the peer. */
const ADMISSIONS_PER_SECOND = 20;
/** A run for sending may take a minute (protocol.md 8.3.1). */
const STALE_MS = 60_000;
/** No run lives longer than this: one that has ended keeps its place only while nobody wants it. */
const SILENT_MS = 500;

export class EvidenceSources {
  #all: EvidenceSource[] = [];
  #admittedMs: number[] = [];

  get all(): readonly EvidenceSource[] {
    return this.#all;
  }

  get size(): number {
    return this.#all.length;
  }

  has(source: EvidenceSource): boolean {
    return this.#all.includes(source);
  }

  find(path: Path): EvidenceSource | undefined {
    return this.#all.find((source) => isSamePath(source, path));
  }

  /** False where there is no place. */
  admit(source: EvidenceSource, nowMs: number, forget: (worst: EvidenceSource) => void): boolean {
    if (source.rank === 0) {
      this.#admittedMs = this.#admittedMs.filter((atMs) => nowMs - atMs < 1000);
      if (this.#admittedMs.length === ADMISSIONS_PER_SECOND) return false;
      this.#admittedMs.push(nowMs);
    }
    return this.add(source, forget);
  }

  add(source: EvidenceSource, forget: (worst: EvidenceSource) => void): boolean {
    if (this.#all.length === MAX_SOURCES) {
      const worst = this.#all.reduce((a, b) => (isWorse(b, a) ? b : a));
      const isHeard = worst.firstRunMs < Infinity && source.lastMs - worst.lastMs < SILENT_MS;
      if (isHeard && worst.rank >= source.rank) return false;
      if (worst.rank > source.rank) return false;
      forget(worst);
    }
    this.#all = [...this.#all, source];
    return true;
  }

  remove(source: EvidenceSource): void {
    this.#all = this.#all.filter((other) => other !== source);
  }

  dropStale(nowMs: number, forget: (source: EvidenceSource) => void): void {
    for (const source of this.#all) if (nowMs - source.lastMs > STALE_MS) forget(source);
  }

  /** What goes to the locked source goes again to the one that goes on with its stream, if it is gone. */
  keepSent(bytes: Uint8Array): void {
    if (this.#all.length === 0) return;
    let copy: Uint8Array | undefined;
    for (const source of this.#all) if (source.following) source.keepSent((copy ??= new Uint8Array(bytes)));
  }
}

/** One without a run, of a lesser right, longer silent. */
function isWorse(a: EvidenceSource, b: EvidenceSource): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank;
  const [isRunA, isRunB] = [a.firstRunMs < Infinity, b.firstRunMs < Infinity];
  return isRunA === isRunB ? a.lastMs < b.lastMs : !isRunA;
}
