/*
 * The findings about a capture, ready to be printed: plain values, addresses as `address:port`, times in milliseconds
 * since the first packet that was looked at. Nothing here holds a secret, a word or a proof.
 */
import type { LockGround, NatChange } from '../core/events.js';
import type { CallOutcome } from './call.js';
import type { IntruderReason } from './intruders.js';
import type { ProofKind } from './proof-ledger.js';
import type { SrtpReport } from './srtp-finding.js';
import type { MatchBasis } from './stream-matcher.js';

export interface CaptureReport {
  /** Of the earliest datagram or SIP message, in milliseconds since 1970; null where there was none. */
  readonly startedMs: number | null;
  readonly durationMs: number;
  /** UDP datagrams and SIP messages by what they are. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly sip: {
    readonly messages: number;
    readonly callIds: number;
    /** Call-IDs of registrations and the like. */
    readonly otherDialogs: number;
    /** Messages that the capture cut off before they say which call they belong to. */
    readonly cutBeforeCallId: number;
  };
  readonly calls: readonly CallReport[];
  readonly streams: readonly StreamReport[];
  /** What was captured twice at once, as by `tcpdump -i any` or where a switch mirrors both ways; null where nothing was. */
  readonly capturedTwice: {
    readonly streams: number;
    readonly rtpPackets: number;
    readonly sipMessages: number;
  } | null;
  /** What the limits on memory left out; all zero unless a capture is very large or an attack. */
  readonly leftOut: {
    readonly callMessages: number;
    readonly streams: number;
    readonly rtpPackets: number;
    readonly stunPackets: number;
    readonly rtcpReports: number;
  };
}

export interface CallReport {
  readonly callId: string;
  readonly from: string;
  readonly to: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Did the capture see it end? */
  readonly ended: boolean;
  /** The final status of its INVITE, null while there is none. */
  readonly status: number | null;
  /** `unknown`: no answer is in this capture, and nothing that only follows one. */
  readonly outcome: CallOutcome;
  /** The side whose messages alone were captured; null where both were. */
  readonly onlyHeard: 'caller' | 'callee' | null;
  /** The callees that answered, by their tags. Who only asked for a password is none. */
  readonly forks: readonly { readonly tag: string; readonly status: number }[];
  readonly media: readonly {
    readonly party: 'caller' | 'callee';
    readonly role: 'offer' | 'answer';
    /** The callee's tag: offers and answers of different dialogs have nothing to do with each other. '' in the first INVITE. */
    readonly dialog: string;
    readonly atMs: number;
    readonly frame: number;
    readonly kind: string;
    readonly direction: string;
    readonly address: string | null;
    /** What the side offers to prove its address with. */
    readonly proof: 'latch' | 'ice' | 'srtp' | 'none';
    /** The suites for which it has keys (`a=crypto`), in its order. */
    readonly suites: readonly string[];
  }[];
  /** Indexes into the report's streams. */
  readonly streams: readonly number[];
}

export interface OutcomeReport {
  readonly reached: number;
  readonly stolen: number;
  readonly lost: number;
  readonly targets: readonly { readonly source: string; readonly packets: number }[];
}

/**
 * Whom the core would have taken for the sender at the stream's destination, which brings no key (protocol.md 8.3). No replay can put a port question: it
 * says when one would have been put, and goes on as if it had been refused.
 */
export interface EvidenceReport {
  /** A source of this stream would have been taken at some time. */
  readonly taken: boolean;
  readonly locks: readonly { readonly atMs: number; readonly source: string; readonly ground: LockGround }[];
  /** The locked stream went on from another address, and would have been followed. */
  readonly follows: readonly { readonly atMs: number; readonly source: string }[];
  /** When the sender would have been asked to send to another port. */
  readonly questionsMs: readonly number[];
  /** When two sources might have been the sender, so that nothing would have been taken until a port question was answered. */
  readonly contestsMs: readonly number[];
  /** When somebody went on with the locked stream beside its sender. */
  readonly conflictsMs: readonly number[];
}

