// One stream's way to a player or from a camera: two ports for the room, and what the 200 to its SETUP says. Types only.
import type { RoomPort } from '../../lib/room/index.js';
import type { TransportChoice } from '../../lib/rtsp/index.js';
import type { RtspTransport } from './rtsp-types.js';

export interface Way {
  readonly transport: RtspTransport;
  readonly choice: TransportChoice;
  readonly rtp: RoomPort;
  readonly rtcp: RoomPort;
  /** Lets go of what it has. Idempotent. */
  close(): void;
}
