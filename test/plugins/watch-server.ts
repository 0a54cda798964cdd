// A distribution server that does what a test says: the rooms of the watch page's tests. No sockets, no keys.
import { EventEmitter } from 'node:events';
import { createCounters } from '../../lib/index.js';
import type { LockGround } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/index.js';
import type { Leg, LegStatistics, Rooms, RoomsEvents } from '../../lib/room/index.js';
import type { CallSnapshot, DistributionServerEvents } from '../../lib/server/index.js';

export const SIGNALLED = { address: '10.0.1.2', port: 4000 };
export const MAPPING = { address: '203.0.113.7', port: 61234 };

export class FakeServer extends EventEmitter<DistributionServerEvents> {
  calls: CallSnapshot[] = [];
  readonly legs = new Set<Leg>();
  readonly rooms = Object.assign(new EventEmitter<RoomsEvents>(), {
    legs: this.legs,
    statisticsOf: () => this.carried,
  }) as unknown as Rooms;
  /** What comes from who is in no call of latch. */
  carried: LegStatistics = { sends: [], reports: [] };

  call(session: string): CallSnapshot | undefined {
    return this.calls.find((call) => call.session === session);
  }

  /** Somebody enters, and has proved where it is. */
  join(session: string, room: string, name = session): void {
    const unverified = { ...createCounters().dropped };
    this.calls.push({
      ...{ session, call: `call of ${session}`, name, room, protection: 'latch' },
      counters: { ...createCounters(), dropped: unverified },
      paths: [
        {
          ...{ media: 0, component: 1, protection: 'latch', signalled: SIGNALLED, mapping: MAPPING },
          ...{ nat: 'both', hasProven: true, counters: createCounters() },
        },
      ],
      distribution: {} as CallSnapshot['distribution'],
      sends: [{ ssrc: 1, channel: 'audio', packets: 0, expected: 0, lost: 0, jitterMs: 1 }],
      reports: [],
    });
    this.enter({ session, call: `call of ${session}`, name: session, room });
  }

  enter(given: Pick<Leg, 'session' | 'call' | 'name' | 'room'>): void {
    const leg = given as Leg;
    this.legs.add(leg);
    this.rooms.emit('joined', leg);
  }

  leave(session: string, room: string): void {
    this.calls = this.calls.filter((call) => call.session !== session);
    const leg = [...this.legs].find((one) => one.session === session && one.room === room);
    if (!leg) throw new Error(`there is no ${session}`);
    this.legs.delete(leg);
    this.rooms.emit('left', leg);
  }

  /** So many packets came, were lost, and were refused since the last time: half of these as no media of a proved address, half as forged SRTP. */
  count(session: string, got: number, lost: number, refused: number): void {
    const call = this.calls.find((one) => one.session === session);
    const [source] = call?.sends ?? [];
    if (!call || !source) throw new Error(`there is no ${session}`);
    Object.assign(source, { packets: source.packets + got, lost: source.lost + lost });
    const dropped = call.counters.dropped as { unverified: number; srtpTag: number };
    dropped.unverified += Math.ceil(refused / 2);
    dropped.srtpTag += Math.floor(refused / 2);
  }

  latch(session: string, type: 'candidate' | 'conflict' | 'silent', remote: TransportAddress): void {
    this.emit('latch', { type, session, call: `call of ${session}`, media: 0, component: 1, remote });
  }

  locked(session: string, ground: LockGround, remote: TransportAddress): void {
    const place = { session, call: `call of ${session}`, media: 0, component: 1 } as const;
    this.emit('latch', { type: 'locked', ground, ...place, remote });
  }

  rebound(session: string, previous: TransportAddress, mapping: TransportAddress): void {
    const place = { session, call: `call of ${session}`, media: 0, component: 1 } as const;
    const view = { signalled: SIGNALLED, mapping, serverSeenAs: MAPPING, nat: 'both', rttMs: 2.44 } as const;
    const proof = { protection: 'latch', suite: 'HMAC-SHA-256', signalling: 'encrypted' } as const;
    this.emit('latch', { type: 'rebound', previous, ...place, ...view, ...proof });
  }
}
