// What a short call has shown, in words: what protects it, or why nothing does, what NAT there is, how long the round trip
// takes. It says only what was measured. No sockets here.
import type { NatChange, Policy } from '../index.js';
import { hasCertificate } from '../sip/index.js';
import type { CallTransport } from '../sip/index.js';

/** What was seen of one call. */
export interface Facts {
  readonly transport: CallTransport;
  readonly signalling: 'encrypted' | 'loopback' | 'clear';
  /** The certificate was not verified, because the user said so. */
  readonly isInsecure: boolean;
  /**
   * What was agreed on. Where that is nothing, `legacy` if the server sends media to whoever sends it any, and `evidence` if it finds a phone
   * behind a NAT and tells it from a stranger.
   */
  readonly protection: 'latch' | 'ice' | 'srtp' | 'evidence' | 'legacy' | 'none';
  /** In the call without a key, where there was one: the server had us send to another port of its own (protocol.md 8.3.6). */
  readonly wasAsked?: boolean;
  /** The suite in the server's answer: of latch, or of SRTP; undefined where it has neither. */
  readonly suite: string | undefined;
  /** A challenge of the server's was answered, or a check that ICE makes; media came back under the server's key of SRTP. */
  readonly isVerified: boolean;
  /** Of a call as a phone makes it that has SRTP alone (`--srtp`). */
  readonly srtp?: SrtpFacts;
  /** The server's media address, `address:port`. */
  readonly media: string | undefined;
  readonly signalled: string | null;
  readonly mapping: string | null;
  readonly nat: NatChange | null;
  readonly sent: number;
  readonly received: number;
  /** One for each packet that came back; none where nobody sends ours back. */
  readonly roundTripsMs: readonly number[];
}

/** What became of packets in a call with SRTP. */
export interface SrtpFacts {
  /** What was under no key of the call came back as media. */
  readonly forgeryHeard: boolean;
  /** A port that had shown no key was sent media. */
  readonly strangerFollowed: boolean;
  /** From the first packet under our key from another port to the media that came there; null where none did. */
  readonly followedMs: number | null;
}

type Protection = Facts['protection'] | 'direct';

/** What doctor may come to, in the words of the events; docs/doctor.md has a part for each. */
export const VERDICTS = [
  ...(['direct', 'latch', 'ice', 'srtp'] as const),
  /** Nothing proves where the peer is: what takes the place of that. */
  ...(['evidence', 'legacy', 'none'] as const),
  /** Latch, ICE or SRTP was agreed on, and nothing of it was seen; its key could be read; nobody vouches for who has it. */
  ...(['unanswered', 'clear', 'insecure'] as const),
  /** SRTP was agreed on, and what is not under its key counts too. */
  ...(['forgeable'] as const),
  /** There was no call. */
  ...(['unreachable', 'untrusted', 'rejected', 'timeout'] as const),
] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Where a verdict is explained. */
export function pageOf(verdict: Verdict): string {
  return `docs/doctor.md#${verdict}`;
}

/** The summary of `doctor --json`. */
export interface Diagnosis {
  readonly verdict: Verdict;
  /** Where it is explained. */
  readonly page: string;
  readonly protected: boolean;
  /** `direct` is latch without a NAT. */
  readonly protection: Protection;
  /** What a server of ours makes of such a peer, by its policy. */
  readonly policies: Readonly<Record<Policy, Protection | 'refused'>>;
  readonly suite: string | null;
  /** In the call without a key: it was asked to send to another port (protocol.md 8.3.6). Null where there was no such call. */
  readonly asked: boolean | null;
  /** Null without `--srtp`, and where the server has no key for us. */
  readonly srtp: SrtpFacts | null;
  readonly signalling: Facts['signalling'];
  readonly certificate: 'verified' | 'not verified' | 'none';
  /** Why nothing protects the call; null where something does. */
  readonly why: string | null;
  readonly signalled: string | null;
  readonly mapping: string | null;
  readonly nat: NatChange | null;
  /** The median. */
  readonly roundTripMs: number | null;
  readonly sent: number;
  readonly received: number;
}

