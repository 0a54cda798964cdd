// Random sequences of operations, held against an invariant after each step. A failure prints its seed and the
// shortest sequence found that still fails; LATCHKEY_SEED=n runs that seed first.
import { Play } from './play.js';
import type { Operation, OperationName, PlayOptions } from './play.js';
import { Prng } from './prng.js';

export interface Property {
  readonly sequences: number;
  readonly options: (prng: Prng) => PlayOptions;
  /** How often each operation comes, relative to the others. */
  readonly weights: Partial<Record<OperationName, number>>;
  readonly length?: number;
  /** What must never be, as text; undefined while all is well. The default is all that a `Play` knows of. */
  readonly violation?: (play: Play, operation: Operation | undefined) => string | undefined;
  /** Looked at when a sequence is over. */
  readonly after?: (play: Play) => string | undefined;
}

export interface Totals {
  sequences: number;
  operations: number;
  /** Payload delivered to servers and callers: a call in which nothing happens proves nothing. */
  delivered: number;
  verified: number;
  attackerSent: number;
}

/** Runs them all; throws with the seed at the first that fails. */
export function holdOver(property: Property, firstSeed: number): Totals {
  const seedText = process.env['LATCHKEY_SEED'];
  const totals: Totals = { sequences: 0, operations: 0, delivered: 0, verified: 0, attackerSent: 0 };
  const seeds = Array.from({ length: property.sequences }, (_, i) => firstSeed + i);
  if (seedText !== undefined) seeds.unshift(Number(seedText));
  for (const seed of seeds) {
    const prng = new Prng(seed);
    const options = property.options(prng);
    const sequence = makeSequence(property, prng);
    const failure = run(property, seed, options, sequence, totals);
    if (failure === undefined) continue;
    const short = shorten(property, seed, options, sequence);
    const steps = short.map(({ name }) => name).join(', ');
    throw new Error(`seed ${seed}: ${failure}\nafter: ${steps}\n${run(property, seed, options, short)}`);
  }
  return totals;
}

function makeSequence(property: Property, prng: Prng): Operation[] {
  const names = Object.entries(property.weights).flatMap(([name, weight]) =>
    new Array<OperationName>(weight).fill(name as OperationName),
  );
  const length = 1 + prng.integer(2 * (property.length ?? 9));
  return Array.from({ length }, () => ({ name: prng.pick(names), seed: prng.uint32() }));
}

function run(
  property: Property,
  seed: number,
  options: PlayOptions,
  sequence: readonly Operation[],
  totals?: Totals,
): string | undefined {
  const play = new Play(seed, options);
  const look = property.violation ?? ((playing: Play) => playing.violation);
  let failure = look(play, undefined);
  for (const operation of sequence) {
    if (failure !== undefined) return failure;
    play.run(operation);
    failure = look(play, operation);
  }
  play.clock.runFor(100);
  failure ??= look(play, undefined) ?? property.after?.(play);
  if (totals !== undefined) {
    totals.sequences++;
    totals.operations += sequence.length;
    totals.delivered +=
      play.server.delivered.length + play.casts.reduce((sum, { host }) => sum + host.delivered.length, 0);
    totals.verified += play.server.eventsOf('verified').length + play.server.eventsOf('rebound').length;
    totals.attackerSent += play.attacker.sent;
  }
  return failure;
}

/** Leaves out one operation after another for as long as the rest still fails. */
function shorten(property: Property, seed: number, options: PlayOptions, sequence: Operation[]): Operation[] {
  for (let i = 0; i < sequence.length;) {
    const without = sequence.filter((_, k) => k !== i);
    if (run(property, seed, options, without) !== undefined) sequence = without;
    else i++;
  }
  return sequence;
}
