// What a server has counted and what it can tell of itself: totals with the calls that are over, and a snapshot of those that
// are not. It reads counters; of its own it counts faults and what protects the calls.
import type { CallProtection, Counters, Latchkey, Session } from '../index.js';
import type { Leg, LegCounters, Rooms } from '../room/index.js';
import type { Admission } from '../sip/index.js';
import type { RoomSeats } from './room-seats.js';
import type { CallSnapshot, PathSnapshot, RoomSnapshot, ServerCounters } from './server-types.js';

/** A sum of them, that grows. */
type Distribution = Record<Exclude<keyof LegCounters, 'dropped'>, number> & {
  dropped: Record<keyof LegCounters['dropped'], number>;
};

/** What protects a call that was answered. */
type Settled = Exclude<CallProtection, 'pending' | 'closed'>;

export class ServerRecord {
  readonly #latchkey: Latchkey;
  readonly #rooms: Rooms;
  readonly #seats: RoomSeats;
  readonly #admission: Admission;
  /** Of those who have left. */
  readonly #departed: Distribution = {
    ...{ received: 0, sent: 0, rtcpReceived: 0, rtcpSent: 0 },
    dropped: {
      ...{ payloadType: 0, direction: 0, ssrcConflict: 0, notRtp: 0 },
      ...{ rtcpMalformed: 0, rtcpUnroutable: 0, noPath: 0, portError: 0 },
    },
  };
  /** What protected each session of those that were answered when it was last looked at. */
  readonly #answered = new WeakMap<Session, Settled>();
  /** What the other side of each session calls itself, where it has said so. */
  readonly #names = new WeakMap<Session, string>();
  /** Sessions by that. */
  readonly #protections: Record<Settled, number> = {
    ...{ latch: 0, ice: 0, srtp: 0, direct: 0 },
    ...{ evidence: 0, legacy: 0, none: 0 },
  };
  #rangeFull = 0;
  readonly #questions: Record<keyof ServerCounters['questions'], number> = {
    ...{ answered: 0, refused: 0, pending: 0, unanswered: 0, noPort: 0 },
  };
  /** By where they happened: a short list, so that an attack costs no memory. */
  readonly #faults: Record<string, number> = {};

  constructor(latchkey: Latchkey, rooms: Rooms, seats: RoomSeats, admission: Admission) {
    this.#admission = admission;
    this.#latchkey = latchkey;
    this.#rooms = rooms;
    this.#seats = seats;
    rooms.on('left', (leg) => add(this.#departed, leg.counters));
  }

  countFault(where: string): void {
    this.#faults[where] = (this.#faults[where] ?? 0) + 1;
  }

  /** A stream that was to have ports of its own got the shared ones. How many have by now. */
  countRangeFull(): number {
    return ++this.#rangeFull;
  }

  /** A peer without a key was asked to send to another port. */
  countQuestion(became: keyof ServerCounters['questions']): void {
    this.#questions[became]++;
  }

  noteName(session: Session, name: string): void {
    if (name !== '') this.#names.set(session, name);
  }

  /** A session was answered. False where the same protected it before. */
  noteAnswer(session: Session): boolean {
    const { protection } = session;
    const before = this.#answered.get(session);
    if (before === protection || protection === 'pending' || protection === 'closed') return false;
    this.#answered.set(session, protection);
    this.#protections[protection]++;
    if (before !== undefined) this.#protections[before]--;
    return true;
  }

  /** A path was proved or lost: of a call that was answered another thing may be what protects it now. */
  notePath(id: string): void {
    const session = this.#latchkey.sessions.get(id);
    if (session && this.#answered.has(session)) this.noteAnswer(session);
  }

  get counters(): Omit<ServerCounters, 'gate' | 'bounds' | 'kernelDrops' | 'canaries'> {
    const distribution: Distribution = { ...this.#departed, dropped: { ...this.#departed.dropped } };
    for (const leg of this.#rooms.legs) add(distribution, leg.counters);
    const protections = { ...this.#protections };
    const { counters: admission } = this.#admission;
    const faults = { ...this.#faults };
    return {
      ...this.#latchkey.counters,
      ...{ admission, protections, distribution, rangeFull: this.#rangeFull, faults },
      questions: { ...this.#questions },
    };
  }

  /** One for each open session. */
  get calls(): readonly CallSnapshot[] {
    const legs = new Map<string | undefined, Leg>();
    for (const leg of this.#rooms.legs) legs.set(leg.session, leg);
    return [...this.#latchkey.sessions.values()]
      .filter((session) => !session.isClosed)
      .map((session) => this.#callOf(session, legs.get(session.id)));
  }

  /** One of them. */
  call(id: string): CallSnapshot | undefined {
    const session = this.#latchkey.sessions.get(id);
    if (!session || session.isClosed) return undefined;
    const leg = this.#seats.of(id)?.leg ?? [...this.#rooms.legs].find((one) => one.session === id);
    return this.#callOf(session, leg);
  }

  get rooms(): readonly RoomSnapshot[] {
    const rooms = new Map<string, string[]>();
    for (const { room, session } of this.#rooms.legs) {
      const sessions = rooms.get(room) ?? [];
      if (session !== undefined) sessions.push(session);
      rooms.set(room, sessions);
    }
    return [...rooms].map(([name, sessions]) => ({ name, sessions }));
  }

  #callOf(session: Session, leg: Leg | undefined): CallSnapshot {
    const { id, call, protection } = session;
    const seat = this.#seats.of(id);
    const statistics = leg && this.#rooms.statisticsOf(leg);
    const name = this.#names.get(session);
    return {
      session: id,
      call,
      ...(name !== undefined && { name }),
      room: seat?.roomName,
      protection,
      counters: copyOf(session.counters),
      paths: session.streams.map((stream) => {
        const port = seat?.ports.find(
          ({ media, component }) => media === stream.media && component === stream.component,
        );
        return pathOf(stream, port?.local);
      }),
      distribution: leg && copyOf(leg.counters),
      sends: statistics?.sends ?? [],
      reports: statistics?.reports ?? [],
    };
  }
}

function pathOf(stream: Session['streams'][number], local: PathSnapshot['local']): PathSnapshot {
  const { media, component, protection, signalled, mapping, serverSeenAs, nat, hasProven, counters } = stream;
  const remote = mapping ?? (protection === 'none' ? signalled : undefined);
  return {
    ...{ media, component, protection },
    ...(local && { local }),
    ...(remote && { remote }),
    ...(signalled && { signalled }),
    ...(mapping && { mapping }),
    ...(serverSeenAs && { serverSeenAs }),
    ...(nat && { nat }),
    hasProven,
    counters: copyOf(counters),
  };
}

function copyOf<T extends Counters | LegCounters>(counters: T): T {
  return { ...counters, dropped: { ...counters.dropped } };
}

function add(into: Distribution, from: LegCounters): void {
  for (const name of ['received', 'sent', 'rtcpReceived', 'rtcpSent'] as const) into[name] += from[name];
  for (const name of Object.keys(into.dropped) as (keyof LegCounters['dropped'])[])
    into.dropped[name] += from.dropped[name];
}