export function diagnose(facts: Facts): Diagnosis {
  const { signalling, signalled, mapping, nat, sent, received } = facts;
  const flaw = flawOf(facts);
  const why = flaw && whyNot(flaw, facts);
  const protection = facts.protection === 'latch' && nat === 'none' ? 'direct' : facts.protection;
  const verdict = flaw ?? protection;
  return {
    ...{ verdict, page: pageOf(verdict) },
    protected: why === undefined,
    protection,
    policies: underPolicies(protection, signalling),
    suite: facts.suite ?? null,
    asked: facts.wasAsked ?? null,
    srtp: (facts.suite !== undefined && facts.srtp) || null,
    signalling,
    certificate: !hasCertificate(facts.transport) ? 'none' : facts.isInsecure ? 'not verified' : 'verified',
    why: why ?? null,
    signalled,
    mapping,
    nat,
    roundTripMs: median(facts.roundTripsMs),
    sent,
    received,
  };
}

/** The diagnosis in a few lines. */
export function describeDiagnosis(diagnosis: Diagnosis, facts: Facts): string {
  return [
    describeProtection(diagnosis, facts),
    describePolicies(diagnosis),
    describeNat(diagnosis),
    ...describeMove(diagnosis),
    describeRoundTrip(diagnosis),
    `more: ${diagnosis.page}`,
  ].join('\n');
}

/** protocol.md 7. */
function underPolicies(protection: Protection, signalling: Facts['signalling']): Diagnosis['policies'] {
  switch (protection) {
    case 'latch':
    case 'direct':
    case 'srtp':
      return { require: protection, prefer: protection, legacy: protection, blind: protection };
    case 'ice': {
      const isRefused = signalling === 'clear';
      return {
        ...{ require: isRefused ? 'refused' : protection },
        ...{ prefer: protection, legacy: protection, blind: protection },
      };
    }
    case 'evidence':
    case 'legacy':
    case 'none':
      return { require: 'refused', prefer: 'evidence', legacy: 'evidence', blind: 'legacy' };
  }
}

type Flaw = 'evidence' | 'legacy' | 'none' | 'unanswered' | 'forgeable' | 'insecure' | 'clear';

/** The first thing for which nothing protects the call; undefined where something does. */
function flawOf({ protection, signalling, isInsecure, isVerified, srtp }: Facts): Flaw | undefined {
  if (protection === 'evidence' || protection === 'legacy' || protection === 'none') return protection;
  if (srtp && (srtp.forgeryHeard || srtp.strangerFollowed)) return 'forgeable';
  if (!isVerified) return 'unanswered';
  if (isInsecure) return 'insecure';
  return signalling === 'clear' ? 'clear' : undefined;
}

function whyNot(flaw: Flaw, facts: Facts): string {
  const { protection, transport, signalling, media = 'its media address', srtp } = facts;
  const name = NAMES[protection];
  const proof = protection === 'ice' ? 'check' : 'challenge';
  if (flaw === 'forgeable')
    return srtp?.strangerFollowed
      ? 'SRTP is spoken, but media went to a port that had sent nothing under our key'
      : 'SRTP is spoken, but what was not under our key came back as media';
  if (flaw === 'none' && srtp) return "the server's answer has no a=crypto that fits ours";
  if (flaw === 'evidence' || flaw === 'legacy' || flaw === 'none') {
    const lacks =
      signalling === 'clear'
        ? `the signalling is not encrypted (transport=${transport}), so latch was not offered, and the server's answer has no ICE: call with transport=tls`
        : "the server's answer has neither a=latch that fits ours nor ICE";
    return `${lacks}${WITHOUT[flaw]}${flaw === 'evidence' && facts.wasAsked ? ASKED : ''}`;
  }
  if (flaw === 'unanswered' && protection === 'srtp')
    return `SRTP was agreed on, but nothing under the server's key came back: UDP to or from ${media} is lost or blocked, or the room says nothing (sip:echo@… does)`;
  if (flaw === 'unanswered')
    return `${name} was agreed on, but no ${proof} of the server's was answered: UDP to or from ${media} is lost or blocked`;
  if (flaw === 'insecure')
    return `${name} is spoken, but the certificate was not verified (--insecure): whoever sits in between can read the key`;
  return `${name} is spoken, but its key went over signalling that anybody can read`;
}

