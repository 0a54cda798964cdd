// What a caller may ask for: a wrong option is told by its name and by what it accepts, at once and not in the middle of a call.
import {
  PEER_TRANSPORTS,
  QUESTION_OUTCOMES,
  SUITES,
  checkOptions,
  isSuite,
  option,
  refuseOption,
} from '../core/index.js';
import type { OptionRules } from '../core/index.js';
import type {
  ExpectedPeer,
  FindKey,
  PeerSource,
  Policy,
  QuestionOutcome,
  Role,
  Signalling,
  Suite,
} from '../core/index.js';
import { SDP_LIMITS } from '../wire/index.js';
import type { SdpLimits, TransportAddress } from '../wire/index.js';

export type { Role, Signalling };

/** Gives the key of 32 bytes that `kid` names, which is copied; null or undefined where there is none. */
export type FetchKey = (kid: string) => Promise<Uint8Array | null | undefined>;

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
  /**
   * Is this IP address one that the media of your peers comes from, wherever their signalling does, as of a carrier? Then it is home, and somebody
   * receives there (protocol.md 8). None unless set.
   */
  readonly home?: ((address: string) => boolean) | undefined;
  /**
   * Peers without a key that send from another port than the one in their SDP listen at that one (protocol.md 8.3.9). False unless set: they
   * listen where they send from, as nearly all do.
   */
  readonly asymmetric?: boolean | undefined;
  /**
   * The key of 32 bytes that was handed out under this name over HTTPS, where a peer names it by `kid`; undefined where there is
   * none, or it has expired.
   */
  readonly findKey?: ((kid: string) => Uint8Array | undefined) | undefined;
  /**
   * The same where another process or machine holds the key: asked where a peer names one that neither the session nor `findKey` has.
   * The plugins and servers wait with the answer meanwhile; by hand, see `latchkey.fetchKeys`.
   */
  readonly fetchKey?: FetchKey | undefined;
  /** How long `fetchKey` may take, in milliseconds; then the key is unknown. 4,000 unless set. */
  readonly fetchKeyMs?: number | undefined;
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
  /**
   * `'terminate'`: sections of RTP for which the peer has keys (`a=crypto`) become SRTP with keys of latchkey's, which protects and decrypts:
   * you have packets in clear. Unset: keys are yours, in your own descriptions, and packets pass as they are. Over clear signalling no key
   * is told and none is taken.
   */
  readonly srtp?: 'terminate' | undefined;
}

/** Which stream of a session: index of its m= section, and 1 for RTP (or RTP with RTCP), 2 for RTCP alone. */
export interface Where {
  readonly media?: number | undefined;
  readonly component?: 1 | 2 | undefined;
}

/** For the options of who makes sessions for others, plugins above all. */
export const POLICIES: readonly Policy[] = ['require', 'prefer', 'legacy', 'blind'];
export const ROLES: readonly Role[] = ['verifier', 'prover'];
const SIGNALLING: readonly Signalling[] = ['encrypted', 'loopback', 'clear'];

const positive = option.wholeNumber(1);
const SDP_LIMIT_RULES = Object.fromEntries(
  Object.keys(SDP_LIMITS).map((name) => [name, positive]),
) as unknown as OptionRules<SdpLimits>;

const LATCHKEY_RULES: OptionRules<LatchkeyOptions> = {
  policy: option.oneOf(POLICIES),
  suites: option.of(`a list of one or more of ${SUITES.join(', ')}, each once`, isSuiteList),
  // protocol.md 2: "seconds, 5 to 60, set by the verifier".
  keepaliveS: option.of('a whole number of seconds from 5 to 60', isKeepalive),
  allowInsecureSignalling: option.boolean,
  directTarget: option.callback('(address: string) => boolean'),
  home: option.callback('(address: string) => boolean'),
  asymmetric: option.boolean,
  findKey: option.callback('(kid: string) => Uint8Array | undefined'),
  fetchKey: option.callback('(kid: string) => Promise<Uint8Array | null>'),
  fetchKeyMs: option.milliseconds,
  sdpLimits: option.record(SDP_LIMIT_RULES),
};

const PEER_RULES: OptionRules<PeerSource> = {
  address: option.ipAddress,
  transport: option.required(option.oneOf(PEER_TRANSPORTS)),
};

