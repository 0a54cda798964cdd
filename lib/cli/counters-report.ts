// What `latchkey serve` has counted: per session, and in all with the calls that are over. Reads counters, counts nothing
// of the network itself but the faults it is told of.
import type { Counters, Latchkey, Session } from '../index.js';
import type { Leg, LegCounters, Rooms } from '../room/index.js';
import type { Fields } from './event-log.js';

type RoomCounters = Omit<LegCounters, 'dropped'> & { dropped: Record<string, number> };

export class CountersReport {
  readonly #latchkey: Latchkey;
  readonly #rooms: Rooms;
  /** Of those who have left. */
  readonly #departed: RoomCounters = { received: 0, sent: 0, rtcpReceived: 0, rtcpSent: 0, dropped: {} };
  /** What protected each session of those that were answered when it was last looked at. */
  readonly #answered = new WeakMap<Session, string>();
  /** Sessions by that. */
  readonly #protections: Record<string, number> = { latch: 0, ice: 0, direct: 0, legacy: 0, none: 0 };
  /** By the part where they happened: a short list, so that an attack costs no memory. */
  readonly #faults: Record<string, number> = {};

  constructor(latchkey: Latchkey, rooms: Rooms) {
    this.#latchkey = latchkey;
    this.#rooms = rooms;
    rooms.on('left', (leg) => add(this.#departed, leg.counters));
  }

  /** A frame was dropped or an exception caught. Returns how many there were in this part. */
  countFault(where: string): number {
    return (this.#faults[where] = (this.#faults[where] ?? 0) + 1);
  }

  /** A session was answered. False where the same protected it before. */
  noteAnswer(session: Session): boolean {
    const { protection } = session;
    const before = this.#answered.get(session);
    if (before === protection || !(protection in this.#protections)) return false;
    this.#answered.set(session, protection);
    this.#protections[protection] = (this.#protections[protection] ?? 0) + 1;
    if (before !== undefined) this.#protections[before] = (this.#protections[before] ?? 0) - 1;
    return true;
  }

  /** A path was proved or lost: of a call that was answered another may be what protects it now. */
  notePath(id: string): void {
    const session = this.#latchkey.sessions.get(id);
    if (session && this.#answered.has(session)) this.noteAnswer(session);
  }

  /** Totals since the start. `distribution` counts what the rooms took, gave and dropped of what latch let through. */
  totals(): Fields {
    const distribution: RoomCounters = { ...this.#departed, dropped: { ...this.#departed.dropped } };
    for (const leg of this.#rooms.legs) add(distribution, leg.counters);
    const protections = { ...this.#protections };
    return { ...this.#latchkey.counters, protections, distribution, faults: { ...this.#faults } };
  }

  /** One record for each open session. */
  sessions(): readonly Fields[] {
    const legs = new Map<string | undefined, Leg>();
    for (const leg of this.#rooms.legs) legs.set(leg.session, leg);
    return [...this.#latchkey.sessions.values()]
      .filter((session) => !session.isClosed)
      .map((session) => sessionRecord(session, legs.get(session.id)));
  }

  /** What one stream of a session counted, for its `closed` event. */
  stream(session: string, media: number, component: number): Fields {
    const streams = this.#latchkey.sessions.get(session)?.streams ?? [];
    const stream = streams.find((one) => one.media === media && one.component === component);
    return stream ? payload(stream.counters) : {};
  }
}

function sessionRecord(session: Session, leg: Leg | undefined): Fields {
  const { id, call, protection } = session;
  return {
    session: id,
    call,
    ...(leg && { room: leg.room }),
    protection,
    ...session.counters,
    ...(leg && { distribution: leg.counters }),
    streams: session.streams.map(({ counters, ...stream }) => ({ ...stream, ...payload(counters) })),
  };
}

function payload({ received, delivered, sent, dropped }: Counters): Fields {
  return { received, delivered, sent, dropped };
}

function add(into: RoomCounters, from: LegCounters): void {
  for (const name of ['received', 'sent', 'rtcpReceived', 'rtcpSent'] as const) into[name] += from[name];
  for (const [name, count] of Object.entries(from.dropped)) {
    into.dropped[name] = (into.dropped[name] ?? 0) + count;
  }
}
