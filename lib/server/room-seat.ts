// One call's place in a room, by whatever signalling it came: its ports, its descriptions and its leg. What a description
// means for the room is lib/room's to say; who is told what, when, and in which protocol's words, is the signalling's.
import { randomInt } from 'node:crypto';
import type { SdpLimits, Session, TransportAddress } from '../index.js';
import {
  acceptAnswer,
  answerOffer,
  audioFormats,
  createOffer,
  kindsToOffer,
  offeredTransports,
  repeatOffer,
  withPorts,
} from '../room/index.js';
import type { Format, Leg, LegStream, NegotiatedStream, Rooms, SdpRefusal, SrtpUse } from '../room/index.js';
import { CallPorts } from './call-ports.js';
import type { SeatPort, ToldPairs } from './call-ports.js';
import { lendForQuestion, lendPair } from './media-ports.js';
import type { MediaPair, OpenMedia } from './media-sockets.js';

/** What a seat needs of the call's latch session: its name, and ports under which its agreements hold. */
export type SeatSession = Pick<Session, 'id' | 'call' | 'bind' | 'terminatesSrtp' | 'offeredProof'>;

/** Where media of one family of addresses is taken. */
export interface SeatPlace extends OpenMedia {
  /** The IP address that the others send their media to. */
  readonly advertise: string;
}

/** One, or one of each family; the first is for offers of ours, unless somebody says otherwise. */
export type SeatPlaces = readonly [SeatPlace, SeatPlace?];

export interface SeatSite {
  readonly rooms: Rooms;
  readonly places: SeatPlaces;
  /** Of the descriptions that come. */
  readonly sdpLimits: SdpLimits | undefined;
  /** Whether media has to be SRTP. */
  readonly srtp: Exclude<SrtpUse, 'off'>;
  /** A seat was taken, by a call or by one more answer to its offer. */
  onTaken(seat: RoomSeat): void;
  /** It has given back its ports. */
  onReleased(seat: RoomSeat): void;
  /** It was to have ports of its own, and gets the shared one, since all of those are lent. */
  onRangeFull(call: { readonly session: string; readonly call: string; readonly room: string }): void;
}

/**
 * Why there is no place. `description`: what came is no session description; `media`: nothing in it is of ours; `ports`: all
 * media ports are taken; `full`: the room is.
 */
export type SeatRefusalReason = 'description' | 'media' | 'ports' | 'full';

export interface SeatRefusal {
  readonly ok: false;
  readonly reason: SeatRefusalReason;
  /** For people: who sent the description may read it. */
  readonly warning: string;
  /** For SIP: of the Warning (RFC 3261 section 20.43), 399 unless given. */
  readonly warnCode?: number;
}

/** A description of ours, to be sent. */
export interface SeatDescription {
  readonly ok: true;
  readonly sdp: string;
}

/** One call's place in a room. Made by `server.seat`. */
export interface Seat {
  readonly roomName: string;
  /** False until `lend` has fetched the ports that an answer to this offer needs; without one, those of an offer of ours. */
  isReadyFor(offer: string | undefined): boolean;
  /** Fetches the ports that are missing, as far as there are any. */
  lend(offer: string | undefined): Promise<void>;
  /** Answers an offer, and takes its streams into the room. The answer is to go through the session's `setLocal`. */
  answer(offer: string): SeatDescription | SeatRefusal;
  /** An offer of ours: the first, or the last description again. Its RTP ports listen from now on. */
  offer(): SeatDescription | SeatRefusal;
  /** Takes the answer to an offer of ours into the room. Undefined: it was taken. */
  accept(offer: string, answer: string): SeatRefusal | undefined;
  /** Out of the room; the ports stay. Idempotent. */
  leave(): void;
  /** Leaves, and gives the ports back. Idempotent. */
  release(): void;
}

const OUT_OF_PORTS: SeatRefusal = { ok: false, reason: 'ports', warning: 'all media ports are taken' };
const UNKEYED: SeatRefusal = {
  ok: false,
  reason: 'media',
  warning: 'SRTP is required here, with keys over encrypted signalling',
};
const FULL: SeatRefusal = { ok: false, reason: 'full', warning: 'the room is full' };

