// What is kept of one participant: the samples of the last minute, and the addresses that spoke in its name. Bounded, whatever is sent.
import type { CallSnapshot, DistributionServer } from '../../lib/server/index.js';
import { formatAddress } from '../../lib/index.js';
import type { TransportAddress } from '../../lib/index.js';
import type { Person, Sample } from './feed-types.js';

export const SAMPLE_MS = 500;
export const WINDOW_MS = 60_000;
const SAMPLES_MAX = WINDOW_MS / SAMPLE_MS;
/** Addresses that are kept of those who tried. */
const STRANGERS_MAX = 4;
/** A newcomer who has proved nothing for so long is a stranger: who can prove it does so in a round trip. */
const STRANGER_MS = 2000;

/** What was not taken because nothing proved who sent it. */
const REFUSALS = [
  'unverified',
  'integrity',
  'proof',
  'wrongSource',
  'unknownTags',
  'candidateRefused',
  'srtpTag',
] as const;

/** A participant of a room; `Rooms` has it so. */
export type Leg = DistributionServer['rooms']['legs'] extends ReadonlySet<infer One> ? One : never;

/** One participant at one moment. */
export interface View {
  readonly leg: Leg;
  /** Of its latch session; undefined where its media comes in another way. */
  readonly call: CallSnapshot | undefined;
  readonly statistics: Pick<CallSnapshot, 'sends' | 'reports'> | undefined;
}

/** The name under which all that is about one participant goes. */
export function idOf({ session, call }: Leg): string {
  return session ?? call;
}

interface Tally {
  readonly got: number;
  readonly lost: number;
  readonly refused: number;
}

export class PersonRecord {
  readonly #samples: Sample[] = [];
  #last: Tally | undefined;
  /** When each address was first seen; the oldest first. */
  readonly #newcomers = new Map<string, { readonly sinceMs: number; isTold: boolean }>();
  #person: Person;
  #isSilent = false;

  constructor(readonly id: string) {
    this.#person = { id, name: '', protection: 'pending', hasVideo: false, refused: 0, strangers: [] };
  }

  get person(): Person {
    return this.#person;
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** Somebody sends in this one's name: itself from somewhere new, or another. */
  noteNewcomer(remote: TransportAddress, atMs: number): void {
    const address = formatAddress(remote);
    if (this.#newcomers.has(address)) return;
    this.#newcomers.set(address, { sinceMs: atMs, isTold: false });
    const [oldest] = this.#newcomers.keys();
    if (this.#newcomers.size > STRANGERS_MAX && oldest !== undefined) this.#newcomers.delete(oldest);
  }

  noteProof(mapping: TransportAddress): void {
    this.#newcomers.delete(formatAddress(mapping));
  }

  /** It is on hold, and silent. False: that is known, it has sent nothing since; who waits for hours is told of once. */
  noteSilent(): boolean {
    const isNew = !this.#isSilent;
    this.#isSilent = true;
    return isNew;
  }

  /** Takes one more sample. Returns the addresses that have become strangers. */
  sample(view: View, atMs: number): readonly string[] {
    const tally = tallyOf(view);
    // After a time without samples nobody knows when it was that something came.
    const isNext = atMs - (this.#samples.at(-1)?.[0] ?? atMs) < 3 * SAMPLE_MS;
    const last = isNext ? (this.#last ?? tally) : tally;
    this.#last = tally;
    const since = (name: keyof Tally) => Math.max(0, tally[name] - last[name]);
    this.#samples.push([atMs, since('got'), since('lost'), since('refused')]);
    if (since('got') > 0) this.#isSilent = false;
    const isOld = (one: Sample | undefined) => one !== undefined && atMs - one[0] > WINDOW_MS;
    while (this.#samples.length > SAMPLES_MAX || isOld(this.#samples[0])) this.#samples.shift();
    const strangers = [...this.#newcomers].filter(([, { sinceMs }]) => atMs - sinceMs >= STRANGER_MS);
    const fresh = strangers.filter(([, newcomer]) => !newcomer.isTold);
    for (const [, newcomer] of fresh) newcomer.isTold = true;
    const addresses = strangers.map(([address]) => address);
    this.#person = { id: this.id, ...personOf(view), refused: tally.refused, strangers: addresses };
    return fresh.map(([address]) => address);
  }
}

function tallyOf({ statistics, call }: View): Tally {
  const sends = statistics?.sends ?? [];
  const total = (name: 'packets' | 'lost') => sends.reduce((sum, source) => sum + source[name], 0);
  const refused = REFUSALS.reduce((sum, name) => sum + (call?.counters.dropped[name] ?? 0), 0);
  return { got: total('packets'), lost: total('lost'), refused };
}

function personOf({ leg, call, statistics }: View): Omit<Person, 'id' | 'refused' | 'strangers'> {
  const { sends = [], reports = [] } = statistics ?? {};
  const path = call?.paths.find(({ component }) => component === 1);
  const text = (address: TransportAddress | undefined) => address && formatAddress(address);
  const signalled = text(path?.signalled);
  const mapping = text(path?.mapping);
  const worst = [...reports].sort((a, b) => b.fractionLost - a.fractionLost)[0];
  return {
    // Who has given itself no name is called by its session in the room.
    name: call?.name ?? (leg.name === idOf(leg) ? '' : leg.name),
    protection: call?.protection ?? 'carried',
    ...(signalled !== undefined && { signalled }),
    ...(mapping !== undefined && { mapping }),
    ...(path?.nat && { nat: path.nat }),
    hasVideo: sends.some(({ channel }) => channel.startsWith('video')),
    ...(worst && {
      hears: {
        lossPercent: round(worst.fractionLost * 100),
        ...(worst.jitterMs !== undefined && { jitterMs: round(worst.jitterMs) }),
        ...(worst.roundTripMs !== undefined && { roundTripMs: round(worst.roundTripMs) }),
      },
    }),
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
