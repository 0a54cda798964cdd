/*
 * The distribution server's rooms, without its signalling: `createRooms` for the media, `answerOffer` and its
 * counterparts for the SDP. Needs the optional peer `rtp.js` for RTCP.
 */
export { answerOffer, offeredTransports } from './answer.js';
export type { Agreement, AnswerResult, SdpRefusal } from './answer.js';
export type { DescriptionOptions, SectionPorts } from './description.js';
export type { Format } from './formats.js';
export type { Leg, LegCounters, LegOptions, LegStream, WatchedStream, WatchOptions } from './leg.js';
export type { ReceivedStatistics } from './reception.js';
export type { ReportedStatistics } from './report-ledger.js';
export type { LegStatistics } from './room.js';
export { commonCodec, isUnheard, spokenCodec } from './common-codec.js';
export { acceptAnswer, audioFormats, createOffer, kindsToOffer, repeatOffer, withPorts } from './offer.js';
export type { AcceptResult } from './offer.js';
export { createRooms, ECHO_ROOM } from './rooms.js';
export type { LinkPorts, PacketListener, PortReceiver, RoomPort } from './room-port.js';
export type { Rooms, RoomsEvents, RoomsOptions } from './rooms.js';
export { SRTP_USES } from './sections.js';
export type { SrtpUse } from './sections.js';
export type { NegotiatedStream } from './stream.js';
export type { Tap, TappedPacket, TappedReport } from './tap.js';
