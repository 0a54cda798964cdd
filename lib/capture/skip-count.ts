/*
 * How many packets of a capture gave nothing, by reason.
 */
import type { SkipReason } from './traffic.js';

export class SkipCount {
  readonly #counts: Partial<Record<SkipReason, number>> = {};

  add(reason: SkipReason, packets = 1): void {
    this.#counts[reason] = (this.#counts[reason] ?? 0) + packets;
  }

  /** A copy; reasons that never occurred are absent. */
  counts(): Partial<Record<SkipReason, number>> {
    return { ...this.#counts };
  }
}
