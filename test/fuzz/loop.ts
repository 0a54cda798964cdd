// The loop of one target: take an input of the corpus, change it, run it, keep it where it reaches something new, and
// make a finding small. It runs in a worker, so that whoever started it can end an input that does not end.
import { parentPort, workerData } from 'node:worker_threads';
import { Prng } from '../support/prng.js';
import { Coverage } from './coverage.js';
import { mutate } from './mutation.js';
import { fromLatin1 } from './target.js';
import type { Target } from './target.js';

export interface Job {
  readonly root: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly counters: number;
  readonly files: readonly { readonly file: string; readonly from: number; readonly to: number }[];
  readonly corpus: readonly Uint8Array[];
  /** It ends with so many; a handful where it is not said. */
  readonly maxFindings?: number;
  /** The count of executions, the length of the input that runs, and the input. */
  readonly shared: SharedArrayBuffer;
}

export interface Finding {
  readonly reason: string;
  readonly bytes: Uint8Array;
}

export interface Outcome {
  readonly executions: number;
  readonly seconds: number;
  readonly hits: number;
  readonly counters: number;
  /** The smallest inputs that together reach all that was reached. */
  readonly corpus: readonly Uint8Array[];
  readonly files: readonly { readonly file: string; readonly hits: number; readonly counters: number }[];
}

export type Message = { readonly finding: Finding } | { readonly outcome: Outcome };

export const SHARED_BYTES = 1 << 20;
export const SHARED_HEAD_BYTES = 8;
const SLOW_MS = 40;
/** One fault has many inputs: a handful of each kind is enough to find it. */
const MAX_FINDINGS = 20;
const MINIMISING_EXECUTIONS = 3000;
const TRIMMING_EXECUTIONS = 24;

export class Loop {
  readonly #coverage: Coverage;
  readonly #prng: Prng;
  readonly #corpus: Uint8Array[] = [];
  readonly #kinds = new Set<string>();
  readonly #head: Int32Array;
  readonly #current: Uint8Array;
  #executions = 0;

  constructor(
    private readonly target: Target,
    private readonly job: Job,
    private readonly tell: (finding: Finding) => void,
  ) {
    this.#coverage = new Coverage(job.counters);
    this.#prng = new Prng(job.seed);
    this.#head = new Int32Array(job.shared, 0, 2);
    this.#current = new Uint8Array(job.shared, SHARED_HEAD_BYTES);
  }

