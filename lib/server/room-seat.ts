// One call's place in a room, whichever side called: its ports, its descriptions and its leg. What a description means for
// the room is lib/room's to say; who is told what, and when, is the call's.
import { randomInt } from 'node:crypto';
import type { Session } from '../index.js';
import type * as room from '../room/index.js';
import type { Leg, NegotiatedStream, Rooms } from '../room/index.js';
import { CallPorts } from './call-ports.js';
import type { MediaSockets } from './media-sockets.js';

/** lib/room, loaded when a server starts: it needs an optional peer. */
export type RoomModule = typeof room;

export interface SeatSite {
  readonly room: RoomModule;
  readonly rooms: Rooms;
  readonly media: MediaSockets;
  /** The IP address that the others send their media to. */
  readonly advertise: string;
}

/** Why there is no place, as SIP says it. */
export interface SeatRefusal {
  readonly ok: false;
  readonly status: number;
  readonly warning: string;
}

const OUT_OF_PORTS: SeatRefusal = { ok: false, status: 503, warning: 'all media ports are taken' };

export class RoomSeat {
  readonly #site: SeatSite;
  readonly #session: Session;
  readonly #ports: CallPorts;
  #sessionId = String(randomInt(1, 2 ** 47));
  #leg: Leg | undefined;
  #version = 1;
  #description: string | undefined;

  /** @param call The Call-ID, which names the leg. */
  constructor(
    readonly roomName: string,
    readonly call: string,
    session: Session,
    site: SeatSite,
    ports = new CallPorts(session, site.media),
  ) {
    this.#session = session;
    this.#site = site;
    this.#ports = ports;
  }

  /** For another answer to the offer of this seat: the same description, the same sockets, a session and leg of its own. */
  fork(session: Session): RoomSeat {
    const fork = new RoomSeat(this.roomName, this.call, session, this.#site, this.#ports.fork(session));
    fork.#sessionId = this.#sessionId;
    fork.#version = this.#version;
    fork.#description = this.#description;
    return fork;
  }

  get leg(): Leg | undefined {
    return this.#leg;
  }

  /** False until `lend` has fetched the ports that an answer to this offer, or an offer of ours, needs. */
  isReadyFor(offer: string | undefined): boolean {
    return this.#ports.has(this.#transports(offer));
  }

  /** Lends the ports that are missing, as far as there are any. */
  async lend(offer: string | undefined): Promise<void> {
    await this.#ports.lend(this.#transports(offer));
  }

  /** Answers an offer, and takes its streams into the room. */
  answer(offer: string): { readonly ok: true; readonly sdp: string } | SeatRefusal {
    if (this.#isShutOut) return this.#shutOut();
    const { answerOffer } = this.#site.room;
    const answered = this.#describe((version) => answerOffer(offer, this.#options(version)));
    if (!answered.ok) return answered.status === 488 && !this.isReadyFor(offer) ? OUT_OF_PORTS : answered;
    this.#place(answered.streams);
    return answered;
  }

  /** An offer of ours: the first, or the last description again. Its RTP ports listen from now on. */
  offer(): { readonly ok: true; readonly sdp: string } | SeatRefusal {
    if (this.#isShutOut) return this.#shutOut();
    const last = this.#description;
    if (last === undefined && !this.#ports.has([0])) return OUT_OF_PORTS;
    const { createOffer, repeatOffer } = this.#site.room;
    const offered = this.#describe((version) => ({
      ok: true,
      sdp: last === undefined ? createOffer(this.#options(version)) : repeatOffer(last, version),
    }));
    if (last === undefined) this.#ports.open([...this.#ports.sections.keys()]);
    return offered;
  }

  /** Takes the answer to an offer of ours into the room. */
  accept(offer: string, answer: string): SeatRefusal | undefined {
    if (this.#isShutOut) return this.#shutOut();
    const accepted = this.#site.room.acceptAnswer(offer, answer);
    if (!accepted.ok) return accepted;
    this.#place(accepted.streams);
    return undefined;
  }

  /** Out of the room; the ports stay. Idempotent. */
  leave(): void {
    this.#leg?.leave();
  }

  release(): void {
    this.#ports.release();
  }

  /** The room has no place for one more, and this call is not in it yet. */
  get #isShutOut(): boolean {
    return this.#leg === undefined && this.#site.rooms.isFull(this.roomName);
  }

  #shutOut(): SeatRefusal {
    return { ok: false, status: 486, warning: 'the room is full' };
  }

  #transports(offer: string | undefined): readonly number[] {
    const { room, rooms } = this.#site;
    if (offer !== undefined) return room.offeredTransports(offer);
    if (this.#description !== undefined) return [];
    return room.kindsToOffer(rooms.preference(this.roomName)).map((_, index) => index);
  }

  /** The streams as agreed, in the room: the ports stay where they can. */
  #place(negotiated: readonly NegotiatedStream[]): void {
    // Who begins with every section closed has no ports.
    const streams = this.#ports.place(negotiated.filter(({ transport }) => this.#ports.has([transport])));
    if (this.#leg) return this.#leg.update(streams);
    const { call, roomName } = this;
    this.#leg = this.#site.rooms.join(roomName, { call, session: this.#session.id, streams });
  }

  /** The version of a description rises when, and only when, it changes (RFC 3264 section 8). */
  #describe<T extends { ok: true; sdp: string } | room.SdpRefusal>(make: (version: number) => T): T {
    let made = make(this.#version);
    if (!made.ok) return made;
    if (this.#description !== undefined && made.sdp !== this.#description) made = make(++this.#version);
    if (made.ok) this.#description = made.sdp;
    return made;
  }

  #options(sessionVersion: number) {
    return {
      address: this.#site.advertise,
      rtpPort: 0,
      ports: this.#ports.sections,
      sessionId: this.#sessionId,
      sessionVersion,
      preference: this.#site.rooms.preference(this.roomName),
    };
  }
}
