/**
 * latchkey over RTSP 1.0 (RFC 2326): the rooms of a distribution server for players and cameras. `rtsp://host/ROOM` is what everybody in
 * a room sends, `rtsp://host/ROOM/PARTICIPANT` what one does; ANNOUNCE and RECORD publish into it. Media goes inside the connection, over
 * UDP with latch, or over UDP to where a player's own packets come from.
 */
import { checkedOptions } from './options.js';
import type { LatchRtsp, LatchRtspOptions } from './rtsp-types.js';
import { RtspService } from './service.js';

export { RTSP_SERVER_LIMITS } from './options.js';
export type {
  LatchRtsp,
  LatchRtspOptions,
  RtspBoundCounts,
  RtspCounters,
  RtspEndReason,
  RtspEvents,
  RtspListening,
  RtspListenOptions,
  RtspPlace,
  RtspRenewal,
  RtspServerLimits,
  RtspTransport,
} from './rtsp-types.js';

/**
 * Makes the service; it opens nothing before `start()`.
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function latchRtsp(options: LatchRtspOptions): LatchRtsp {
  return new RtspService(checkedOptions(options));
}
