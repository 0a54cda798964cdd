// Rules 8.2.2 and 8.2.3 of protocol.md, whole: whose packets under the peer's key have the media. Whoever reads them can copy them, with
// tags that are right. But he cannot stop those that he copies: they come from the peer's own address too, and that decides. This
// file decides; it keeps nothing and sends nothing.

/** A path counts as silent after three packet times, and not before 60 ms. */
const SILENT_PACKETS = 3;
const SILENT_MIN_MS = 60;
/** For a minute after a conflict it has 2 s (protocol.md 5.11). */
const CAUTIOUS_MS = 2000;
/** So many authentic packets within a second make a source count where a tag has 32 bits: one may be guessed (8.2.1). */
const COUNTED_PACKETS = 3;
export const COUNTED_WITHIN_MS = 1000;
/** Who comes later than this after another has come second, by any clock. */
const TOGETHER_MS = 1000;

/** Who has the better claim where the same packets come from two addresses. */
export interface Claim {
  /** A report has said that what we sent there was received (8.2.4). */
  readonly isShown: boolean;
  /** Its IP address is one of the peer's signalling, or of its description (8). */
  readonly isHome: boolean;
  /** Since when it has been the peer's. */
  readonly rankMs: number;
}

/** Rule 8.2.2: shown, else at home, else the first. */
export function precedes(a: Claim, b: Claim): boolean {
  if (a.isShown !== b.isShown) return a.isShown;
  return a.isHome === b.isHome ? a.rankMs < b.rankMs : a.isHome;
}

/** They came together, and nothing but their order tells the two apart. */
export function isEven(a: Claim, b: Claim): boolean {
  return a.isShown === b.isShown && a.isHome === b.isHome && Math.abs(a.rankMs - b.rankMs) <= TOGETHER_MS;
}

/** All that a decision needs to know of one candidate. */
export interface SrtpTrialState {
  /** Its packets are enough to count. */
  readonly isCounted: boolean;
  /** It has sent something new; else only what the path in use had sent before, as a line does that doubles packets. */
  readonly isNew: boolean;
  /** When it last sent something, and when the first of what counts came. */
  readonly lastMs: number;
  readonly firstMs: number;
  /** Undefined where no path is in use. */
  readonly old:
    | {
        /** Something with a right tag has come from there that the candidate has sent too, or later. */
        readonly isHeard: boolean;
        /** The candidate has the better claim. */
        readonly isPreceded: boolean;
        readonly packetTimeMs: number;
      }
    | undefined;
  readonly isCautious: boolean;
  /** Other candidates that go on meanwhile. */
  readonly rivals: 'none' | 'worse' | 'better';
}

/**
 * What becomes of a candidate:
 * `wait`: it is too early to say. `forget`: it does not go on. `switch`: the media moves to it.
 * `conflict`: somebody copies, and it is the candidate, by all that is known. `return`: somebody copies, and it is the path in use.
 */
export type SrtpTrialDecision = 'wait' | 'forget' | 'switch' | 'conflict' | 'return';

export function decideSrtpTrial(state: SrtpTrialState, nowMs: number): SrtpTrialDecision {
  const { isCounted, lastMs, old, rivals } = state;
  if (!isCounted) return nowMs >= lastMs + COUNTED_WITHIN_MS ? 'forget' : 'wait';
  if (!old) return state.isNew ? 'switch' : 'forget';
  if (old.isHeard) return old.isPreceded ? 'return' : 'conflict';
  if (nowMs < dueMs(state)) return 'wait';
  if (!state.isNew) return 'forget';
  if (rivals === 'none') return 'switch';
  if (nowMs - lastMs >= silenceMs(old.packetTimeMs)) return 'forget';
  return rivals === 'better' ? 'conflict' : 'switch';
}

/** When there is something to decide, if nothing comes. */
export function dueMs({ isCounted, lastMs, firstMs, old, isCautious }: SrtpTrialState): number {
  if (!isCounted) return lastMs + COUNTED_WITHIN_MS;
  if (!old) return firstMs;
  return firstMs + (isCautious ? CAUTIOUS_MS : silenceMs(old.packetTimeMs));
}

export function silenceMs(packetTimeMs: number): number {
  return Math.max(SILENT_MIN_MS, SILENT_PACKETS * packetTimeMs);
}

/** Of the times at which short tags were right: whether they are enough, now that one more is. */
export function isCounted(atMs: readonly number[], nowMs: number): boolean {
  const within = atMs.filter((oneMs) => nowMs - oneMs <= COUNTED_WITHIN_MS);
  return within.length >= COUNTED_PACKETS;
}
