/*
 * RTSP 1.0 (RFC 2326) without sockets: messages and interleaved frames out of a stream of bytes behind a strict gate, the headers
 * that carry transports and sessions, who may, and the descriptions of a room. A plugin puts it on connections.
 */
export { readAnnouncement } from './announcement.js';
export type { AnnouncedStream, Announcement } from './announcement.js';
export { Punch, PUNCH_MS, TRIAL_MS } from './punch.js';
export type { PunchState } from './punch.js';
export { RtspAdmission } from './rtsp-admission.js';
export type { RtspAdmitted, RtspAsk, RtspPeer } from './rtsp-admission.js';
export { RtspFramer } from './rtsp-framer.js';
export type { RtspFramerListener } from './rtsp-framer.js';
export { RTSP_LIMITS, RTSP_REASONS, RtspHead } from './rtsp-head.js';
export type {
  RtspLimits,
  RtspMessage,
  RtspReason,
  RtspRefusal,
  RtspStart,
  RtspVerdict,
} from './rtsp-head.js';
export { formatMessage, formatReply, RTSP_METHODS, sessionIdOf } from './rtsp-text.js';
export type { RtspMethod, RtspReply, RtspStatus } from './rtsp-text.js';
export { parseRoomUrl, streamControl } from './rtsp-url.js';
export type { RoomUrl } from './rtsp-url.js';
export { formatTransport, parseTransport } from './transport-header.js';
export type { TransportChoice, TransportOffer } from './transport-header.js';
export { describeWatch, watchableStreams } from './watch-description.js';
export type { WatchableStream, WatchDescription } from './watch-description.js';
