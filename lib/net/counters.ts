// What sockets add to the counters, and what a reader is shown of them: a copy of its own, frozen, so that nobody outside
// changes what was counted.
import { countDrop } from '../core/index.js';
import type { Counters, DropReason } from '../core/index.js';

/** The counters as they were when they were asked for. In packets. */
export interface CountersSnapshot extends Readonly<Omit<Counters, 'dropped'>> {
  readonly dropped: Readonly<Record<DropReason, number>>;
}

export function snapshotOf(counters: Counters): CountersSnapshot {
  return Object.freeze({ ...counters, dropped: Object.freeze({ ...counters.dropped }) });
}

/** A packet that the engine counted as sent did not go out: the socket refused it, at once or later. */
export function countRefused(counters: Counters): void {
  counters.sent--;
  countDrop(counters, 'sendError');
}
