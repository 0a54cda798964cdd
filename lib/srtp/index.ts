/*
 * SRTP and SRTCP (RFC 3711, 6188, 7714) without sockets and clocks: keys in, packets in, packets out.
 */
export { HmacSha1 } from './hmac-sha1.js';
export { MAX_LIFETIME, type MasterKey } from './master-key.js';
export { SRTP_SUITES, srtpSuite, type SrtpSuite } from './suites.js';
export type { Aead, SrtpCrypto } from './srtp-crypto.js';
export {
  SrtpReceiver,
  type HeardBefore,
  type SrtpReceiverOptions,
  type SrtpRefusal,
  type TaggedPacket,
} from './srtp-receiver.js';
export { SrtpSender, type ProtectRefusal } from './srtp-sender.js';
export type { SessionKeys } from './session-keys.js';
export type { PacketKind, PacketPlace, Transform } from './transform.js';
export { allocatePacket } from './packet-pool.js';
