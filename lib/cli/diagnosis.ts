// What a short call has shown, in words: what protects it, or why nothing does, what NAT there is, how long the round trip
// takes. It says only what was measured. No sockets here.
import type { NatChange } from '../index.js';
import { hasCertificate } from './call-uri.js';
import type { CallTransport } from './call-uri.js';

/** What was seen of one call. */
export interface Facts {
  readonly transport: CallTransport;
  readonly signalling: 'encrypted' | 'loopback' | 'clear';
  /** The certificate was not verified, because the user said so. */
  readonly isInsecure: boolean;
  /** The suite in the server's answer; undefined where it has no latch. */
  readonly suite: string | undefined;
  /** Latch was agreed on. */
  readonly isLatched: boolean;
  /** A challenge of the server's was answered. */
  readonly isVerified: boolean;
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

/** The summary of `doctor --json`. */
export interface Diagnosis {
  readonly protected: boolean;
  readonly by: 'latch' | null;
  readonly suite: string | null;
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
  const { suite, signalling, signalled, mapping, nat, sent, received } = facts;
  const why = whyNot(facts);
  return {
    protected: why === undefined,
    by: facts.isLatched ? 'latch' : null,
    suite: facts.isLatched ? (suite ?? null) : null,
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
  return [describeProtection(diagnosis, facts), describeNat(diagnosis), describeRoundTrip(diagnosis)].join(
    '\n',
  );
}

/** Why nothing protects the call; undefined where something does. */
function whyNot(facts: Facts): string | undefined {
  const { transport, signalling, isInsecure, isLatched, isVerified, media = 'its media address' } = facts;
  if (!isLatched && signalling === 'clear')
    return `the signalling is not encrypted (transport=${transport}), so no key was offered: call with transport=tls`;
  if (!isLatched) return "the server's answer has no a=latch that fits ours: it does not speak latch";
  if (!isVerified)
    return `latch was agreed on, but no challenge of the server's was answered: UDP to or from ${media} is lost or blocked`;
  if (isInsecure)
    return 'latch is spoken, but the certificate was not verified (--insecure): whoever sits in between can read the key';
  if (signalling === 'clear')
    return 'latch is spoken, but its key went over signalling that anybody can read';
  return undefined;
}

function describeProtection(
  { why, suite, certificate }: Diagnosis,
  { transport, signalling }: Facts,
): string {
  if (why !== null) return `not protected: ${why}`;
  const hop =
    signalling === 'loopback'
      ? `${transport.toUpperCase()} that does not leave this machine`
      : `${transport.toUpperCase()}, the certificate ${certificate}`;
  return `protected: latch with ${suite ?? 'an unnamed suite'}, its key exchanged over ${hop}`;
}

function describeNat({ signalled, mapping, nat }: Diagnosis): string {
  if (nat === null)
    return `NAT: not known; we signalled ${signalled ?? 'nothing'}, and only a server that speaks latch says where it sees us`;
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
