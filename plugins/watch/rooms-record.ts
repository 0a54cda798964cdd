// Listens to a server and keeps what its rooms have come to, room by room. It asks for a snapshot at a steady pace, and changes nothing.
import type { DistributionServer, DistributionServerEvents } from '../../lib/server/index.js';
import { formatAddress } from '../../lib/index.js';
import type { LatchEvent, TransportAddress } from '../../lib/index.js';
import type { Happening, RoomLine } from './feed-types.js';
import { idOf, SAMPLE_MS } from './person-record.js';
import type { Leg, View } from './person-record.js';
import { RoomRecord } from './room-record.js';

/** Rooms that are kept: whoever may call may name as many as he likes. */
const ROOMS_MAX = 500;
/**
 * Participants of whom samples are taken though nobody watches, so that a page that is opened later has a past to show. Where there are
 * more, a look at all of them would cost the media milliseconds each time.
 */
const UNWATCHED_MAX = 50;
/** Events of sessions that are in no room yet. */
const EARLY_MAX = 100;
/** What a person wants to see of a session. `candidate` becomes a stranger where nothing proves it. */
const SHOWN: readonly LatchEvent['type'][] = [
  ...(['verified', 'direct', 'rebound', 'conflict', 'unheard', 'silent', 'expired'] as const),
  ...(['locked', 'contested', 'question'] as const),
  ...(['legacy', 'unprotected', 'downgraded'] as const),
];

export interface RoomsRecordSite {
  readonly server: Pick<DistributionServer, 'on' | 'off' | 'call' | 'rooms'>;
  readonly isWatched: (room: string) => boolean;
  onSampled(atMs: number): void;
  onHappening(room: string, happening: Happening): void;
  onFault(error: unknown): void;
}

export class RoomsRecord {
  readonly #site: RoomsRecordSite;
  readonly #rooms = new Map<string, RoomRecord>();
  /** The room of each session that is in one. */
  readonly #roomOf = new Map<string, string>();
  readonly #early: LatchEvent[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(site: RoomsRecordSite) {
    this.#site = site;
    const { server } = site;
    server.rooms.on('joined', this.#onJoined).on('left', this.#onLeft);
    server.on('mismatch', this.#onMismatch).on('latch', this.#onLatch);
    // Who was there before we were asked.
    for (const leg of server.rooms.legs) this.#place(leg);
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  /** Those in which somebody is, or just was; by name. */
  get lines(): readonly RoomLine[] {
    const lines = [...this.#rooms.values()].map(({ name, size }) => ({ name, people: size }));
    return lines.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  room(name: string): RoomRecord | undefined {
    return this.#rooms.get(name);
  }

  close(): void {
    clearInterval(this.#timer);
    const { server } = this.#site;
    server.rooms.off('joined', this.#onJoined).off('left', this.#onLeft);
    server.off('mismatch', this.#onMismatch).off('latch', this.#onLatch);
  }

  readonly #onJoined = (leg: Leg): void => {
    const record = this.#place(leg);
    if (!record) return;
    const id = idOf(leg);
    record.tell({ at: Date.now(), id, kind: 'joined' });
    const own = this.#early.filter((event) => event.session === id);
    for (const event of own) {
      this.#early.splice(this.#early.indexOf(event), 1);
      this.#onLatch(event);
    }
  };

  readonly #onLeft = (leg: Leg): void => {
    const id = idOf(leg);
    this.#rooms.get(leg.room)?.tell({ at: Date.now(), id, kind: 'left' });
    this.#roomOf.delete(id);
  };

  readonly #onMismatch = ({ room, session }: DistributionServerEvents['mismatch'][0]): void => {
    this.#rooms.get(room)?.tell({ at: Date.now(), id: session, kind: 'mismatch' });
  };

  readonly #onLatch = (event: LatchEvent): void => {
    // RTCP on a port of its own goes the way of its RTP: telling both would tell everything twice.
    if (event.component !== 1) return;
    const isShown = SHOWN.includes(event.type);
    if (!isShown && event.type !== 'candidate') return;
    const name = this.#roomOf.get(event.session);
    const room = name === undefined ? undefined : this.#rooms.get(name);
    if (!room) {
      this.#early.push(event);
      if (this.#early.length > EARLY_MAX) this.#early.shift();
      return;
    }
    const at = Date.now();
    if (event.type === 'candidate' && event.remote) room.person(event.session).noteNewcomer(event.remote, at);
    const place = 'mapping' in event ? event.mapping : event.type === 'locked' ? event.remote : undefined;
    if (place) room.person(event.session).noteProof(place);
    if (event.type === 'silent' && !room.person(event.session).noteSilent()) return;
    if (isShown) room.tell(happeningOf(event, at));
  };

  #viewOf(leg: Leg): View {
    const { server } = this.#site;
    const call = leg.session === undefined ? undefined : server.call(leg.session);
    return { leg, call, statistics: call ?? server.rooms.statisticsOf(leg) };
  }

  #place(leg: Leg): RoomRecord | undefined {
    const record = this.#open(leg.room);
    if (!record) return undefined;
    this.#roomOf.set(idOf(leg), leg.room);
    record.person(idOf(leg));
    return record;
  }

  #open(name: string): RoomRecord | undefined {
    const present = this.#rooms.get(name);
    if (present || this.#rooms.size >= ROOMS_MAX) return present;
    const record = new RoomRecord(name, (happening) => this.#site.onHappening(name, happening));
    this.#rooms.set(name, record);
    return record;
  }

  #sample(): void {
    try {
      const atMs = Date.now();
      const { server, isWatched } = this.#site;
      const { legs } = server.rooms;
      const inRoom = new Map<string, Leg[]>();
      for (const leg of legs) {
        const here = inRoom.get(leg.room);
        if (here) here.push(leg);
        else inRoom.set(leg.room, [leg]);
      }
      for (const [name, room] of this.#rooms) {
        const here = inRoom.get(name) ?? [];
        if (legs.size <= UNWATCHED_MAX || isWatched(name))
          room.sample(
            here.map((leg) => this.#viewOf(leg)),
            atMs,
          );
        room.settle(here, atMs);
        if (room.isOver(atMs)) this.#rooms.delete(name);
      }
      this.#site.onSampled(atMs);
    } catch (error) {
      this.#site.onFault(error);
    }
  }
}

function happeningOf(event: LatchEvent, at: number): Happening {
  const text = (name: string, address: TransportAddress | undefined) =>
    address ? { [name]: formatAddress(address) } : {};
  const proof = 'mapping' in event ? event : undefined;
  return {
    ...{ at, id: event.session, kind: event.type },
    ...text('remote', proof?.mapping ?? event.remote),
    ...text('signalled', proof?.signalled),
    ...text('previous', event.type === 'rebound' ? event.previous : undefined),
    ...(proof && { nat: proof.nat, protection: proof.protection }),
    ...(event.type === 'locked' && { ground: event.ground }),
    ...(proof?.rttMs !== undefined && { rttMs: Math.round(proof.rttMs * 10) / 10 }),
  };
}
