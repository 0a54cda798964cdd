// The rows of the table: each attack, with each phone, against each server.
import {
  isMember,
  isReader,
  noAttack,
  slandersSources,
  slandersStream,
  sweepsFresh,
  sweepsFromOne,
  sweepsSteadily,
  talks,
  type Attack,
} from './attack.js';
import type { ServerKind } from './media-server.js';
import { BLIND, EVIDENCE } from './engine-server.js';
import type { PhoneName } from './phone.js';
import { RTPENGINE } from './rtpengine-server.js';

export const SERVERS: readonly ServerKind[] = [EVIDENCE, BLIND, RTPENGINE];

const RATES = [5000, 10_000, 25_000];

export const ATTACKS: readonly Attack[] = [
  noAttack,
  ...(['elsewhere', 'neighbour', 'forged'] as const).flatMap((position) => [
    talks({ position, start: 'told' }),
    talks({ position, start: 'after' }),
  ]),
  ...(['elsewhere', 'neighbour'] as const).flatMap((position) => [
    ...RATES.flatMap((packetsPerS) => [
      sweepsFromOne({ position, start: 'before', packetsPerS }),
      sweepsSteadily({ position, start: 'before', packetsPerS }),
      sweepsFresh({ position, start: 'before', packetsPerS }),
      sweepsFromOne({ position, start: 'told', packetsPerS, flips: true }),
    ]),
    sweepsFromOne({ position, start: 'told', packetsPerS: 25_000 }),
    sweepsSteadily({ position, start: 'told', packetsPerS: 25_000 }),
    sweepsSteadily({ position, start: 'before', packetsPerS: 25_000, talks: true }),
    sweepsFromOne({ position, start: 'told', packetsPerS: 25_000, talks: true }),
    sweepsFresh({ position, start: 'after', packetsPerS: 25_000 }),
    isMember(position),
  ]),
  sweepsFresh({ position: 'forged', start: 'before', packetsPerS: 25_000 }),
  slandersSources(10_000),
  slandersStream(),
  isReader('elsewhere'),
  isReader('neighbour'),
];

/** What tells the phones apart whose behaviour lies between those of the whole tables. */
const TELLING: readonly Attack[] = [
  noAttack,
  talks({ position: 'elsewhere', start: 'told' }),
  talks({ position: 'neighbour', start: 'told' }),
  sweepsSteadily({ position: 'neighbour', start: 'before', packetsPerS: 25_000, talks: true }),
  sweepsFresh({ position: 'neighbour', start: 'before', packetsPerS: 25_000 }),
  sweepsFromOne({ position: 'neighbour', start: 'told', packetsPerS: 25_000, flips: true }),
  sweepsFromOne({ position: 'neighbour', start: 'told', packetsPerS: 25_000, talks: true }),
];

/** One table for each phone. */
export const PLAYED: readonly (readonly [phone: PhoneName, attacks: readonly Attack[]])[] = [
  ['moves', ATTACKS],
  ['refuses', ATTACKS],
  ['silent', ATTACKS],
  ['announces', TELLING],
  ['dtx', TELLING],
  ['late', TELLING],
  ['ignores', TELLING],
  ['holds', TELLING],
];

/** Calls set up faster than the process may ask about them, each of them contested by a neighbour. */
export const CROWD = {
  attack: talks({ position: 'neighbour', start: 'told' }),
  phone: 'moves',
  calls: 300,
  callsPerS: 50,
} as const satisfies { readonly phone: PhoneName; [name: string]: unknown };
