// The seats of a server: who has taken one, by the session of the call. It takes them for whatever signalling asks, and
// knows none.
import type { Rooms } from '../room/index.js';
import { RoomSeat } from './room-seat.js';
import type { SeatPlaces, SeatSession, SeatSite } from './room-seat.js';

export class RoomSeats {
  readonly #site: Omit<SeatSite, 'places'>;
  readonly #places: () => SeatPlaces;
  readonly #seats = new Map<string, RoomSeat>();

  /**
   * @param places Is asked when a seat is taken.
   * @param options As `SeatSite` has them: `sdpLimits` are those of latchkey unless set, `srtp` is `'accept'`.
   */
  constructor(
    rooms: Rooms,
    places: () => SeatPlaces,
    options: Partial<Pick<SeatSite, 'sdpLimits' | 'srtp' | 'onRangeFull'>> = {},
  ) {
    this.#places = places;
    const { sdpLimits, srtp = 'accept', onRangeFull = () => undefined } = options;
    this.#site = {
      ...{ rooms, sdpLimits, srtp, onRangeFull },
      onTaken: (seat) => this.#seats.set(seat.session, seat),
      onReleased: (seat) => this.#seats.delete(seat.session),
    };
  }

  /** A place in a room for the call of this session. Whether there is one its first description shows. */
  take(roomName: string, session: SeatSession): RoomSeat {
    return new RoomSeat(roomName, session, { ...this.#site, places: this.#places() });
  }

  /** By the id of the session. */
  of(session: string): RoomSeat | undefined {
    return this.#seats.get(session);
  }

  /** Everybody out of the rooms, and all ports given back. */
  close(): void {
    for (const seat of [...this.#seats.values()]) {
      seat.release();
    }
  }
}
