// What this side is and may do in one exchange of descriptions: what negotiation decides by, beside the descriptions themselves.
import type { Policy } from '../call-place.js';
import type { Secret } from '../proof/secret.js';
import type { RtcpSockets, RtcpTerms } from './rtcp-terms.js';

export interface Stance {
  readonly weOffered: boolean;
  /** Secrets may travel on this hop: protocol.md 2. */
  readonly isSecure: boolean;
  readonly isVerifier: boolean;
  /** There are ciphers for SRTP. */
  readonly hasSrtp: boolean;
  /** We are to make keys of our own, protect with them, and decrypt what comes. */
  readonly terminatesSrtp: boolean;
  readonly policy: Policy;
  /** The key that our offers name. */
  readonly offeredKid: string | undefined;
  /** The key of that name, which offers and answers may name. */
  namedKey(kid: string): Secret | undefined;
  /** The peer tag answered for another fork of the same offer. */
  isForeignTag(tag: string): boolean;
  rtcpSockets(media: number): RtcpSockets;
  /** What the offer of ours that is answered says of RTCP. */
  offeredRtcp(media: number): RtcpTerms | undefined;
}
