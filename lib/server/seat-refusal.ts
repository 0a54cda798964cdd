// What SIP says where a seat in a room is refused.
import type { SeatRefusal, SeatRefusalReason } from './room-seat.js';

const STATUS: Readonly<Record<SeatRefusalReason, number>> = {
  description: 400,
  media: 488,
  ports: 503,
  full: 486,
};

/** The status of the response, and the text of its Warning. */
export function sipRefusal({ reason, warning }: SeatRefusal): { status: number; warning: string } {
  return { status: STATUS[reason], warning };
}
