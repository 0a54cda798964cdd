// What is counted, by name: per component, per session and for the whole process. Bounded: the names are a
// closed list, so counting an attack costs no memory.

/** Why a datagram was not handed on, or not sent. */
export const DROP_REASONS = [
  'malformed', // STUN cookie, but not a well-formed message of protocol.md 4
  'fingerprint', // FINGERPRINT absent or wrong
  'notLatch', // STUN that is none of our five messages
  'unknownTags', // names no live pair of tags
  'integrity', // MESSAGE-INTEGRITY-SHA256 does not verify
  'proof', // the response's proof is wrong
  'staleTransaction', // a response or welcome to nothing outstanding
  'wrongSource', // a response, welcome or challenge from another address than it must come from
  'unverified', // payload from an address that is not the active path (protocol.md 5.5)
  'srtpTag', // not under the peer's key of SRTP: its tag or MKI is wrong, or it is no packet (protocol.md 8.2.1)
  'srtpRepeated', // SRTP that was accepted before: a copy
  'srtpKey', // SRTP under a key that has served its time, or with the 65th SSRC of it
  'unroutable', // payload on a shared port that belongs to no session
  'candidateRefused', // no place for another candidate (protocol.md 5.9)
  'noPath', // outgoing: no active path (protocol.md 5.6)
  'unproven', // outgoing: to an address that nothing has proven, which is not to have it (protocol.md 5.1, 5.7, 6.1)
  'srtpSend', // outgoing: it is to be protected by SRTP, and cannot be
  'destination', // outgoing: neither the signalled address nor the mapping
  'sendError', // outgoing: the socket refused it
  'internal', // an exception of ours: fail closed
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Payload packets of the application, messages of the protocol, and drops by reason. */
export interface Counters {
  /** Payload datagrams that arrived. */
  received: number;
  /** Payload datagrams handed to the application. */
  delivered: number;
  /** Payload datagrams sent to the peer. */
  sent: number;
  /** Those of them that were sent again, to the new mapping: the old one was gone when they went there. */
  resent: number;
  hellos: number;
  welcomes: number;
  challenges: number;
  responses: number;
  keepalives: number;
  /** Peers latched blindly under the policy `legacy`. */
  legacy: number;
  readonly dropped: Record<DropReason, number>;
}

/** What the engine sends by itself, under the name by which it is counted. */
export type OwnTransmission = 'hellos' | 'welcomes' | 'challenges' | 'responses' | 'keepalives' | 'resent';

/** Of all who have dropped nothing yet. Of ten thousand calls that is nearly every one, and twenty numbers take 216 bytes. */
const NO_DROPS = Object.freeze(
  Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>,
);

export function createCounters(): Counters {
  return openCounters({ ...NO_DROPS });
}

/** As `createCounters`, for one of many: drops are counted by `countDrop`, and by nothing else. */
export function openCounters(dropped = NO_DROPS): Counters {
  return {
    received: 0,
    delivered: 0,
    sent: 0,
    resent: 0,
    hellos: 0,
    welcomes: 0,
    challenges: 0,
    responses: 0,
    keepalives: 0,
    legacy: 0,
    dropped,
  };
}

/** Adds `from` to `into`, every number of it. */
export function addCounters(into: Counters, from: Counters): Counters {
  for (const name of COUNTED) into[name] += from[name];
  if (from.dropped !== NO_DROPS)
    for (const reason of DROP_REASONS) countDrop(into, reason, from.dropped[reason]);
  return into;
}

export function countDrop(counters: { dropped: Counters['dropped'] }, reason: DropReason, times = 1): void {
  if (counters.dropped === NO_DROPS) counters.dropped = { ...NO_DROPS };
  counters.dropped[reason] += times;
}

const COUNTED = [
  'received',
  'delivered',
  'sent',
  'resent',
  'hellos',
  'welcomes',
  'challenges',
  'responses',
  'keepalives',
  'legacy',
] as const;
