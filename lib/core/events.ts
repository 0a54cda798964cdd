// What the core tells about a session. No event carries a secret, a word or a proof.
import type { TransportAddress } from '../wire/index.js';
import type { Signalling } from './call-place.js';
import type { Suite } from './suite.js';

export type ComponentId = 1 | 2;

/** What a NAT changed between the address in the peer's SDP and the mapping seen. */
export type NatChange = 'none' | 'address' | 'port' | 'both';

/** `direct`: latch, and no NAT. */
export type EndProtection = 'latch' | 'ice' | 'srtp' | 'direct' | 'evidence' | 'legacy' | 'none';

/**
 * On what ground a peer without a key is taken for the one who called (protocol.md 8.3.4): its SSRC was announced, it sends from the address in
 * its description, it sends from home, or it has moved to a port that was told it just now.
 */
export type LockGround = 'ssrc' | 'sdp' | 'home' | 'question';

interface EventBase {
  readonly session: string;
  /** The name that the application gave the call, say its Call-ID. */
  readonly call: string;
  /** Index of the m= section whose transport this is. */
  readonly media: number;
  readonly component: ComponentId;
  readonly local?: TransportAddress;
  /** The address that the event is about, where there is one. */
  readonly remote?: TransportAddress;
}

/**
 * Both views of a mapping, as the two sides exchanged them. A prover is told the same of itself: `signalled` is its own address, `mapping`
 * where the verifier says that it sees it, `serverSeenAs` where the challenge came from that it has answered.
 */
export interface MappingView {
  /** The client's own view: the address in its SDP. */
  readonly signalled?: TransportAddress;
  /** What the verifier sees. */
  readonly mapping: TransportAddress;
  /** Where the client saw the challenge come from, out of its response; absent with SRTP, which challenges nobody. */
  readonly serverSeenAs?: TransportAddress;
  readonly nat: NatChange;
  /**
   * What tells the address: latch, with its suite, ICE's checks, packets under the peer's key of SRTP; or, of a peer without a key, that its
   * stream goes on from there, which is no proof.
   */
  readonly protection: 'latch' | 'ice' | 'srtp' | 'evidence';
  readonly suite?: Suite;
  /** What the secret came over: with ICE it may be `clear`, and then whoever read it can prove the address too. */
  readonly signalling: Signalling;
  /** From the first transmission of the challenge to its response; of a prover's hello to its welcome. Absent with SRTP. */
  readonly rttMs?: number;
}

/** What protects a stream that has lost something: `latch` and `ice` where its media was SRTP beside them, and is no more. */
export type DowngradedTo = 'latch' | 'ice' | 'srtp' | 'evidence' | 'legacy' | 'none' | 'rejected';

export type LatchEvent = EventBase &
  (
    | { readonly type: 'candidate' | 'proven' | 'conflict' | 'expired' | 'legacy' }
    /** A peer without a key is where this comes from, by all that is known: its media is taken and ours goes there. */
    | { readonly type: 'locked'; readonly ground: LockGround }
    /** Two sources might be the peer: nothing is sent or taken until one of them has moved with a port question (protocol.md 8.3.5). */
    | { readonly type: 'contested' }
    /**
     * The signalling is to re-offer with another port of ours (protocol.md 8.3.6): see `listen` and `asked`. Where nobody listens for it,
     * nothing is asked, and a peer is locked without.
     */
    | { readonly type: 'question' }
    /** The stream listens at `local` no more: whoever brought the socket may close it. */
    | { readonly type: 'released'; readonly local: TransportAddress }
    /** Nothing proves where the peer is: told at the answer, once a call. */
    | { readonly type: 'unprotected' }
    /**
     * Nobody hears the peer: media comes from `remote` and is not taken, while none is; without `remote`, nothing goes to it 5 s after
     * the dialog was confirmed. `expected` is where media was to come from, and to go. At most every 5 s a component.
     */
    | { readonly type: 'unheard'; readonly expected?: TransportAddress }
    /**
     * Nothing has come for 15 s from a peer with SRTP that may be silent: the signalling should ask it in the dialog, and tell by `asked` what
     * became of it. Every 10 s.
     */
    | { readonly type: 'silent' }
    /** To a prover: nothing has answered its hellos for 5 s; or what had challenged it does so no more, for 30 s. */
    | { readonly type: 'unanswered' | 'lost' }
    /** What protected the stream until now; absent where nothing had been agreed on. */
    | { readonly type: 'closed'; readonly protection?: EndProtection }
    | ({ readonly type: 'verified' | 'direct' } & MappingView)
    | ({ readonly type: 'rebound'; readonly previous: TransportAddress } & MappingView)
    | {
        readonly type: 'downgraded';
        readonly to: DowngradedTo;
        readonly reason: string;
      }
    | { readonly type: 'rejected'; readonly status: 400 | 488; readonly warning: string }
  );

export type LatchEventType = LatchEvent['type'];

export function natBetween(signalled: TransportAddress | undefined, mapping: TransportAddress): NatChange {
  if (!signalled) return 'both';
  const isOtherAddress = signalled.address !== mapping.address;
  const isOtherPort = signalled.port !== mapping.port;
  if (isOtherAddress && isOtherPort) return 'both';
  if (isOtherAddress) return 'address';
  return isOtherPort ? 'port' : 'none';
}

/** What the event `closed` tells of a stream that is about to end: where its payload went, and what protected it. */
export function endOf(
  stream: {
    readonly kind: EndProtection | 'closed';
    readonly signalled: TransportAddress | undefined;
    readonly mapping: TransportAddress | undefined;
  },
  remote: TransportAddress | undefined,
): { readonly remote?: TransportAddress; readonly protection?: EndProtection } {
  const { kind, signalled, mapping } = stream;
  const isDirect = kind === 'latch' && mapping !== undefined && natBetween(signalled, mapping) === 'none';
  const protection = isDirect ? 'direct' : kind;
  return { ...(remote && { remote }), ...(protection !== 'closed' && { protection }) };
}
