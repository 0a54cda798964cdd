// How many port questions may be put (protocol.md 8.3.6): whoever contests every call would have every phone of a process asked without end.

const MINUTE_MS = 60_000;
const PER_MINUTE = 3;
const TEN_MINUTES_MS = 600_000;
const PER_TEN_MINUTES = 10;
const SECOND_MS = 1000;
const PER_SECOND = 20;

/** Of one call. A question of several streams that goes out at one moment is one. */
export class CallQuestions {
  #atMs: number[] = [];

  constructor(private readonly all: ProcessQuestions) {}

  /** When the next may be put: in the past, or now, where one may. */
  freeMs(nowMs: number): number {
    this.#atMs = this.#atMs.filter((atMs) => nowMs - atMs < TEN_MINUTES_MS);
    const times = this.#atMs;
    if (times.at(-1) === nowMs) return nowMs;
    const minuteMs = (times.at(-PER_MINUTE) ?? -Infinity) + MINUTE_MS;
    const tenMinutesMs = (times.at(-PER_TEN_MINUTES) ?? -Infinity) + TEN_MINUTES_MS;
    return Math.max(minuteMs, tenMinutesMs, this.all.freeMs(nowMs));
  }

  /** One is put. */
  note(nowMs: number): void {
    if (this.#atMs.at(-1) === nowMs) return;
    this.#atMs.push(nowMs);
    this.all.note(nowMs);
  }
}

/** Of all calls. */
export class ProcessQuestions {
  #atMs: number[] = [];

  freeMs(nowMs: number): number {
    this.#atMs = this.#atMs.filter((atMs) => nowMs - atMs < SECOND_MS);
    return (this.#atMs.at(-PER_SECOND) ?? -Infinity) + SECOND_MS;
  }

  note(nowMs: number): void {
    this.#atMs.push(nowMs);
  }
}
