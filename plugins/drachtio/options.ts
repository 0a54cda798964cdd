/** What the owner may ask for. Checked by hand, as those of the root are: unknown names too. */
import { LatchkeyError } from '../../lib/index.js';
import type { Policy, Role } from '../../lib/index.js';
import type { DialogLimits } from '../../lib/sip/index.js';
import type { HopTrust } from './hop.js';

export interface LatchDrachtioOptions {
  /** Which side of latch this process is: a server verifies, a terminal proves. `'verifier'` unless set. */
  readonly role?: Role | undefined;
  /** What to do with a peer that does not speak latch; the latchkey's unless set. */
  readonly policy?: Policy | undefined;
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
}

export interface CheckedDrachtioOptions extends DialogLimits {
  readonly role: Role;
  readonly policy: Policy | undefined;
  readonly trust: HopTrust;
}

const NAMES: readonly string[] = [
  ...['role', 'policy', 'ringingMs', 'maxSilenceMs'],
  ...['allowInsecureDaemon', 'allowUnverifiedTls'],
];
const ROLES: readonly string[] = ['verifier', 'prover'] satisfies Role[];
const POLICIES: readonly string[] = ['require', 'prefer', 'legacy'] satisfies Policy[];

/** @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts. */
export function checkOptions(given: LatchDrachtioOptions): CheckedDrachtioOptions {
  if (typeof given !== 'object' || given === null) refuse(' takes an object of options');
  for (const name of Object.keys(given))
    if (!NAMES.includes(name)) refuse(` has no option "${name}": it has ${NAMES.join(', ')}`);
  const { role = 'verifier', policy, ringingMs = 200_000, maxSilenceMs = 60_000 } = given;
  const { allowInsecureDaemon = false, allowUnverifiedTls = false } = given;
  if (!ROLES.includes(role)) refuse(`: option "role" accepts ${ROLES.join(', ')}`);
  if (policy !== undefined && !POLICIES.includes(policy))
    refuse(`: option "policy" accepts ${POLICIES.join(', ')}`);
  for (const [name, value] of Object.entries({ ringingMs, maxSilenceMs }))
    // Node's timers take 31 bits.
    if (typeof value !== 'number' || !(value >= 0 && value < 2 ** 31))
      refuse(`: option "${name}" accepts a number of milliseconds, 0 or more`);
  for (const [name, value] of Object.entries({ allowInsecureDaemon, allowUnverifiedTls }))
    if (typeof value !== 'boolean') refuse(`: option "${name}" accepts true or false`);
  return { role, policy, ringingMs, maxSilenceMs, trust: { allowInsecureDaemon, allowUnverifiedTls } };
}

function refuse(fault: string): never {
  throw new LatchkeyError('LATCHKEY_OPTION', `latchDrachtio${fault}`);
}
