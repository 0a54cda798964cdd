// The loads, and who takes each. Only names and numbers: nothing runs here.
import { PACED, calls, fanOut } from './load.js';
import type { Load } from './load.js';
import type { Timing } from './traffic.js';

export interface Trial {
  readonly name: string;
  readonly title: string;
  readonly load: Load;
  /** For how long its event loop did nothing else, and what a listener heard of it. */
  readonly watchesPauses?: boolean;
  /** In place of the usual. */
  readonly timing?: Partial<Timing>;
  /** By name; the yardstick first. */
  readonly variants: readonly string[];
}

const FLAT = ['c', 'c-gso', 'dgram', 'room', 'room-batch'];
const PEERS = ['c', 'dgram', 'room', 'room-batch', 'room-gather', 'rtpengine', 'coturn'];
const GROWTH = ['c', 'dgram', 'room', 'room-batch'];
/** Sessions, of which two make a call. */
export const GROWTH_SESSIONS = [10, 100, 1000, 10_000] as const;

/** One process with as many as it may ever have, of whom some talk as people do; the others are there, and are asked for their consent. */
const SCALE: readonly Trial[] = [
  {
    name: 'scale-sessions',
    title: '10,000 sessions on one port, 200 calls of them talk, 50 packets a second each way',
    load: calls(5000, { rate: PACED, talking: 200 }),
    timing: { measureMs: 3000 },
    watchesPauses: true,
    variants: GROWTH,
  },
  {
    name: 'scale-rooms',
    title: '2,000 rooms of five on one port, in 100 of them one talks to four, 50 packets a second',
    load: { ...fanOut(4, 2000), rate: PACED, talking: 100 },
    timing: { measureMs: 3000 },
    watchesPauses: true,
    variants: GROWTH,
  },
];

export const TRIALS: readonly Trial[] = [
  {
    name: 'one-to-one',
    title: '8 calls two ways, 172 bytes, flat out',
    load: calls(8),
    variants: [...FLAT, 'bind', 'guard'],
  },
  {
    name: 'one-to-one-1200',
    title: '8 calls two ways, 1,200 bytes, flat out',
    load: calls(8, { bytes: 1200 }),
    variants: [...FLAT, 'guard'],
  },
  { name: 'one-to-ten', title: '4 rooms, one to 10, flat out', load: fanOut(10, 4), variants: FLAT },
  { name: 'one-to-fifty', title: '2 rooms, one to 50, flat out', load: fanOut(50, 2), variants: FLAT },
  ...[100, 500, 1000, 2000].map((count) => ({
    name: `paced-${count}`,
    title: `${count.toLocaleString('en')} calls two ways, 50 packets a second each way`,
    load: calls(count, { rate: PACED }),
    variants: PEERS,
  })),
  {
    name: 'srtp',
    title: 'SRTP to SRTP, 8 calls two ways, flat out',
    load: calls(8, { isSrtp: true }),
    variants: ['c', 'room', 'room-batch', 'rtpengine'],
  },
  {
    name: 'srtp-one-to-fifty',
    title: 'SRTP to SRTP, a room, one to 50, flat out',
    load: { ...fanOut(50, 1), isSrtp: true },
    variants: ['c', 'room', 'room-batch'],
  },
  {
    name: 'srtp-paced',
    title: 'SRTP to SRTP, 100 calls two ways, 50 packets a second each way',
    load: calls(100, { isSrtp: true, rate: PACED }),
    variants: ['c', 'room', 'room-batch', 'rtpengine'],
  },
  {
    name: 'flood',
    title: '100 calls beside 100,000 forged packets a second',
    load: calls(100, { rate: PACED, flood: 100_000 }),
    variants: GROWTH,
  },
  {
    name: 'flood-ports',
    title: '100 calls, a port per stream, beside 100,000 forged packets a second at one of them',
    load: calls(100, { rate: PACED, flood: 100_000, isPortEach: true }),
    variants: ['c', 'room', 'room-batch'],
  },
  ...GROWTH_SESSIONS.map((sessions) => ({
    name: `growth-${sessions}`,
    title: `${sessions.toLocaleString('en')} sessions on one port, flat out`,
    load: calls(sessions / 2),
    // So that each of 10,000 has spoken more than once before.
    timing: { warmMs: 1500 },
    // Sessions without rooms: of these two their memory is told.
    variants: sessions === 100 || sessions === 10_000 ? [...GROWTH, 'bind'] : GROWTH,
  })),
  {
    name: 'weigh-10000',
    title: '10,000 sessions on one port, flat out, of which half were weighed before the others came',
    load: calls(5000, { weighsHalf: true }),
    timing: { warmMs: 1500 },
    variants: ['c', 'bind'],
  },
  ...SCALE,
];

/** In 20 s: that it works, and the order of magnitude. */
export const QUICK_TRIALS: readonly Trial[] = ['one-to-one', 'one-to-ten', 'paced-100'].flatMap((name) =>
  TRIALS.filter((trial) => trial.name === name).map((trial) => ({
    ...trial,
    variants: ['c', 'dgram', 'room', 'room-batch'],
  })),
);