export interface StreamReport {
  readonly ssrc: number;
  readonly payloadType: number;
  readonly payloadTypes: readonly number[];
  /** As the signalling or RFC 3551 names it: `opus/48000/2`; null where neither does. */
  readonly codec: string | null;
  /** Where the sender was at first; `changes` says where it went. */
  readonly source: string;
  readonly destination: string;
  /** Index into the report's calls, null where it belongs to none. */
  readonly call: number | null;
  /** All calls that name its two ends, `call` first: the legs of a B2BUA through which the media does not go. */
  readonly calls: readonly number[];
  readonly sender: 'caller' | 'callee' | null;
  /** How the call was found; empty where it was not. */
  readonly matchedBy: readonly MatchBasis[];
  /** `signalling`: the call names its port; `sequence`: it only behaves as RTP does. */
  readonly recognisedBy: 'signalling' | 'sequence';
  /** What SDP said of the end behind the NAT, or of the sender where no end is; null where nothing was signalled. */
  readonly signalled: string | null;
  /** Where that end was seen instead. */
  readonly mapping: string | null;
  readonly natEnd: 'source' | 'destination' | null;
  /** Between `signalled` and `mapping`; `none` is direct. */
  readonly nat: NatChange | null;
  readonly packets: number;
  /** Of the sender's packets: sequence numbers that never came. */
  readonly lost: number;
  /** Packets whose sequence number had come before. */
  readonly duplicates: number;
  /** So many that it is the capture that has them twice, and not the network. */
  readonly capturedTwice: boolean;
  /** When its sequence numbers began anew, in milliseconds since the start; the first 64. */
  readonly restarts: readonly number[];
  /** Interarrival jitter (RFC 3550 section 6.4.1), where the capture was taken; null where its clock is not known. */
  readonly jitter: { readonly meanMs: number; readonly maxMs: number } | null;
  /** The longest time without a packet, when it began, and how many numbers were missing after it. */
  readonly longestGap: { readonly ms: number; readonly atMs: number; readonly missing: number } | null;
  /** Keys (RFC 4733): `!` is a hook flash. */
  readonly dtmf: {
    readonly digits: string;
    readonly keys: readonly { readonly digit: string; readonly atMs: number; readonly durationMs: number }[];
  } | null;
  /** What its receiver reported by RTCP; the round trip is between the place of the capture and the receiver. */
  readonly rtcp: {
    readonly reports: number;
    readonly lost: number;
    /** Of one interval, 0 to 1. */
    readonly maxFractionLost: number;
    readonly jitterMs: number | null;
    readonly maxJitterMs: number | null;
    readonly roundTrip: { readonly meanMs: number; readonly minMs: number; readonly maxMs: number } | null;
  } | null;
  /** What evidence would have made of it; null where the call has keys, or the stream does not go where its receiver had said. */
  readonly evidence: EvidenceReport | null;
  /** Null where neither SRTP was signalled nor a key agreed on. */
  readonly srtp: SrtpReport | null;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly changes: readonly { readonly atMs: number; readonly frame: number; readonly source: string }[];
  readonly sources: readonly {
    readonly source: string;
    readonly packets: number;
    readonly lost: number;
    readonly duplicates: number;
    readonly firstMs: number;
    readonly lastMs: number;
  }[];
  /** Whoever else sent to the stream's destination. */
  readonly intruders: readonly {
    readonly source: string;
    readonly ssrc: number;
    readonly packets: number;
    readonly firstMs: number;
    readonly firstFrame: number;
    readonly reason: IntruderReason;
    /** The stream that its packets are counted in. */
    readonly stream: number;
  }[];
  readonly latch: {
    /** The best that was seen between the stream's ends: `stun` proves nothing. */
    readonly kind: 'latch' | 'ice' | 'stun' | 'none';
    readonly messages: Readonly<Partial<Record<ProofKind, number>>>;
    /** Sources of the stream that answered what they were asked, or whose questions were answered. */
    readonly verified: readonly string[];
    /** ICE messages whose MESSAGE-INTEGRITY could be checked, the password being in the capture. */
    readonly integrity: { readonly valid: number; readonly invalid: number };
    /** What a server that latches blindly would have done with the media that left the stream's destination. */
    readonly blind: { readonly first: OutcomeReport; readonly newest: OutcomeReport };
  };
}
