/*
 * What kind of packet a datagram is, by its first bytes: RFC 7983 as updated by RFC 9443, RTCP told
 * from RTP by RFC 5761 section 4. It looks no deeper than a header, and it runs for every packet.
 */
import { isStunHeader } from './stun.js';

export type PacketClass = 'stun' | 'rtp' | 'rtcp' | 'dtls' | 'zrtp' | 'turn-channel' | 'quic' | 'other';

const RTP_HEADER_SIZE_BYTES = 12;
const RTCP_HEADER_SIZE_BYTES = 8;

/**
 * The class of any datagram, empty ones included: what fits no class, or is too short for the header
 * of its class, is `other`. UDPTL, whose first byte falls into the range of STUN, lacks the cookie.
 */
export function classifyPacket(bytes: Uint8Array): PacketClass {
  if (bytes.length === 0) return 'other';
  const first = bytes[0]!;
  // RTP and RTCP first: nearly every packet is one.
  if (first >= 128 && first <= 191) {
    if (bytes.length < RTCP_HEADER_SIZE_BYTES) return 'other';
    const second = bytes[1]!;
    if (second >= 192 && second <= 223) return 'rtcp';
    return bytes.length >= RTP_HEADER_SIZE_BYTES ? 'rtp' : 'other';
  }
  if (first <= 3) return isStunHeader(bytes) ? 'stun' : 'other';
  if (first <= 15) return 'other';
  if (first <= 19) return 'zrtp';
  if (first <= 63) return 'dtls';
  if (first <= 79) return bytes.length >= 4 ? 'turn-channel' : 'other';
  return 'quic';
}