/** What the server does for a phone without a key. */
const WITHOUT = {
  none: '',
  legacy:
    '. Its media goes to whoever sends it any: a stranger who sent another stream from another port got ours',
  evidence:
    '. A phone without a key is found behind a NAT by its stream, and a stranger with another stream got nothing: no proof, but no blind latching',
} as const;
const ASKED = '. It asked us over the signalling to go on at another port of its own';

const NAMES = {
  latch: 'latch',
  ice: 'ICE',
  srtp: 'SRTP',
  evidence: 'nothing',
  legacy: 'nothing',
  none: 'nothing',
} as const;

function describeProtection(
  { why, suite, certificate, protection, verdict }: Diagnosis,
  { transport, signalling }: Facts,
): string {
  if (why !== null) return `${verdict === 'evidence' ? 'not proven' : 'not protected'} (${verdict}): ${why}`;
  const hop =
    signalling === 'loopback'
      ? `${transport.toUpperCase()} that does not leave this machine`
      : `${transport.toUpperCase()}, the certificate ${certificate}`;
  const named = suite ?? 'an unnamed suite';
  const what =
    protection === 'ice'
      ? 'the checks of ICE'
      : protection === 'srtp'
        ? `packets under our key of SRTP, ${named}`
        : `latch with ${named}`;
  return `protected (${protection}): ${what}, its key exchanged over ${hop}`;
}

function describePolicies({ protection, policies }: Diagnosis): string {
  if (policies.require !== 'refused')
    return 'policies: require, prefer, legacy and blind all serve such a peer alike';
  const refused = 'policies: require refuses such a peer with 488';
  return protection === 'ice'
    ? `${refused}; prefer, legacy and blind serve it with ICE`
    : `${refused}; prefer goes by evidence; legacy too, and latches blindly where there is none; blind latches onto the first that sends media`;
}

function describeNat({ signalled, mapping, nat }: Diagnosis): string {
  if (nat === null)
    return `NAT: not known; we signalled ${signalled ?? 'nothing'}, and only a server with latch or ICE says where it sees us`;
  const seen = `${signalled ?? 'nothing'} is seen as ${mapping ?? 'nothing'}`;
  switch (nat) {
    case 'none':
      return `NAT: none; the server sees ${mapping ?? 'nothing'}, as signalled`;
    case 'address':
      return `NAT: changes the address and keeps the port; ${seen}`;
    case 'port':
      return `NAT: changes the port and keeps the address; ${seen}`;
    case 'both':
      return `NAT: changes address and port; ${seen}`;
  }
}

/** Of a phone with SRTP: whether it is found at another port. */
function describeMove({ srtp, protection }: Diagnosis): string[] {
  if (!srtp || protection !== 'srtp') return [];
  const { followedMs } = srtp;
  return [
    followedMs === null
      ? 'rebinding: not followed; from another port we were not sent anything any more'
      : `rebinding: followed; media came to another port ${followedMs.toFixed(0)} ms after our first packet from there`,
  ];
}

function describeRoundTrip({ roundTripMs, sent, received }: Diagnosis): string {
  const packets = `${sent} packets sent, ${received} received`;
  return roundTripMs === null
    ? `round trip: not measured, nothing of ours came back (sip:echo@… sends it); ${packets}`
    : `round trip: ${roundTripMs} ms; ${packets}`;
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[sorted.length >> 1];
  return middle === undefined ? null : Math.round(middle * 10) / 10;
}
