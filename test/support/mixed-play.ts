// Random sequences of mixed operations, one world after another; a sequence that breaks a rule is repeated shorter until no
// operation can be left out, and then told.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { MixedCalls } from './mixed-calls.js';
import { MIXED_OPERATION_NAMES, mixedOperations } from './mixed-operations.js';
import type { MixedOperationName } from './mixed-operations.js';
import { Prng } from './prng.js';

const SEQUENCE = 250;
const MAX_SHRINKING = 400;

interface Step {
  readonly name: MixedOperationName;
  readonly seed: number;
}

/** Every step draws from a generator of its own, so that leaving one out does not change the others. */
class StepChoices {
  #prng = new Prng(0);

  begin(seed: number): void {
    this.#prng = new Prng(seed);
  }

  integer(below: number): number {
    return this.#prng.integer(below);
  }

  chance(probability: number): boolean {
    return this.#prng.chance(probability);
  }

  pick<T>(values: readonly T[]): T {
    return this.#prng.pick(values);
  }
}

export interface MixedTotals {
  operations: number;
  delivered: number;
  proofs: number;
  /** How often an address was taken for that of a peer without a key. */
  locks: number;
  /** Of all operations, how many were of the kind that was drawn least. */
  rarestShare: number;
}

export interface MixedPlay {
  readonly operations: number;
  readonly seed: number;
  /** Of the worlds that the seed gives, one of `of` shares is played: all of them together are the whole. */
  readonly share?: { readonly index: number; readonly of: number };
}

export function playMixed({ operations, seed, share = { index: 0, of: 1 } }: MixedPlay): MixedTotals {
  const prng = new Prng(seed);
  const counts = new Map<MixedOperationName, number>(MIXED_OPERATION_NAMES.map((name) => [name, 0]));
  const totals: MixedTotals = { operations: 0, delivered: 0, proofs: 0, locks: 0, rarestShare: 0 };
  while (totals.operations < operations) {
    const worldSeed = prng.uint32();
    const steps = Array.from({ length: SEQUENCE }, (): Step => ({
      name: prng.pick(MIXED_OPERATION_NAMES),
      seed: prng.uint32(),
    }));
    for (const { name } of steps) counts.set(name, (counts.get(name) ?? 0) + 1);
    totals.operations += steps.length;
    if ((totals.operations / SEQUENCE) % share.of !== share.index) continue;
    const played = play(worldSeed, steps);
    if (played.error) throw shortest(worldSeed, steps, played.error);
    totals.delivered += played.world.delivered;
    totals.proofs += played.world.proofs;
    totals.locks += played.world.locks;
  }
  totals.rarestShare = Math.min(...counts.values()) / totals.operations;
  return totals;
}

/** The same, shared among processes. Rejects with the first violation. */
export async function playMixedApart(play: MixedPlay, processes: number): Promise<MixedTotals> {
  const shares = Array.from({ length: processes }, (_, index) => playShare(play, { index, of: processes }));
  const played = await Promise.all(shares);
  const sum = (key: 'delivered' | 'proofs' | 'locks'): number =>
    played.reduce((total, each) => total + each[key], 0);
  const sums = { delivered: sum('delivered'), proofs: sum('proofs'), locks: sum('locks') };
  return { operations: 0, rarestShare: 0, ...played[0], ...sums };
}

async function playShare(play: MixedPlay, share: MixedPlay['share']): Promise<MixedTotals> {
  const child = fork(new URL('mixed-share.ts', import.meta.url), [JSON.stringify({ ...play, share })]);
  const ends = [once(child, 'message'), once(child, 'disconnect')];
  const [told] = (await Promise.race(ends)) as [MixedTotals | string | undefined];
  if (typeof told === 'object') return told;
  throw new Error(told ?? 'a process that plays its share has ended');
}

function play(seed: number, steps: readonly Step[]): { readonly world: MixedCalls; readonly error?: Error } {
  const choices = new StepChoices();
  const world = new MixedCalls(choices, seed);
  try {
    for (const step of steps) {
      choices.begin(step.seed);
      world.advance(choices.integer(30));
      mixedOperations[step.name](world);
      world.judgeMemory();
    }
    world.finish();
    return { world };
  } catch (error) {
    return { world, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** The sequence without every operation that the violation does not need. */
function shortest(seed: number, steps: readonly Step[], error: Error): Error {
  let best = steps;
  let left = MAX_SHRINKING;
  let last = error;
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1 && left > 0;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  )
    for (let at = best.length - size; at > -size && left > 0; at -= size) {
      const from = Math.max(0, at);
      const shorter = [...best.slice(0, from), ...best.slice(from + size)];
      if (shorter.length === best.length) continue;
      left--;
      const found = play(seed, shorter).error;
      if (found?.message.slice(0, 5) !== error.message.slice(0, 5)) continue;
      best = shorter;
      last = found;
    }
  const names = best.map(({ name }) => name).join(', ');
  return new Error(`world ${seed}: ${last.message}; after: ${names}`, { cause: last });
}
