/** What the owner may ask for, checked as the options of the root entry are. */
import { checkOptions, option, POLICIES, ROLES } from '../../lib/index.js';
import type { OptionRules, Policy, Role } from '../../lib/index.js';
import { isAddressRange, TrustedProxies } from '../../lib/sip/index.js';
import type { DialogLimits, LendPorts } from '../../lib/sip/index.js';
import type { HopTrust } from './hop.js';

export interface LatchDrachtioOptions {
  /** Which side of latch this process is: a server verifies, a terminal proves. `'verifier'` unless set. */
  readonly role?: Role | undefined;
  /** What to do with a peer that does not speak latch; the latchkey's unless set. */
  readonly policy?: Policy | undefined;
  /** `'terminate'`: sections of RTP become SRTP with keys of latchkey's where the peer has keys too; see `createSession`. */
  readonly srtp?: 'terminate' | undefined;
  /** How long an INVITE may ring before its session is given up, in milliseconds. 200,000 unless set: timer C is more than 3 minutes. */
  readonly ringingMs?: number | undefined;
  /** How long all streams of a call may stay `expired` before it is given up, in milliseconds. 60,000 unless set; 0: for ever. */
  readonly maxSilenceMs?: number | undefined;
  /**
   * The secret may travel between the daemon and this process in clear, or over TLS that nobody verifies: the network there is the
   * owner's. Without it such a connection is no secure hop, unless it is loopback (protocol.md 2).
   */
  readonly allowInsecureDaemon?: boolean | undefined;
  /**
   * Calls of ours over TLS carry the secret although the daemon may not verify whom it reaches. It does so only where
   * DRACHTIO_TLS_VERIFY_CLIENT_CERT is set for it. Calls that come in over TLS need no option.
   */
  readonly allowUnverifiedTls?: boolean | undefined;
  /**
   * Ports at which the daemon takes WSS and nothing else: to it every WebSocket is `tcp`, so that nothing else tells WSS from clear text.
   * Without it calls over WebSockets have no latch, unless from loopback.
   */
  readonly wssPorts?: readonly number[] | undefined;
  /**
   * Ranges of IP addresses (CIDR) of proxies of yours, as the daemon sees them, at which TLS ends: what comes from there in clear is as
   * safe as the hop before the proxy, as its Via says.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * Lends a pair of bound sockets for a call, at a port that nobody could know: a peer without a key is then asked by a re-INVITE to send
   * there, which shows who it is (docs/protocol.md, 8.3.6). Unset, nobody is asked.
   */
  readonly ports?: LendPorts | undefined;
}

export interface CheckedDrachtioOptions extends DialogLimits {
  readonly role: Role;
  readonly policy: Policy | undefined;
  readonly srtp: 'terminate' | undefined;
  readonly ports: LendPorts | undefined;
  readonly trust: HopTrust;
}

const RULES: OptionRules<LatchDrachtioOptions> = {
  role: option.oneOf(ROLES),
  policy: option.oneOf(POLICIES),
  srtp: option.oneOf(['terminate']),
  ringingMs: option.milliseconds,
  maxSilenceMs: option.milliseconds,
  allowInsecureDaemon: option.boolean,
  allowUnverifiedTls: option.boolean,
  wssPorts: option.listOf(option.wholeNumber(1, 65_535)),
  trustedProxies: option.of(
    'ranges of addresses such as 192.0.2.0/24',
    (value) => Array.isArray(value) && value.every(isAddressRange),
  ),
  ports: option.callback('() => Promise<{ rtp, rtcp?, release() } | undefined>'),
};

/** @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts. */
export function readOptions(given: LatchDrachtioOptions): CheckedDrachtioOptions {
  checkOptions('latchDrachtio', given, RULES);
  const { role = 'verifier', policy, srtp, ports, ringingMs = 200_000, maxSilenceMs = 60_000 } = given;
  const { allowInsecureDaemon = false, allowUnverifiedTls = false, wssPorts = [], trustedProxies } = given;
  const proxies = new TrustedProxies(trustedProxies);
  return {
    role,
    policy,
    srtp,
    ports,
    ringingMs,
    maxSilenceMs,
    trust: { allowInsecureDaemon, allowUnverifiedTls, wssPorts, proxies },
  };
}
