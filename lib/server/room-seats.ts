// The seats of a server: who has taken one, by the session of the call. It takes them for whatever signalling asks, and
// knows none.
import type { SdpLimits } from '../index.js';
import type { Rooms } from '../room/index.js';
import type { MediaSockets } from './media-sockets.js';
import { RoomSeat } from './room-seat.js';
import type { SeatSession, SeatSite } from './room-seat.js';

export class RoomSeats {
  readonly #site: Omit<SeatSite, 'media'>;
  readonly #media: () => MediaSockets;
  readonly #seats = new Map<string, RoomSeat>();

  /**
   * @param media Is asked when a seat is taken.
   * @param advertise The IP address that the others send their media to.
   * @param sdpLimits Of the descriptions that come; those of latchkey unless set.
   */
  constructor(rooms: Rooms, media: () => MediaSockets, advertise: string, sdpLimits?: SdpLimits) {
    this.#media = media;
    this.#site = {
      ...{ rooms, advertise, sdpLimits },
      onTaken: (seat) => this.#seats.set(seat.session, seat),
      onReleased: (seat) => this.#seats.delete(seat.session),
    };
  }

  /** A place in a room for the call of this session. Whether there is one its first description shows. */
  take(roomName: string, session: SeatSession): RoomSeat {
    return new RoomSeat(roomName, session, { ...this.#site, media: this.#media() });
  }

  /** By the id of the session. */
  of(session: string): RoomSeat | undefined {
    return this.#seats.get(session);
  }

  /** Everybody out of the rooms, and all ports given back. */
  close(): void {
    for (const seat of [...this.#seats.values()]) {
      seat.leave();
      seat.release();
    }
  }
}