  run(): Outcome {
    const startMs = performance.now();
    const { maxFindings = MAX_FINDINGS } = this.job;
    for (const bytes of this.job.corpus) this.#try(bytes, true);
    // A Buffer's slice() is no copy.
    for (const bytes of this.target.seeds(this.job.root))
      this.#try(Uint8Array.from(bytes.subarray(0, this.target.maxBytes)));
    if (this.#corpus.length === 0) this.#corpus.push(new Uint8Array());
    const dictionary = this.target.dictionary.map((word) =>
      typeof word === 'string' ? fromLatin1(word) : word,
    );
    const material = { dictionary, other: () => this.#prng.pick(this.#corpus) };
    while (performance.now() - startMs < this.job.durationMs && this.#kinds.size < maxFindings)
      this.#try(mutate(this.#choose(), this.target.maxBytes, material, this.#prng));
    return {
      executions: this.#executions,
      seconds: (performance.now() - startMs) / 1000,
      hits: this.#coverage.hits(),
      counters: this.job.counters,
      files: this.job.files.map(({ file, from, to }) => ({
        file,
        hits: this.#coverage.hits(from, to),
        counters: to - from,
      })),
      corpus: this.#smallest(),
    };
  }

  /** The newest reach farthest; the others must not be forgotten. */
  #choose(): Uint8Array {
    const { length } = this.#corpus;
    const index = this.#prng.chance(0.4)
      ? length - 1 - this.#prng.integer(Math.ceil(length / 5))
      : this.#prng.integer(length);
    return this.#corpus[index]!;
  }

  #try(bytes: Uint8Array, isKept = false): void {
    const reason = this.#execute(bytes);
    if (reason !== undefined) return this.#report(reason, bytes);
    if (this.#coverage.end() || isKept) this.#corpus.push(isKept ? bytes : this.#trim(bytes));
  }

  /** Why the input is a finding; undefined where all is well. */
  #execute(bytes: Uint8Array): string | undefined {
    this.#current.set(bytes.subarray(0, this.#current.length));
    this.#head[1] = bytes.length;
    Atomics.store(this.#head, 0, ++this.#executions);
    const copy = bytes.slice();
    this.#coverage.begin();
    const startMs = performance.now();
    try {
      this.target.run(copy);
    } catch (error) {
      return describe(error);
    }
    const tookMs = performance.now() - startMs;
    const { base, perByte } = this.target.work;
    const slowMs = this.target.slowMs ?? SLOW_MS;
    if (this.#coverage.work() > base + perByte * bytes.length)
      return `work: more than ${base} and ${perByte} a byte`;
    return tookMs > slowMs && this.#isSlow(bytes, slowMs) ? `slow: more than ${slowMs} ms` : undefined;
  }

  /** Others use the machine too: once more by the time that this process had, and again. */
  #isSlow(bytes: Uint8Array, slowMs: number): boolean {
    for (let again = 0; again < 3; again++) {
      const before = process.cpuUsage();
      this.target.run(bytes.slice());
      const { user, system } = process.cpuUsage(before);
      if ((user + system) / 1000 <= slowMs) return false;
    }
    return true;
  }

  #report(reason: string, bytes: Uint8Array): void {
    const kind = kindOf(reason);
    if (this.#kinds.has(kind)) return;
    this.#kinds.add(kind);
    const small = this.#minimise(bytes, kind);
    this.tell({ reason, bytes: small });
  }

  #minimise(bytes: Uint8Array, kind: string): Uint8Array {
    let left = MINIMISING_EXECUTIONS;
    const fails = (input: Uint8Array): boolean => {
      left--;
      const reason = this.#execute(input);
      return reason !== undefined && kindOf(reason) === kind;
    };
    return shrink(bytes, fails, () => left > 0);
  }

  /** Shorter, while it still reaches the same. */
  #trim(bytes: Uint8Array): Uint8Array {
    if (bytes.length < 16) return bytes;
    const reached = this.#coverage.reached();
    let left = TRIMMING_EXECUTIONS;
    const reachesAll = (input: Uint8Array): boolean => {
      left--;
      if (this.#execute(input) !== undefined) return false;
      this.#coverage.end();
      const now = this.#coverage.reached();
      return reached.every((magnitude, i) => (now[i]! & magnitude) === magnitude);
    };
    return shrink(bytes, reachesAll, () => left > 0);
  }

  #smallest(): Uint8Array[] {
    const covered = new Uint8Array(this.job.counters);
    const kept: Uint8Array[] = [];
    for (const bytes of this.#corpus.toSorted((a, b) => a.length - b.length)) {
      if (this.#execute(bytes) !== undefined) continue;
      const reached = this.#coverage.reached();
      if (reached.every((magnitude, i) => (covered[i]! & magnitude) === magnitude)) continue;
      reached.forEach((magnitude, i) => (covered[i]! |= magnitude));
      kept.push(bytes);
    }
    return kept;
  }
}

/** Takes parts out, halves first, while what is left is as wanted. */
function shrink(
  bytes: Uint8Array,
  isWanted: (input: Uint8Array) => boolean,
  mayGoOn: () => boolean,
): Uint8Array {
  let best = bytes;
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1 && mayGoOn();
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = best.length - size; at > -size && mayGoOn(); at -= size) {
      const from = Math.max(0, at);
      const shorter = new Uint8Array(best.length - Math.min(size, best.length - from));
      shorter.set(best.subarray(0, from));
      shorter.set(best.subarray(from + size), from);
      if (shorter.length < best.length && isWanted(shorter)) best = shorter;
    }
  }
  return best;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw: ${String(error)}`;
  const place = (error.stack ?? '').split('\n').find((line) => /^\s+at /.test(line) && !/ hold /.test(line));
  return `${error.name}: ${error.message}${place === undefined ? '' : ` ${place.trim().replace(/\(.*[\\/]/, '(')}`}`;
}

/** Findings that differ by numbers, or by what they quote, are one. */
function kindOf(reason: string): string {
  return reason
    .replace(/\d+/g, '0')
    .replace(/"[^]*"/g, '""')
    .slice(0, 160);
}

export function fuzz(target: Target): void {
  const post = (message: Message): void => parentPort?.postMessage(message);
  const loop = new Loop(target, workerData as Job, (finding) => post({ finding }));
  post({ outcome: loop.run() });
}
