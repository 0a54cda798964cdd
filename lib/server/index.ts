/*
 * `latchkey/server`: the distribution server as a part of your program. Needs the optional peer `rtp.js`, and a signalling such
 * as `latchkey/sip`.
 */
export { createDistributionServer } from './distribution-server.js';
export type { ListenPort, MediaPair, MediaPorts, MediaSockets } from './media-sockets.js';
export type { Seat, SeatDescription, SeatRefusal, SeatRefusalReason, SeatSession } from './room-seat.js';
export type * from './server-types.js';
