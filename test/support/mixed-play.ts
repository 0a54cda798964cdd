// Random sequences of mixed operations, one world after another; a sequence that breaks a rule is repeated shorter until no
// operation can be left out, and then told.
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
  /** Of all operations, how many were of the kind that was drawn least. */
  rarestShare: number;
}

export function playMixed({
  operations,
  seed,
}: {
  readonly operations: number;
  readonly seed: number;
}): MixedTotals {
  const prng = new Prng(seed);
  const counts = new Map<MixedOperationName, number>(MIXED_OPERATION_NAMES.map((name) => [name, 0]));
  const totals: MixedTotals = { operations: 0, delivered: 0, proofs: 0, rarestShare: 0 };
  while (totals.operations < operations) {
    const worldSeed = prng.uint32();
    const steps = Array.from({ length: SEQUENCE }, (): Step => ({
      name: prng.pick(MIXED_OPERATION_NAMES),
      seed: prng.uint32(),
    }));
    for (const { name } of steps) counts.set(name, (counts.get(name) ?? 0) + 1);
    totals.operations += steps.length;
    const played = play(worldSeed, steps);
    if (played.error) throw shortest(worldSeed, steps, played.error);
    totals.delivered += played.world.delivered;
    totals.proofs += played.world.proofs;
  }
  totals.rarestShare = Math.min(...counts.values()) / totals.operations;
  return totals;
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
