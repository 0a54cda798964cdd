/**
 * How many file descriptors the process may have, as far as the system tells. Where none is left libuv accepts connections and closes them
 * without a word, and no call gets ports: connections must not come that far.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** It can be changed while the process runs. */
const READ_EVERY_MS = 1000;

export class DescriptorLimit {
  readonly #read: () => number;
  #count = Infinity;
  #readMs = -Infinity;

  constructor(read = readLimit) {
    this.#read = read;
  }

  get count(): number {
    const nowMs = performance.now();
    if (nowMs - this.#readMs >= READ_EVERY_MS) {
      this.#readMs = nowMs;
      this.#count = this.#read();
    }
    return this.#count;
  }
}

/** Of Linux; elsewhere nobody knows. */
function readLimit(): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
