// The calls of one attack, one phone and one server, summed up.
import type { Attack } from './attack.js';
import { playCall } from './call.js';
import type { CallTally } from './judge.js';
import type { ServerKind } from './media-server.js';
import { PHONES, type PhoneName } from './phone.js';

export interface CellTerms {
  readonly server: ServerKind;
  readonly attack: Attack;
  readonly phone: PhoneName;
  readonly calls: number;
  readonly seed: number;
  /** Who made the calls; where it is left out, every second one is ours. */
  readonly offers?: 'ours' | 'theirs' | undefined;
}

export interface Cell {
  readonly calls: number;
  /** Calls in which anything was stolen or injected, and the packets. */
  readonly stolen: Count;
  readonly injected: Count;
  readonly questions: number;
  readonly contests: CallTally['contests'];
  readonly conflicts: number;
  /** Calls without media both ways within so long. */
  readonly over1s: number;
  readonly over5s: number;
  /** Calls in which media did not come back after the rebinding; of the others the longest gap. */
  readonly lost: number;
  readonly gapMs: number;
}

export interface Count {
  readonly calls: number;
  readonly packets: number;
}

/** The same seed plays the same calls. */
export function playCell({ server, attack, phone, calls, seed, offers }: CellTerms): Cell {
  const tallies = Array.from({ length: calls }, (_, i) =>
    playCall({
      server,
      attack,
      phone: PHONES[phone],
      weOffer: offers === undefined ? i % 2 === 1 : offers === 'ours',
      seed: seed + i,
    }),
  );
  return sumUp(tallies);
}

export function sumUp(tallies: readonly CallTally[]): Cell {
  const sum = (of: (tally: CallTally) => number): number =>
    tallies.reduce((total, tally) => total + of(tally), 0);
  const count = (holds: (tally: CallTally) => boolean): number => tallies.filter(holds).length;
  const counted = (name: 'stolen' | 'injected'): Count => ({
    calls: count((tally) => tally[name] > 0),
    packets: sum((tally) => tally[name]),
  });
  const gaps = tallies.map(({ gapMs }) => gapMs).filter((gapMs) => gapMs < Infinity);
  return {
    calls: tallies.length,
    stolen: counted('stolen'),
    injected: counted('injected'),
    questions: sum(({ askedMs }) => askedMs.length),
    contests: {
      right: sum(({ contests }) => contests.right),
      wrong: sum(({ contests }) => contests.wrong),
      unresolved: sum(({ contests }) => contests.unresolved),
    },
    conflicts: sum(({ conflicts }) => conflicts),
    over1s: count(({ bothWaysMs }) => bothWaysMs > 1000),
    over5s: count(({ bothWaysMs }) => bothWaysMs > 5000),
    lost: count(({ gapMs }) => gapMs === Infinity),
    gapMs: Math.max(0, ...gaps),
  };
}
