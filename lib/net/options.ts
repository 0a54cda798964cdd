// What a caller may ask for, checked by hand: a wrong option is told by its name and by what it accepts, at
// once and not in the middle of a call. Refuses unknown names too: a misspelt policy must not mean the default.
import { LatchkeyError, PEER_TRANSPORTS, QUESTION_OUTCOMES, SUITES, isSuite } from '../core/index.js';
import type { PeerSource, Policy, QuestionOutcome, Role, Signalling, Suite } from '../core/index.js';
import { SDP_LIMITS, parseIp } from '../wire/index.js';
import type { SdpLimits } from '../wire/index.js';

export type { Role, Signalling };

/** Options of `createLatchkey`. All have a default. */
export interface LatchkeyOptions {
  /** What to do with a peer that does not speak latch (protocol.md 7). `'prefer'` unless set. */
  readonly policy?: Policy | undefined;
  /** The proofs offered, best first. Both unless set. */
  readonly suites?: readonly Suite[] | undefined;
  /** Seconds between keepalives that a verifier asks for, 5 to 60. 15 unless set. */
  readonly keepaliveS?: number | undefined;
  /** Send and accept the secret over clear signalling: only for tests, by name (protocol.md 2). */
  readonly allowInsecureSignalling?: boolean | undefined;
  /** May this address out of a peer's SDP be challenged unasked (protocol.md 5.7)? The default rule unless set. */
  readonly directTarget?: ((address: string) => boolean) | undefined;
  /** Of each description: 64 Ki characters, 64 media sections and 256 mids in its groups unless set. */
  readonly sdpLimits?: Partial<SdpLimits> | undefined;
}

/** Options of `latchkey.createSession`. */
export interface SessionOptions {
  /** How the hop that carries the SDP is protected. */
  readonly signalling: Signalling;
  /** Your name for the call, say its Call-ID: it stands in every event. The session's id unless set. */
  readonly call?: string | undefined;
  /** `'verifier'` (a server) unless set; `'prover'` is the client behind the NAT. */
  readonly role?: Role | undefined;
  /** For this session only, in place of the latchkey's. */
  readonly policy?: Policy | undefined;
  /** Where the peer's first description came from, and over what, if you know: see `session.peer`. */
  readonly peer?: PeerSource | undefined;
}

/** Which stream of a session: index of its m= section, and 1 for RTP (or RTP with RTCP), 2 for RTCP alone. */
export interface Where {
  readonly media?: number | undefined;
  readonly component?: 1 | 2 | undefined;
}

const POLICIES: readonly string[] = ['require', 'prefer', 'legacy'] satisfies Policy[];
const ROLES: readonly string[] = ['verifier', 'prover'] satisfies Role[];
const SIGNALLING: readonly string[] = ['encrypted', 'loopback', 'clear'] satisfies Signalling[];

export interface CheckedOptions {
  readonly policy: Policy;
  readonly suites: readonly Suite[];
  readonly keepaliveS: number;
  readonly allowInsecureSignalling: boolean;
  readonly directTarget?: (address: string) => boolean;
  readonly sdpLimits: SdpLimits;
}

export function checkLatchkeyOptions(given: LatchkeyOptions = {}): CheckedOptions {
  checkNames('createLatchkey', given, [
    'policy',
    'suites',
    'keepaliveS',
    'allowInsecureSignalling',
    'directTarget',
    'sdpLimits',
  ]);
  const {
    policy = 'prefer',
    suites = SUITES,
    keepaliveS = 15,
    allowInsecureSignalling = false,
    directTarget,
    sdpLimits,
  } = given;
  if (!POLICIES.includes(policy)) refuse('policy', oneOf(POLICIES), policy);
  if (!isSuiteList(suites))
    refuse('suites', `a list of one or more of ${SUITES.join(', ')}, each once`, suites);
  // protocol.md 2: "seconds, 5 to 60, set by the verifier".
  if (!Number.isInteger(keepaliveS) || keepaliveS < 5 || keepaliveS > 60)
    refuse('keepaliveS', 'a whole number of seconds from 5 to 60', keepaliveS);
  if (typeof allowInsecureSignalling !== 'boolean')
    refuse('allowInsecureSignalling', 'true or false', allowInsecureSignalling);
  if (directTarget !== undefined && typeof directTarget !== 'function')
    refuse('directTarget', 'a function (address: string) => boolean', directTarget);
  const limits = checkSdpLimits(sdpLimits);
  const checked = { policy, suites: [...suites], keepaliveS, allowInsecureSignalling, sdpLimits: limits };
  return directTarget === undefined ? checked : { ...checked, directTarget };
}

