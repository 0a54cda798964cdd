/*
 * The distribution server's rooms, without its signalling: `createRooms` for the media, `answerOffer` and its
 * counterparts for the SDP. Needs the optional peer `rtp.js` for RTCP.
 */
export { answerOffer } from './answer.js';
export type { AnswerResult, SdpRefusal } from './answer.js';
export type { DescriptionOptions } from './description.js';
export type { Format } from './formats.js';
export type { Leg, LegCounters, LegOptions, RoomPort } from './leg.js';
export { acceptAnswer, createOffer } from './offer.js';
export type { AcceptResult } from './offer.js';
export { createRooms, ECHO_ROOM } from './rooms.js';
export type { Rooms } from './rooms.js';
export type { NegotiatedStream } from './stream.js';
