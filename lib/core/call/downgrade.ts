// Whether a transport goes on with less than it had (protocol.md P10). A decision and nothing else.
import { srtpTermsOf, type Agreement } from './agreement.js';

/** What is remembered of an agreement, to hold later ones against it. */
export interface Standing {
  readonly kind: Agreement['kind'];
  /** Its media is SRTP with keys of ours. */
  readonly isSealed: boolean;
}

export type Lost = 'latch' | 'ICE' | 'SRTP';

/** What proves most stands highest (protocol.md 8). */
const RANKS: Readonly<Record<Agreement['kind'], number>> = {
  latch: 3,
  ice: 2,
  srtp: 1,
  evidence: 0,
  legacy: 0,
  none: 0,
  closed: 0,
};
const NAMES = { latch: 'latch', ice: 'ICE', srtp: 'SRTP' } as const;

/** One of each, for all transports. */
const STANDINGS = (Object.keys(RANKS) as (keyof typeof RANKS)[]).flatMap((kind): Standing[] => [
  { kind, isSealed: false },
  { kind, isSealed: true },
]);

export function standingOf(agreement: Agreement): Standing {
  const isSealed = srtpTermsOf(agreement)?.own !== undefined;
  return STANDINGS.find((one) => one.kind === agreement.kind && one.isSealed === isSealed)!;
}

/** What protected it by now. */
export function bestOf({ kind, isSealed }: Standing): Lost | undefined {
  if (kind === 'latch' || kind === 'ice' || kind === 'srtp') return NAMES[kind];
  return isSealed ? 'SRTP' : undefined;
}

/** What the peer no longer offers. A section that is closed is not protected less: nothing flows in it. */
export function lostBetween(before: Standing, after: Standing): Lost | undefined {
  if (after.kind === 'closed') return undefined;
  if (RANKS[after.kind] < RANKS[before.kind]) return bestOf(before);
  return before.isSealed && !after.isSealed ? 'SRTP' : undefined;
}
