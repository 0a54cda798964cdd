// What the benchmark has to show, and how it is read off the results. Each is a figure that must not be above a limit.
import type { TrialResult } from './rounds.js';
import { costOf, lossOf, ratioOf } from './rounds.js';
import { spreadOf } from './statistics.js';
import type { Spread } from './statistics.js';
import type { Memory } from './variant.js';

export interface Measured {
  readonly trials: readonly TrialResult[];
  /** A cycle of consent to its two HMACs. */
  readonly consentRatio?: Spread | undefined;
}

export interface Target {
  readonly what: string;
  readonly most: number;
  /** Undefined: it was not measured. */
  readonly read: (of: Measured) => Spread | undefined;
}

const ratio =
  (trial: string, one: string, other: string) =>
  (of: Measured): Spread | undefined => {
    const result = find(of, trial);
    return result && ratioOf(result, one, other);
  };

export const TARGETS: readonly Target[] = [
  {
    what: 'guarded dgram to plain dgram, 1:1',
    most: 1.1,
    read: ratio('one-to-one', 'guard', 'dgram'),
  },
  { what: 'room on dgram to plain dgram, 8 calls', most: 1.1, read: ratio('one-to-one', 'room', 'dgram') },
  { what: 'room on dgram to plain dgram, 500 calls', most: 1.1, read: ratio('growth-1000', 'room', 'dgram') },
  { what: 'room on batch to C, 1:1 flat out', most: 1.1, read: ratio('one-to-one', 'room-batch', 'c') },
  { what: 'room on batch to C, 1 to 10', most: 1.05, read: ratio('one-to-ten', 'room-batch', 'c') },
  { what: 'room on batch to C, 1 to 50', most: 1.05, read: ratio('one-to-fifty', 'room-batch', 'c') },
  {
    what: 'room on batch to rtpengine, 500 paced calls',
    most: 0.8,
    read: ratio('paced-500', 'room-batch', 'rtpengine'),
  },
  {
    what: 'the same, gathering',
    most: 0.65,
    read: ratio('paced-500', 'room-gather', 'rtpengine'),
  },
  {
    what: 'SRTP to SRTP in a room to rtpengine, 100 paced calls',
    most: 0.9,
    read: (of) =>
      ratio('srtp-paced', 'room-batch', 'rtpengine')(of) ?? ratio('srtp-paced', 'room', 'rtpengine')(of),
  },
  {
    what: 'genuine packets lost under a flood, a port per stream: percent more than C loses',
    most: 0,
    read: (of) => floodLoss(of, 'room-batch') ?? floodLoss(of, 'room'),
  },
  {
    what: 'a packet among 10,000 sessions to one among 100, room',
    most: 1.3,
    read: (of) => growth(of, 'room-batch') ?? growth(of, 'room'),
  },
  { what: 'resident memory of a session, KB', most: 6, read: memoryOf('bind', 'resident') },
  { what: 'of these on the heap, KB', most: 6, read: memoryOf('bind', 'heap') },
  {
    what: 'resident memory that each of the last 5,000 of 10,000 sessions adds, KB: without what V8 takes for any number',
    most: 6,
    read: memoryAdded('bind', 'resident'),
  },
  { what: 'of these on the heap, KB, of the last 5,000', most: 6, read: memoryAdded('bind', 'heap') },
  {
    what: 'resident memory of a session with its place in a room of two, KB',
    most: 6,
    read: memoryOf('room', 'resident'),
  },
  {
    what: 'a cycle of consent to two createHmac',
    most: 4,
    read: ({ consentRatio }) => consentRatio,
  },
];

/** Percent of the genuine packets, beyond what the C forwarder, with one port, loses in the same round. */
function floodLoss(of: Measured, variant: string): Spread | undefined {
  const samples = find(of, 'flood-ports')?.samples;
  const [own, others] = [samples?.get(variant), samples?.get('c')];
  if (!own || !others) return undefined;
  return spreadOf(own.map((one, i) => 100 * (lossOf(one) - (others[i] ? lossOf(others[i]) : 0))));
}

function growth(of: Measured, variant: string): Spread | undefined {
  const [few, many] = [100, 10_000].map((count) => find(of, `growth-${count}`)?.samples.get(variant));
  if (!few || !many) return undefined;
  return spreadOf(many.flatMap((one, i) => (few[i] ? [costOf(one) / costOf(few[i])] : [])));
}

/** What each of 9,900 more sessions adds to the process, in KB. */
function memoryOf(variant: string, part: keyof Memory): (of: Measured) => Spread | undefined {
  return (of) => {
    const [few, many] = [100, 10_000].map((count) => find(of, `growth-${count}`)?.samples.get(variant));
    if (!few || !many) return undefined;
    const added = many.map((one, i) => (one.memory?.[part] ?? NaN) - (few[i]?.memory?.[part] ?? NaN));
    return spreadOf(added.map((bytes) => bytes / 9900 / 1024));
  };
}

/** What each session of the second half adds to a process that has the first already, in KB. */
function memoryAdded(variant: string, part: keyof Memory): (of: Measured) => Spread | undefined {
  return (of) => {
    const samples = find(of, 'weigh-10000')?.samples.get(variant);
    if (!samples) return undefined;
    const added = samples.map(
      ({ memory, memoryOfHalf }) => (memory?.[part] ?? NaN) - (memoryOfHalf?.[part] ?? NaN),
    );
    return spreadOf(added.map((bytes) => bytes / 5000 / 1024));
  };
}

function find({ trials }: Measured, name: string): TrialResult | undefined {
  return trials.find(({ trial }) => trial.name === name);
}
