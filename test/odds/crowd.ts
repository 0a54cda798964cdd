// Many calls at one server at once, each with an attacker of its own: what bounds of the whole process do to them.
import { Prng } from '../support/prng.js';
import { Call, type CallTerms } from './call.js';
import { sumUp, type Cell } from './cell.js';
import type { ServerKind } from './media-server.js';
import { World } from './world.js';

export interface CrowdTerms extends Omit<CallTerms, 'weOffer'> {
  readonly server: ServerKind;
  readonly calls: number;
  readonly callsPerS: number;
  readonly seed: number;
}

export interface Crowd {
  readonly cell: Cell;
  /** Questions within the busiest second. */
  readonly askedInASecond: number;
}

export function playCrowd({ server, calls, callsPerS, seed, ...terms }: CrowdTerms): Crowd {
  const prng = new Prng(seed);
  const world = new World(server, prng);
  const { clock } = world;
  const played: Call[] = [];
  for (let i = 0; i < calls; i++)
    clock.after((i * 1000) / callsPerS, () => {
      played.push(new Call(world, { ...terms, weOffer: i % 2 === 1 }, prng.fork(), i + 1));
    });
  clock.runFor((calls * 1000) / callsPerS);
  clock.runTo(Math.max(...played.map(({ endsMs }) => endsMs)));
  const tallies = played.map((call) => call.tally());
  return { cell: sumUp(tallies), askedInASecond: busiestSecond(tallies.flatMap(({ askedMs }) => askedMs)) };
}

/** How many of these moments lie within one second at most. */
export function busiestSecond(momentsMs: readonly number[]): number {
  const sorted = [...momentsMs].sort((a, b) => a - b);
  let most = 0;
  let from = 0;
  sorted.forEach((atMs, i) => {
    while (atMs - sorted[from]! >= 1000) from++;
    most = Math.max(most, i - from + 1);
  });
  return most;
}