export class RoomSeat implements Seat {
  readonly #site: SeatSite;
  readonly #session: SeatSession;
  /** Settled by the first description of the peer's, or with the first ports. */
  #at: SeatPlace;
  readonly #ports: CallPorts;
  #sessionId = String(randomInt(1, 2 ** 47));
  #leg: Leg | undefined;
  /** Streams that are not in the room yet. */
  #held: readonly LegStream[] | undefined;
  #version = 1;
  #description: string | undefined;
  /** The one before the last offer. */
  #before: string | undefined;
  /** The last one with all of its codecs. */
  #whole: string | undefined;

  /** Made by `RoomSeats.take`. */
  constructor(
    readonly roomName: string,
    session: SeatSession,
    site: SeatSite,
    from?: CallPorts,
  ) {
    this.#session = session;
    this.#site = site;
    [this.#at] = site.places;
    const lender = {
      lend: (transport: number, mayShare: boolean) => this.#lendPair(transport, mayShare),
      lendForQuestion: () => lendForQuestion(this.#at),
    };
    this.#ports = from?.fork(session, lender) ?? new CallPorts(session, lender);
    site.onTaken(this);
  }

  /** The id of the latch session. */
  get session(): string {
    return this.#session.id;
  }

  /** For another answer to the offer of this seat: the same description, the same sockets, a session and leg of its own. */
  fork(session: SeatSession): RoomSeat {
    const fork = new RoomSeat(this.roomName, session, this.#site, this.#ports);
    fork.#at = this.#at;
    fork.#sessionId = this.#sessionId;
    fork.#version = this.#version;
    fork.#description = this.#description;
    fork.#whole = this.#whole;
    return fork;
  }

  /** Its peer can be asked to send to another port: there are others than one that all calls share. */
  get canMove(): boolean {
    return this.#site.places.some((place) => place && place.media.isShared !== true);
  }

  /** Lends a pair to which the peer can be asked to send; undefined where none is to be had. */
  lendForQuestion(): Promise<MediaPair | undefined> {
    return this.#ports.lendForQuestion();
  }

  /** The session listens there no more, as its event `released` says of RTP: that pair goes back. */
  handleReleased(transport: number, local: TransportAddress): void {
    this.#ports.handleReleased(transport, local);
  }

  /** Where the media of the call is taken. */
  get ports(): readonly SeatPort[] {
    return this.#ports.open;
  }

  get leg(): Leg | undefined {
    return this.#leg;
  }

  /** False until `lend` has fetched the ports that an answer to this offer, or an offer of ours, needs. */
  isReadyFor(offer: string | undefined): boolean {
    return this.#ports.has(this.#transports(offer));
  }

  /**
   * Lends the ports that are missing, as far as there are any.
   *
   * @param mayShare False: who is to have ports of its own gets those or none.
   */
  async lend(offer: string | undefined, mayShare = true): Promise<void> {
    await this.#ports.lend(this.#transports(offer), mayShare);
  }

  /**
   * Answers an offer, and takes its streams into the room.
   *
   * @param isHeld Their ports listen, but they are not in the room before `enter`.
   * @param told Pairs lent for questions that it tells in place of the call's.
   */
  answer(offer: string, isHeld = false, told?: ToldPairs): SeatDescription | SeatRefusal {
    if (this.#isShutOut) return FULL;
    if (this.#isUnkeyed) return UNKEYED;
    const answered = this.#describe((version) => answerOffer(offer, this.#options(version, told)));
    if (!answered.ok)
      return answered.status === 488 && !this.isReadyFor(offer) ? OUT_OF_PORTS : refusalOf(answered);
    this.#whole = answered.sdp;
    this.#place(answered.streams, isHeld);
    return answered;
  }

  /** The audio codecs that our descriptions have had: those that the other side offered, or was offered. */
  get codecs(): readonly Format[] {
    return this.#whole === undefined ? [] : audioFormats(this.#whole);
  }

  /** The offer was refused: the last description is again the one before. */
  takeBack(): void {
    this.#description = this.#before;
  }

  /**
   * An offer of ours: the first, or the last description again. Its RTP ports listen from now on.
   *
   * @param only The one audio codec to offer, of `codecs`.
   * @param told Pairs lent for questions that it tells in place of the call's.
   */
  offer(only?: Format, told?: ToldPairs): SeatDescription | SeatRefusal {
    if (this.#isShutOut) return FULL;
    if (this.#isUnkeyed) return UNKEYED;
    const last = only === undefined ? this.#description : this.#whole;
    this.#before = this.#description;
    if (last === undefined && !this.#ports.has([0])) return OUT_OF_PORTS;
    const offered = this.#describe((version): SeatDescription => ({
      ok: true,
      sdp:
        last === undefined
          ? createOffer(this.#options(version))
          : withPorts(repeatOffer(last, version, only), this.#ports.sections(told)),
    }));
    if (offered.ok && only === undefined) this.#whole ??= offered.sdp;
    if (last === undefined) this.#ports.listen([...this.#ports.sections().keys()]);
    return offered;
  }

  /** Takes the answer to an offer of ours into the room. */
  accept(offer: string, answer: string): SeatRefusal | undefined {
    if (this.#isShutOut) return FULL;
    const accepted = acceptAnswer(offer, answer, this.#site.sdpLimits, this.#srtp);
    if (!accepted.ok) return refusalOf(accepted);
    this.#place(accepted.streams);
    return undefined;
  }

  /** Takes the streams of an answer that was held back into the room. Idempotent. */
  enter(): SeatRefusal | undefined {
    if (!this.#held) return undefined;
    if (this.#isShutOut) return FULL;
    const { id, call } = this.#session;
    this.#leg = this.#site.rooms.join(this.roomName, { call, session: id, streams: this.#held });
    this.#held = undefined;
    return undefined;
  }

  /** Out of the room; the ports stay. Idempotent. */
  leave(): void {
    this.#held = undefined;
    this.#leg?.leave();
  }

  /** Gives the ports back. Idempotent. */
  release(): void {
    this.leave();
    this.#ports.release();
    this.#site.onReleased(this);
  }

  /** The room has no place for one more, and this call is not in it yet. */
  get #isShutOut(): boolean {
    return this.#leg === undefined && this.#site.rooms.isFull(this.roomName);
  }

  /** The call's session makes keys where it can. */
  get #srtp(): SrtpUse {
    return this.#session.terminatesSrtp ? this.#site.srtp : 'off';
  }

  get #isUnkeyed(): boolean {
    return this.#site.srtp === 'require' && !this.#session.terminatesSrtp;
  }

  /** Of two places that of the family which the peer's description names: media cannot go to the other. */
  #settle(offer: string): void {
    if (this.#ports.hasAny) return;
    const isFitting = (place: SeatPlace | undefined) =>
      place && offeredTransports(offer, this.#site.sdpLimits, place.advertise, this.#srtp).length > 0;
    const [first, second] = this.#site.places;
    this.#at = second && !isFitting(first) && isFitting(second) ? second : first;
  }

  #lendPair(transport: number, mayShare: boolean): Promise<MediaPair | undefined> {
    const { id: session, call } = this.#session;
    const onRangeFull = () => this.#site.onRangeFull({ session, call, room: this.roomName });
    return lendPair(this.#at, this.#session.offeredProof(transport), mayShare ? onRangeFull : undefined);
  }

  #transports(offer: string | undefined): readonly number[] {
    if (offer !== undefined) {
      this.#settle(offer);
      return offeredTransports(offer, this.#site.sdpLimits, this.#at.advertise, this.#srtp);
    }
    if (this.#description !== undefined) return [];
    return kindsToOffer(this.#site.rooms.preference(this.roomName)).map((_, index) => index);
  }

  /** The streams as agreed, in the room: the ports stay where they can. */
  #place(negotiated: readonly NegotiatedStream[], isHeld = false): void {
    // Who begins with every section closed has no ports.
    const streams = this.#ports.place(negotiated.filter(({ transport }) => this.#ports.has([transport])));
    if (this.#leg) return this.#leg.update(streams);
    this.#held = streams;
    if (!isHeld) this.enter();
  }

  /** The version of a description rises when, and only when, it changes (RFC 3264 section 8). */
  #describe<T extends SeatDescription | SdpRefusal>(make: (version: number) => T): T {
    let made = make(this.#version);
    if (!made.ok) return made;
    if (this.#description !== undefined && made.sdp !== this.#description) made = make(++this.#version);
    if (made.ok) this.#description = made.sdp;
    return made;
  }

  #options(sessionVersion: number, told?: ToldPairs) {
    return {
      address: this.#at.advertise,
      rtpPort: 0,
      ports: this.#ports.sections(told),
      sessionId: this.#sessionId,
      sessionVersion,
      preference: this.#site.rooms.preference(this.roomName),
      sdpLimits: this.#site.sdpLimits,
      srtp: this.#srtp,
    };
  }
}

/** What lib/room says with the words of SIP. */
function refusalOf({ status, warning, warnCode }: SdpRefusal): SeatRefusal {
  return { ok: false, reason: status === 400 ? 'description' : 'media', warning, warnCode };
}
