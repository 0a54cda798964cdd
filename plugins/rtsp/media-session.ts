// One RTSP session: the streams that were set up, and whether they play or record. It joins them to the room and takes them out again; what a
// request may do when, is the dialogue's business.
import type { Leg, LegStream, NegotiatedStream, Rooms, WatchedStream } from '../../lib/room/index.js';
import { PunchedWay } from './punched-way.js';
import type { RtspEndReason, RtspPlace, RtspTransport } from './rtsp-types.js';
import type { Way } from './way.js';

/** A stream that was set up. */
export interface SetUp {
  readonly stream: NegotiatedStream;
  /** Who is watched; undefined: the session publishes. */
  readonly speaker: Leg | undefined;
  readonly way: Way;
}

export class MediaSession {
  /** What is owed to it ends with it: the latch session of its description. */
  readonly #onEnded: (reason: RtspEndReason) => void;
  /** By what SETUP calls each. */
  readonly #streams = new Map<string, SetUp>();
  #leg: Leg | undefined;
  #hasEnded = false;

  constructor(
    /** What the Session header says: who knows it speaks for the session. */
    readonly secret: string,
    readonly place: RtspPlace,
    readonly isRecord: boolean,
    private readonly rooms: Rooms,
    onEnded: (reason: RtspEndReason) => void,
  ) {
    this.#onEnded = onEnded;
  }

  get streams(): readonly SetUp[] {
    return [...this.#streams.values()];
  }

  get transports(): readonly RtspTransport[] {
    return [...new Set(this.streams.map(({ way }) => way.transport))];
  }

  /** Its media is in the room, or comes from it. */
  get isActive(): boolean {
    return this.#leg !== undefined;
  }

  has(name: string): boolean {
    return this.#streams.has(name);
  }

  add(name: string, setUp: SetUp): void {
    this.#streams.set(name, setUp);
  }

  /** PLAY or RECORD. @throws RangeError where the room is full, or gone */
  begin(): void {
    if (this.#leg) return;
    const { call, room, participant } = this.place;
    if (this.isRecord) {
      const streams = this.streams.map(legStream);
      this.#leg = this.rooms.join(room, {
        call,
        ...(participant !== undefined && { name: participant }),
        streams,
      });
      return;
    }
    const streams = this.streams.flatMap((one, index): WatchedStream[] =>
      one.speaker && this.rooms.legs.has(one.speaker)
        ? [{ ...legStream(one, index), speaker: one.speaker }]
        : [],
    );
    if (streams.length === 0) throw new RangeError('nobody is there any more');
    this.#leg = this.rooms.watch(room, { call, streams });
  }

  /** PAUSE. */
  pause(): void {
    this.#leg?.leave();
    this.#leg = undefined;
  }

  /** Nobody is there any more whom it watches. */
  get isOver(): boolean {
    return !this.isRecord && this.streams.every(({ speaker }) => !speaker || !this.rooms.legs.has(speaker));
  }

  get punched(): readonly PunchedWay[] {
    return this.streams.flatMap(({ way }) => (way instanceof PunchedWay ? [way] : []));
  }

  /** Idempotent. */
  end(reason: RtspEndReason): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.pause();
    for (const { way } of this.streams) way.close();
    this.#onEnded(reason);
  }
}

/** Every stream has ports of its own. */
function legStream({ stream, way }: SetUp, index: number): LegStream {
  return { stream: { ...stream, media: index, transport: index }, rtp: way.rtp, rtcp: way.rtcp };
}
