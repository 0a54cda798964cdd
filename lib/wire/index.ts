/*
 * Bytes and text to values and back: STUN, latch and ICE messages, RTP and RTCP headers, SDP, addresses. It imports nothing
 * from outside itself and never throws on input.
 */
export { formatAddress, formatIp, isSameAddress, normaliseIp, parseIp } from './address.js';
export type { TransportAddress } from './address.js';
export { asciiBytes } from './ascii.js';
export { formatCrypto } from './crypto-attribute.js';
export type { CryptoAttribute, CryptoKey } from './crypto-attribute.js';
export { decodeBase64url, encodeBase64url } from './base64url.js';
export {
  encodeIceCheck,
  encodeIceResponse,
  encodeRoleConflict,
  isIceIntegrityValid,
  parseIceMessage,
} from './ice-message.js';
export type { IceCheck, IceMessage, IceResponse, Ufrags } from './ice-message.js';
export type { EqualBytes, Hmac } from './integrity.js';
export { ipRange } from './ip-range.js';
export type { IpRange } from './ip-range.js';
export { formatChallenge, formatLatch, isKid, parseChallenge, parseLatch } from './latch-attribute.js';
export type { LatchAttribute } from './latch-attribute.js';
export {
  encodeChallenge,
  encodeHello,
  encodeKeepalive,
  encodeResponse,
  encodeWelcome,
  isLatchIntegrityValid,
  parseLatchMessage,
} from './latch-message.js';
export type {
  ChallengeMessage,
  HelloMessage,
  KeepaliveMessage,
  LatchMessage,
  ResponseMessage,
  Username,
  WelcomeMessage,
} from './latch-message.js';
export { classifyPacket } from './packet-class.js';
export type { PacketClass } from './packet-class.js';
export type { Result, WireError } from './result.js';
export { parseRtcp, readRtcpSsrc } from './rtcp.js';
export type { RtcpHeader } from './rtcp.js';
export { parseRtp, readRtpPayloadType, readRtpSsrc } from './rtp.js';
export type { RtpHeader } from './rtp.js';
export { isSameBytes } from './same-bytes.js';
export { connectionFault } from './sdp-connection.js';
export type { ConnectionFault } from './sdp-connection.js';
export { isDtlsSrtp, isSecureRtp } from './sdp-fields.js';
export { SDP_LIMITS, parseSdp, spliceLatch, stripKeys, stripLatch } from './sdp.js';
export type { Direction, IceCredentials, Sdp, SdpLimits, SdpMedia, SectionKey } from './sdp.js';
export { ATTRIBUTE } from './stun-attribute-types.js';
export { findAttribute, isStunHeader, parseStun } from './stun.js';
export type { StunAttribute, StunClass, StunMessage } from './stun.js';
export { formatWarning } from './warning.js';
