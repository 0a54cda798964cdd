/*
 * All rooms of a server, by name. A room comes into being with its first participant and is gone with its
 * last. Who may enter is decided before: there is no list of names and no password here.
 */
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { checkOptions, option } from '../core/index.js';
import type { OptionRules } from '../core/index.js';
import type { Format } from './formats.js';
import type { Leg, LegOptions, LegStream, WatchedStream, WatchOptions } from './leg.js';
import { Room } from './room.js';
import type { LegStatistics } from './room.js';
import type { Tap } from './tap.js';

/** In this room a participant hears itself and nobody else. */
export const ECHO_ROOM = 'echo';

export interface RoomsEvents {
  /** A participant has joined `leg.room`. */
  joined: [leg: Leg];
  /** A participant has left, and those who heard it have been sent a BYE. */
  left: [leg: Leg];
}

/** Where a test is to have its own. */
export interface RoomsOptions {
  /** Unguessable numbers of 32 bits, for SSRCs. */
  readonly random?: () => number;
  /** Monotonic. */
  readonly nowMs?: () => number;
  /**
   * Whether the room of this name is closed at two: nobody else comes in, and nobody watches. What a participant without a key sends is
   * then heard as it is; in every other room its SSRC, sequence numbers and timestamps are ours (docs/protocol.md 8.3.11). No room is, unless given.
   */
  readonly isPair?: (name: string) => boolean;
}

const number = option.callback('() => number');
const ROOMS_RULES: OptionRules<RoomsOptions> = {
  random: number,
  nowMs: number,
  isPair: option.callback('(name) => boolean'),
};

const port = option.withMethods('a port with on, off and send', 'on', 'off', 'send');
const STREAM_RULES: OptionRules<LegStream> = {
  stream: option.required(
    option.of('a negotiated stream', (value) => typeof value === 'object' && value !== null),
  ),
  rtp: option.required(port),
  rtcp: port,
};
const WATCH_RULES: OptionRules<WatchOptions> = {
  call: option.required(option.text),
  streams: option.required(
    option.listOf(
      option.record<WatchedStream>({
        ...STREAM_RULES,
        speaker: option.required(option.withMethods('a participant', 'leave')),
      }),
    ),
  ),
};
const LEG_RULES: OptionRules<LegOptions> = {
  call: option.required(option.text),
  name: option.text,
  session: option.text,
  streams: option.required(option.listOf(option.record(STREAM_RULES))),
};

/** All rooms of a server. Made by `createRooms`. */
export interface Rooms extends EventEmitter<RoomsEvents> {
  /** Everybody in every room. */
  readonly legs: ReadonlySet<Leg>;

  /**
   * Puts a participant into the room `name`, which is made if it is not there. From now on its ports'
   * packets are distributed, until `leg.leave()`; a port should be in one room only.
   * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
   * @throws RangeError where `isFull(name)`
   */
  join(name: string, options: LegOptions): Leg;

  /**
   * Lets somebody watch participants of the room `name`: a stream goes out as its speaker sends it, under the speaker's own
   * numbers, until `leave()` of what is returned. Who watches is no participant: it is not in `legs`, has no events and is heard
   * by nobody; its reports reach those whom it watches. They are asked for key frames at once.
   *
   * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
   * @throws RangeError where there is no such room, 200 watch it, or it is closed at two
   */
  watch(name: string, options: WatchOptions): Leg;

  /** Whether nobody more can come in. */
  isFull(name: string): boolean;

  /** The formats to answer the next participant of `name` with, best first; empty for an empty room. */
  preference(name: string): readonly Format[];

  /** How the media of a participant arrives, by its packets and by what RTCP says; undefined once it has left. */
  statisticsOf(leg: Leg): LegStatistics | undefined;

  /**
   * Tells of every packet that participants send in any room, and of their sender reports, until the function that is returned is
   * called. It hears also what is said in `echo`.
   * @throws LatchkeyError LATCHKEY_OPTION where it has no `onPacket`
   */
  tap(tap: Tap): () => void;

  /** Lets everybody leave. */
  close(): void;
}

class NamedRooms extends EventEmitter<RoomsEvents> implements Rooms {
  readonly #rooms = new Map<string, Room>();
  readonly #legs = new Set<Leg>();
  /** Of each participant, how its media arrives. */
  readonly #statistics = new WeakMap<Leg, () => LegStatistics>();
  readonly #options: Required<RoomsOptions>;
  readonly #taps = new Set<Tap>();

  constructor(options: RoomsOptions = {}) {
    super();
    checkOptions('createRooms', options, ROOMS_RULES);
    const random = () => randomBytes(4).readUInt32BE();
    this.#options = { random, nowMs: () => performance.now(), isPair: () => false, ...options };
  }

  get legs(): ReadonlySet<Leg> {
    return this.#legs;
  }

  join(name: string, options: LegOptions): Leg {
    option.text('name', name);
    checkOptions('join', options, LEG_RULES);
    const room = this.#room(name);
    if (room.isFull) throw new RangeError(`the room has ${room.legsMax} participants already`);
    const leg = room.join(options);
    this.#legs.add(leg);
    this.#statistics.set(leg, () => room.statisticsOf(leg));
    this.emit('joined', leg);
    return leg;
  }

  watch(name: string, options: WatchOptions): Leg {
    option.text('name', name);
    checkOptions('watch', options, WATCH_RULES);
    const room = this.#rooms.get(name);
    if (!room) throw new RangeError('there is no such room');
    if (room.isFullOfViewers) throw new RangeError(`${room.viewersMax} watch the room already`);
    return room.watch(options);
  }

  isFull(name: string): boolean {
    return this.#rooms.get(name)?.isFull === true;
  }

  preference(name: string): readonly Format[] {
    return this.#rooms.get(name)?.preference ?? [];
  }

  statisticsOf(leg: Leg): LegStatistics | undefined {
    return this.#statistics.get(leg)?.();
  }

  tap(tap: Tap): () => void {
    option.withMethods('an object with onPacket', 'onPacket')('tap', tap);
    // One that listens twice is told twice, and ends each by itself.
    const own: Tap = {
      onPacket: (from, packet) => tap.onPacket(from, packet),
      onReport: (from, report) => tap.onReport?.(from, report),
    };
    this.#taps.add(own);
    return () => void this.#taps.delete(own);
  }

  close(): void {
    for (const leg of this.#legs) leg.leave();
  }

  #room(name: string): Room {
    // One echo room each: those who try it do not share SSRCs, codecs or reports.
    const isEcho = name === ECHO_ROOM;
    const known = isEcho ? undefined : this.#rooms.get(name);
    if (known !== undefined) return known;
    const onLeft = (leg: Leg) => this.#handleLeft(room, leg);
    const { random, nowMs, isPair } = this.#options;
    const room: Room = new Room({
      ...{ name, isEcho, onLeft, random, nowMs, taps: this.#taps },
      isPair: isPair(name),
    });
    if (!isEcho) this.#rooms.set(name, room);
    return room;
  }

  #handleLeft(room: Room, leg: Leg): void {
    if (room.legs.length === 0) this.#rooms.delete(room.name);
    this.#legs.delete(leg);
    this.#statistics.delete(leg);
    this.emit('left', leg);
  }
}

/**
 * Makes the rooms of one server.
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function createRooms(options?: RoomsOptions): Rooms {
  return new NamedRooms(options);
}
