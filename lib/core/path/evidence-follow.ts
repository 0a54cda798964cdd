// Rule 8.3.7 of protocol.md, whole: what becomes of a source that goes on with the locked stream from elsewhere. The numbers of the stream are known to
// those only who get or read its packets. Who reads them can copy them, but cannot stop the phone: its own packets go on to come. This
// file decides; it keeps nothing and sends nothing.

const SILENT_PACKETS = 3;
const SILENT_MIN_MS = 60;
/** For a minute after a conflict. */
const CAUTIOUS_MS = 200;
/** Packets from there. */
const ENOUGH_PACKETS = 3;
/** A stray packet that looked like one of the stream. */
const FORGET_MS = 1000;

export interface FollowState {
  readonly packets: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** When the old source last sent one of its streams that has not come from there; -Infinity: it has not since. */
  readonly oldMs: number;
  /** The old source, or another candidate, has sent a later packet than the first from there, or goes on with another of the streams. */
  readonly isOldHeard: boolean;
  /** Of the locked stream. */
  readonly packetTimeMs: number;
  /** There was a conflict within the last minute. */
  readonly isCautious: boolean;
}

export type FollowDecision = 'wait' | 'switch' | 'conflict' | 'forget';

export function decideFollow(state: FollowState, nowMs: number): FollowDecision {
  if (state.isOldHeard) return 'conflict';
  if (nowMs >= state.lastMs + FORGET_MS) return 'forget';
  return state.packets >= ENOUGH_PACKETS && nowMs >= silentAtMs(state) ? 'switch' : 'wait';
}

/** When there is something to decide, if nothing comes. */
export function followDueMs(state: FollowState): number {
  const dueMs = silentAtMs(state);
  return state.packets >= ENOUGH_PACKETS && state.lastMs < dueMs
    ? Math.min(dueMs, state.lastMs + FORGET_MS)
    : state.lastMs + FORGET_MS;
}

function silentAtMs({ firstMs, oldMs, packetTimeMs, isCautious }: FollowState): number {
  return (
    Math.max(firstMs, oldMs) +
    Math.max(SILENT_MIN_MS, SILENT_PACKETS * packetTimeMs, isCautious ? CAUTIOUS_MS : 0)
  );
}
