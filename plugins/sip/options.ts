/**
 * What `latchSip`, `latch.create` and `latch.listen` may be given, checked as the options of the root entry are: a wrong one is told by
 * its name and by what it accepts, an unknown one by its name.
 */
import { checkOptions, option, POLICIES, ROLES } from '../../lib/index.js';
import type { OptionRule, OptionRules, Policy, Role } from '../../lib/index.js';
import { isAddressRange } from '../../lib/sip/index.js';
import type { LendPorts, ListenOptions } from '../../lib/sip/index.js';
import { SIP_LIMITS } from './limits.js';
import type { SipLimits } from './limits.js';
import type { SipLogger, SipOptions } from './sip-types.js';
import type { Resolve } from './target.js';

export interface LatchSipOptions {
  /** Which side of latch this process is: a server verifies, a terminal proves. Default `'verifier'`. */
  role?: Role | undefined;
  /** What to do with a peer that does not speak latch; default: the latchkey's. */
  policy?: Policy | undefined;
  /** `'terminate'`: sections of RTP become SRTP with keys of latchkey's where the peer has keys too; see `createSession`. */
  srtp?: 'terminate' | undefined;
  /** How long an INVITE may ring before its session is given up. Default 200 s: timer C is more than 3 minutes. */
  ringingMs?: number | undefined;
  /** How long all streams of a call may stay `expired` before its session is closed. Default 60 s; 0: for ever. */
  maxSilenceMs?: number | undefined;
  /** Replaces name resolution (RFC 3263). Targets are tried in order. */
  resolve?: Resolve | undefined;
  /**
   * Ranges of IP addresses (CIDR) in which somebody is known to receive, such as a carrier's. To any other address no more than three
   * times the bytes that came from there goes over UDP, and no 1xx, until it has acknowledged something.
   */
  shownRanges?: readonly string[] | undefined;
  /**
   * Ranges of IP addresses (CIDR) of proxies of yours at which TLS ends: what comes from there in clear is as safe as the hop before
   * the proxy, which the Via below its own names, and so is what goes there. Who is in that range has this trust, over UDP whoever can
   * forge its addresses.
   */
  trustedProxies?: readonly string[] | undefined;
  /**
   * Lends a pair of bound sockets for a call, at a port that nobody could know: a peer without a key is then asked by a re-INVITE to send
   * there, which shows who it is (docs/protocol.md, 8.3.6). Unset, nobody is asked.
   */
  ports?: LendPorts | undefined;
  /** Bounds on messages, connections, and what is kept for strangers: numbers in place of those of `SIP_LIMITS`. */
  limits?: Partial<SipLimits> | undefined;
}

const ranges: OptionRule = option.of(
  'ranges of addresses such as 192.0.2.0/24',
  (value) => Array.isArray(value) && value.every(isAddressRange),
);
/** 0 lets the system choose. */
const port = option.wholeNumber(0, 65535);
const positive = option.wholeNumber(1);
/** Some are milliseconds, and Node's timers take 31 bits. */
const limit = option.wholeNumber(1, 2 ** 31 - 1);
/** Its kind only: what was given may be a key. */
const pem = option.of('a text in PEM', (value) => typeof value === 'string');
const doorkeeper = option.withMethods('an object with look and admit', 'look', 'admit');

const LIMIT_RULES = Object.fromEntries(
  Object.keys(SIP_LIMITS).map((name) => [name, limit]),
) as unknown as OptionRules<SipLimits>;

const LATCH_SIP_RULES: OptionRules<LatchSipOptions> = {
  role: option.oneOf(ROLES),
  policy: option.oneOf(POLICIES),
  srtp: option.oneOf(['terminate']),
  ringingMs: option.milliseconds,
  maxSilenceMs: option.milliseconds,
  resolve: option.callback('(hop: SipUri) => Target[]'),
  shownRanges: ranges,
  trustedProxies: ranges,
  ports: option.callback('() => Promise<{ rtp, rtcp?, release() } | undefined>'),
  limits: option.record(LIMIT_RULES),
};

const callback = option.callback('(message: SipMessage, flow: SipFlow) => void');
const LOGGER_RULES: OptionRules<SipLogger> = {
  recv: callback,
  send: callback,
  error: option.callback('(error: unknown) => void'),
};

/** Those of the package, and ours beside them. */
const CREATE_RULES: OptionRules<SipOptions> = {
  address: option.ipAddress,
  hostname: option.text,
  publicAddress: option.text,
  port,
  udp: option.boolean,
  tcp: option.boolean,
  tls: option.of('an object of options of node:tls', (value) => typeof value === 'object' && value !== null),
  tls_port: port,
  ws_port: port,
  rport: option.boolean,
  maxBytesHeaders: positive,
  maxContentLength: positive,
  maxMessageBytes: positive,
  maxLineBytes: positive,
  maxLines: positive,
  clientCa: pem,
  origins: option.texts,
  doorkeeper,
  logger: option.record(LOGGER_RULES),
};

const LISTEN_RULES: OptionRules<ListenOptions> = {
  address: option.required(option.ipAddress),
  advertise: option.text,
  udp: port,
  tcp: port,
  tls: port,
  ws: port,
  wss: port,
  cert: pem,
  key: pem,
  clientCa: pem,
  origins: option.texts,
  doorkeeper,
  ca: pem,
  rejectUnauthorized: option.boolean,
};

/** @throws LatchkeyError LATCHKEY_OPTION. */
export function checkLatchSipOptions(given: LatchSipOptions): void {
  checkOptions('latchSip', given, LATCH_SIP_RULES);
}

/** @throws LatchkeyError LATCHKEY_OPTION. */
export function checkCreateOptions(given: SipOptions): void {
  checkOptions('create', given, CREATE_RULES);
}

/** @throws LatchkeyError LATCHKEY_OPTION. */
export function checkListenOptions(given: ListenOptions): void {
  checkOptions('listen', given, LISTEN_RULES);
}
