/**
 * How often the gate refused something, by the name of the reason. Counts only; who is told, and how often, is for its owner.
 */
import { GATE_REASONS } from './gate.js';
import type { GateReason } from './gate.js';

/** What the gate did so far. */
export interface GateCounts {
  readonly refused: Readonly<Record<GateReason, number>>;
  /** Refused requests that got an answer: 400, 413 or 505. */
  readonly answered: number;
}

/** The first refusals for each reason are worth an event; a flood of them is not. */
const TOLD = 8;

export class GateCounters {
  readonly #refused = Object.fromEntries(GATE_REASONS.map((reason) => [reason, 0])) as Record<
    GateReason,
    number
  >;
  #answered = 0;

  get counts(): GateCounts {
    return { refused: { ...this.#refused }, answered: this.#answered };
  }

  /** True for the first few of this reason. */
  countRefused(reason: GateReason): boolean {
    return ++this.#refused[reason] <= TOLD;
  }

  countAnswered(): void {
    this.#answered++;
  }
}
