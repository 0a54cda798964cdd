// How one suite turns a packet into a protected one and back, under one set of session keys. It knows no stream: which number a packet
// has, and whether it has come before, is for its callers to know. Nothing is done in place: others may hold the packet too.

/** RTP and RTCP are protected alike, but for where their number stands. */
export type PacketKind = 'rtp' | 'rtcp';

export interface PacketPlace {
  /** The header, which is not encrypted: of RTP as long as it is, of RTCP 8 bytes. */
  readonly clearSizeBytes: number;
  readonly ssrc: number;
  /** RTP: roll-over counter and sequence number, 48 bits (RFC 3711 3.3.1). RTCP: a counter of 31 bits (3.4). */
  readonly index: number;
}

export interface Transform {
  /** The packet protected, with the MKI in its place. */
  seal(packet: Uint8Array, place: PacketPlace, mki: Uint8Array): Uint8Array;
  /** The packet in clear; undefined where its tag is not right. It is long enough for header, MKI and tag. */
  open(sealed: Uint8Array, place: PacketPlace, mkiSizeBytes: number): Uint8Array | undefined;
  /** Whether the tag is right, for whoever does not need the packet in clear. */
  verify(sealed: Uint8Array, place: PacketPlace, mkiSizeBytes: number): boolean;
  /** Where the MKI begins. */
  mkiAt(sealed: Uint8Array, mkiSizeBytes: number): number;
  /** Overwrites its keys. */
  forget(): void;
}

/** SRTCP says whether it is encrypted by one bit (RFC 3711 3.4). */
export const ENCRYPTED = 0x8000_0000;
