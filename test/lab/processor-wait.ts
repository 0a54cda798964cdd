// How long a program could have gone on but had to wait for a processor: what of a delay is the machine's, and not the program's. The kernel
// counts it (/proc/PID/schedstat, for the thread that runs JavaScript). It judges nothing.
import { readFileSync } from 'node:fs';

const STEP_MS = 5;

export class ProcessorWait {
  readonly #samples: { readonly atMs: number; readonly waitedMs: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.#note();
    this.#timer = setInterval(() => this.#note(), STEP_MS);
  }

  #note(): void {
    const [, waitedNs = ''] = readFileSync(`/proc/${this.pid}/schedstat`, 'latin1').split(' ');
    this.#samples.push({ atMs: Date.now(), waitedMs: Number(waitedNs) / 1e6 });
  }

  stop(): void {
    this.#note();
    clearInterval(this.#timer);
  }

  /** Between two moments, each as of the nearest sample outside. */
  between(fromMs: number, toMs: number): number {
    const before = this.#samples.findLast(({ atMs }) => atMs <= fromMs) ?? this.#samples[0];
    const after = this.#samples.find(({ atMs }) => atMs >= toMs) ?? this.#samples.at(-1);
    return before && after ? after.waitedMs - before.waitedMs : 0;
  }
}
