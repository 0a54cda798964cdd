/*
 * A beat every 20 ms, by the clock and not by the beat before, so that it does not drift, however late the timers are. After a short
 * stall the beats that were missed follow at once: whoever listens has a buffer, and would else run dry. What a long one has missed is
 * skipped, and told, since nobody wants a burst of the past.
 */
import { performance } from 'node:perf_hooks';
import { FRAME_MS } from './g711.js';

export interface GridOptions {
  readonly onBeat: () => void;
  /** So many beats are not made up for. */
  readonly onSkipped: (beats: number) => void;
  /** Monotonic milliseconds. */
  readonly nowMs?: (() => number) | undefined;
}

/** Reason: no buffer of a phone is longer. */
const MAX_LATE_MS = 200;

export class Grid {
  readonly #options: GridOptions;
  readonly #nowMs: () => number;
  /** When the next beat is due. */
  #dueMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** The first beat comes after 20 ms. */
  constructor(options: GridOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#dueMs = this.#nowMs() + FRAME_MS;
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  readonly #wake = (): void => {
    try {
      this.#beatUntilNow();
    } finally {
      // A listener that throws does not end the beat.
      this.#arm();
    }
  };

  #beatUntilNow(): void {
    const lateMs = this.#nowMs() - this.#dueMs;
    if (lateMs > MAX_LATE_MS) {
      const skipped = Math.floor(lateMs / FRAME_MS);
      this.#dueMs += skipped * FRAME_MS;
      this.#options.onSkipped(skipped);
    }
    while (!this.#isStopped && this.#dueMs <= this.#nowMs()) {
      this.#dueMs += FRAME_MS;
      this.#options.onBeat();
    }
  }

  #arm(): void {
    if (this.#isStopped) return;
    // Unref'd: a call has sockets, which keep the process alive.
    this.#timer = setTimeout(this.#wake, Math.max(0, Math.ceil(this.#dueMs - this.#nowMs()))).unref();
  }
}
