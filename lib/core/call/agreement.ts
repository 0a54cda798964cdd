// What two sides have agreed on for one transport, as a plain value: what its media is protected by, what that needs, and where
// the peer says that it is. Offer and answer in SDP give one; so does an HTTPS request, an RTSP SETUP, another process or a
// store. It holds no reference to anything that runs, and its secrets are in their wrapper: whatever prints it shows none.
import type { TransportAddress } from '../../wire/index.js';
import type { LatchTerms } from '../proof/credentials.js';
import type { IceTerms } from '../proof/ice-generation.js';
import type { SrtpTerms } from '../proof/srtp-terms.js';

/** What every agreement says of the media itself. */
export interface MediaTerms {
  /** Where the peer said that its RTP is to go. Absent where it said nothing of use: on hold, or by a name. */
  readonly remote?: TransportAddress | undefined;
  /**
   * RTCP has a port of its own at the peer, component 2; where it is to go, if that was said. Absent: RTP and RTCP share one
   * (RFC 5761). `sharesPort`: here it comes to the port of RTP, and is told apart there; heeded with ICE only (protocol.md 8.1).
   */
  readonly rtcp?:
    { readonly remote?: TransportAddress | undefined; readonly sharesPort?: boolean | undefined } | undefined;
  /** The peer said that it sends media: then its silence means something (protocol.md 6.4). */
  readonly expectsMedia: boolean;
  /**
   * One side holds the call: the peer said that it only sends, and phones then send music or nothing (RFC 3264 8.4), or we said that we do
   * not listen. Its silence means nothing then, whatever `expectsMedia` says (protocol.md 8.2.5).
   */
  readonly isHeld?: boolean | undefined;
  /** Our own IP address as the peer was told it: it says which private addresses are near (protocol.md 5.7). */
  readonly advertised?: string | undefined;
  /**
   * The media is SRTP, while something better says where the peer is: latch or ICE, or the policy of a prover. We protect and decrypt with
   * these keys, so they have our own. Of an SRTP agreement the keys stand beside this.
   */
  readonly srtp?: SrtpTerms | undefined;
}

/** Latch: keys come out of both halves (protocol.md 2, 3). */
export interface LatchAgreement extends MediaTerms, LatchTerms {
  readonly kind: 'latch';
}

/** ICE's checks in the place of latch; for verifiers only (protocol.md 8.1). */
export interface IceAgreement extends MediaTerms, IceTerms {
  readonly kind: 'ice';
}

/**
 * SRTP: the key with which the peer protects its packets says where it is; for verifiers only (protocol.md 8.2). `peer` has the key that
 * the peer told, of the one suite that both have settled on; `own` has ours, where latchkey protects and decrypts.
 */
export interface SrtpAgreement extends MediaTerms, SrtpTerms {
  readonly kind: 'srtp';
  /** The SSRCs that the peer's description announces (RFC 5576): on a port for many sessions its first packet is found by them. */
  readonly ssrcs?: readonly number[] | undefined;
}

/**
 * No key at all; for verifiers only (protocol.md 8.3). What is known of the peer's packets is what its stream is told by: the more of it there is, the
 * less another can be taken for it.
 */
export interface EvidenceAgreement extends MediaTerms {
  readonly kind: 'evidence';
  /** Of either description; left out: any. */
  readonly payloadTypes?: readonly number[] | undefined;
  /** Clock rates in Hz by payload type, where they are known. */
  readonly clockRates?: Readonly<Record<number, number>> | undefined;
  /** The payload types of telephone events (RFC 4733). */
  readonly eventTypes?: readonly number[] | undefined;
  /** The SSRCs that the peer announces (RFC 5576). */
  readonly ssrcs?: readonly number[] | undefined;
}

/** Nothing proves anything: media goes to `remote`, and is taken from there (protocol.md 7). */
export interface NoneAgreement extends MediaTerms {
  readonly kind: 'none';
}

/** Blind latching, to the first source of RTP with one of these payload types; under the policy `blind` only. */
export interface LegacyAgreement extends MediaTerms {
  readonly kind: 'legacy';
  readonly payloadTypes: readonly number[];
}

/** No media here until a later agreement: the section was rejected. */
export interface ClosedAgreement {
  readonly kind: 'closed';
}

export type Agreement =
  | LatchAgreement
  | IceAgreement
  | SrtpAgreement
  | EvidenceAgreement
  | NoneAgreement
  | LegacyAgreement
  | ClosedAgreement;

/** Agreements under which media may flow. */
export type OpenAgreement = Exclude<Agreement, ClosedAgreement>;

/** The keys of its media, where it is SRTP and we know them. */
export function srtpTermsOf(agreement: Agreement): SrtpTerms | undefined {
  switch (agreement.kind) {
    case 'srtp':
      return agreement;
    case 'latch':
    case 'ice':
    case 'evidence':
    case 'none':
    case 'legacy':
      return agreement.srtp;
    case 'closed':
      return undefined;
  }
}
