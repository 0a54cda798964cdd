// What SIP says where a seat in a room is refused.
import type { Refusal } from '../sip/index.js';
import type { SeatRefusal, SeatRefusalReason } from './room-seat.js';

const STATUS: Readonly<Record<SeatRefusalReason, number>> = {
  description: 400,
  media: 488,
  ports: 503,
  full: 486,
};

/** The status of the response, and its Warning. */
export function sipRefusal({ reason, warning, warnCode }: SeatRefusal): Refusal {
  return { status: STATUS[reason], warning, ...(warnCode !== undefined && { warnCode }) };
}