function checkSdpLimits(given: Partial<SdpLimits> = {}): SdpLimits {
  checkNames('sdpLimits', given, Object.keys(SDP_LIMITS));
  for (const [name, value] of Object.entries(given))
    if (!Number.isSafeInteger(value) || value < 1)
      refuse(`sdpLimits.${name}`, 'a whole number above 0', value);
  return { ...SDP_LIMITS, ...given };
}

export interface CheckedSessionOptions {
  readonly call?: string;
  readonly role: Role;
  readonly signalling: Signalling;
  readonly policy?: Policy;
  readonly peer?: PeerSource;
}

export function checkSessionOptions(given: SessionOptions): CheckedSessionOptions {
  checkNames('createSession', given, ['call', 'role', 'signalling', 'policy', 'peer']);
  const { call, role = 'verifier', signalling, policy, peer } = given;
  if (call !== undefined && typeof call !== 'string') refuse('call', 'a string', call);
  if (!ROLES.includes(role)) refuse('role', oneOf(ROLES), role);
  if (!SIGNALLING.includes(signalling)) refuse('signalling', oneOf(SIGNALLING), signalling);
  if (policy !== undefined && !POLICIES.includes(policy)) refuse('policy', oneOf(POLICIES), policy);
  return {
    role,
    signalling,
    ...(call === undefined ? {} : { call }),
    ...(policy === undefined ? {} : { policy }),
    ...(peer === undefined ? {} : { peer: checkPeer(peer) }),
  };
}

export function checkPeer(given: PeerSource): PeerSource {
  checkNames('peer', given, ['address', 'transport']);
  const { address, transport } = given;
  if (!PEER_TRANSPORTS.includes(transport)) refuse('transport', oneOf(PEER_TRANSPORTS), transport);
  if (address !== undefined) checkIp('address', address);
  return { address, transport };
}

export function checkIp(name: string, address: string): void {
  if (typeof address !== 'string' || !parseIp(address)) refuse(name, 'an IP address', address);
}

export function checkOutcome(outcome: QuestionOutcome): void {
  if (!QUESTION_OUTCOMES.includes(outcome)) refuse('outcome', oneOf(QUESTION_OUTCOMES), outcome);
}

export function checkWhere(given: Where = {}): { media: number; component: 1 | 2 } {
  checkNames('where', given, ['media', 'component']);
  const { media = 0, component = 1 } = given;
  if (!Number.isInteger(media) || media < 0) refuse('media', 'the index of an m= section, from 0', media);
  if (component !== 1 && component !== 2) refuse('component', '1 (RTP) or 2 (RTCP)', component);
  return { media, component };
}

function checkNames(what: string, given: object, names: readonly string[]): void {
  if (typeof given !== 'object' || given === null) refuse(what, 'an object of options', given);
  for (const name of Object.keys(given))
    if (!names.includes(name))
      throw new LatchkeyError(
        'LATCHKEY_OPTION',
        `${what} has no option "${name}": it has ${names.join(', ')}`,
      );
}

function isSuiteList(value: unknown): value is Suite[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    new Set(value).size === value.length &&
    value.every((name) => typeof name === 'string' && isSuite(name))
  );
}

function oneOf(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(', ');
}

function refuse(name: string, accepts: string, value: unknown): never {
  throw new LatchkeyError(
    'LATCHKEY_OPTION',
    `option "${name}" accepts ${accepts}; it is ${described(value)}`,
  );
}

/** A short text for an error: what an option holds may be anything, so objects are told by their kind only. */
function described(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? 'a longer text' : `'${value}'`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return String(value);
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
