// What was agreed on of the packets of a peer that brings no key, as far as its stream can be told by it (protocol.md 8.3.1, 8.3.3). A value.
import type { TransportAddress } from '../../wire/index.js';

/** Of the packets of a stream. */
export interface StreamTerms {
  /** Of either description, and comfort noise; undefined: any. */
  readonly payloadTypes: ReadonlySet<number> | undefined;
  /** By payload type, where it is known. */
  readonly clockRates: ReadonlyMap<number, number>;
  /** Telephone events: their timestamps stand still. */
  readonly eventTypes: ReadonlySet<number>;
}

export interface EvidenceTerms extends StreamTerms {
  /** Those that the peer's description announces (RFC 5576). */
  readonly ssrcs: ReadonlySet<number>;
  /** Where no source that may be the peer is there, the first one counts (protocol.md 7, the policy `legacy`). */
  readonly latchesBlindly: boolean;
}

/** For RTCP on a port of its own: the RTP beside it. */
export interface RtpBeside {
  /** Where RTP is locked; undefined where it is not. */
  readonly lockedAt: TransportAddress | undefined;
  hasStream(ssrc: number): boolean;
  /** RTCP has come in the name of a locked stream. */
  noteRtcp(nowMs: number): void;
}