const EXPECTED_RULES: OptionRules<ExpectedPeer> = {
  address: option.record<TransportAddress>({
    address: option.required(option.ipAddress),
    port: option.required(option.of('a port from 1 to 65535', (value) => isWhole(value, 1, 65_535))),
  }),
  ssrc: option.of('an SSRC of 32 bits', (value) => isWhole(value, 0, 2 ** 32 - 1)),
  payloadTypes: option.of(
    'a list of numbers from 0 to 127',
    (value) => Array.isArray(value) && value.every((type) => isWhole(type, 0, 127)),
  ),
};

const SESSION_RULES: OptionRules<SessionOptions> = {
  call: option.text,
  role: option.oneOf(ROLES),
  signalling: option.required(option.oneOf(SIGNALLING)),
  policy: option.oneOf(POLICIES),
  peer: option.record(PEER_RULES),
  srtp: option.oneOf(['terminate']),
};

const WHERE_RULES: OptionRules<Where> = {
  media: option.of('the index of an m= section, from 0', isIndex),
  component: option.of('1 (RTP) or 2 (RTCP)', (value) => value === 1 || value === 2),
};

/** A caller over UDP repeats its INVITE for 32 s, and a person waits for the first tone some 5. */
const FETCH_KEY_MS = 4000;

const DESCRIPTION_TYPES: readonly string[] = ['offer', 'answer'];

export interface CheckedOptions {
  readonly policy: Policy;
  readonly suites: readonly Suite[];
  readonly keepaliveS: number;
  readonly allowInsecureSignalling: boolean;
  readonly directTarget?: (address: string) => boolean;
  readonly home?: (address: string) => boolean;
  readonly asymmetric: boolean;
  readonly findKey: FindKey;
  readonly fetchKey: FetchKey | undefined;
  readonly fetchKeyMs: number;
  readonly sdpLimits: SdpLimits;
}

export function checkLatchkeyOptions(given: LatchkeyOptions = {}): CheckedOptions {
  checkOptions('createLatchkey', given, LATCHKEY_RULES);
  const { policy = 'prefer', suites = SUITES, keepaliveS = 15, allowInsecureSignalling = false } = given;
  const {
    directTarget,
    home,
    asymmetric = false,
    findKey = () => undefined,
    fetchKey,
    fetchKeyMs = FETCH_KEY_MS,
  } = given;
  const sdpLimits = { ...SDP_LIMITS, ...given.sdpLimits };
  const checked = {
    ...{ policy, suites: [...suites], keepaliveS, allowInsecureSignalling },
    ...{ findKey, fetchKey, fetchKeyMs, sdpLimits, asymmetric },
  };
  return { ...checked, ...(directTarget && { directTarget }), ...(home && { home }) };
}

export interface CheckedSessionOptions {
  readonly call?: string;
  readonly role: Role;
  readonly signalling: Signalling;
  readonly policy?: Policy;
  readonly peer?: PeerSource;
  readonly srtp?: 'terminate';
}

export function checkSessionOptions(given: SessionOptions): CheckedSessionOptions {
  checkOptions('createSession', given, SESSION_RULES);
  const { call, role = 'verifier', signalling, policy, peer, srtp } = given;
  return {
    role,
    signalling,
    ...(call === undefined ? {} : { call }),
    ...(policy === undefined ? {} : { policy }),
    ...(peer === undefined ? {} : { peer: { address: peer.address, transport: peer.transport } }),
    ...(srtp === undefined ? {} : { srtp }),
  };
}

export function checkPeer(given: PeerSource): PeerSource {
  checkOptions('peer', given, PEER_RULES);
  const { address, transport } = given;
  return { address, transport };
}

export function checkExpected(given: ExpectedPeer): void {
  checkOptions('expect', given, EXPECTED_RULES);
}

export function checkIp(name: string, address: string): void {
  option.ipAddress(name, address);
}

export function checkOutcome(outcome: QuestionOutcome): void {
  option.oneOf(QUESTION_OUTCOMES)('outcome', outcome);
}

export function checkDescriptionType(type: string | undefined): void {
  if (type !== undefined && !DESCRIPTION_TYPES.includes(type))
    refuseOption('type', "'offer' or 'answer'", type);
}

export function checkWhere(given: Where = {}): { media: number; component: 1 | 2 } {
  checkOptions('where', given, WHERE_RULES);
  const { media = 0, component = 1 } = given;
  return { media, component };
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

function isKeepalive(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 5 && Number(value) <= 60;
}

function isIndex(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0;
}

function isSuiteList(value: unknown): value is Suite[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    new Set(value).size === value.length &&
    value.every((name) => typeof name === 'string' && isSuite(name))
  );
}
