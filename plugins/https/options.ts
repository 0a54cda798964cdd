// Options by the rules of the root entry: a misspelt one must not mean the default.
import { checkOptions, option, type OptionRules } from '../../lib/index.js';
import { isAddressRange } from '../../lib/sip/index.js';
import type { BodyLimits } from './body.js';
import type { HeldLimits } from './held.js';
import type { Ask, KeysOptions, LatchHttpsOptions } from './https-types.js';
import type { SessionsOptions } from './sessions.js';

export interface CheckedOptions {
  readonly mayAsk: (ask: Ask) => string | undefined | Promise<string | undefined>;
  readonly keys: HeldLimits;
  readonly sessions: (SessionsOptions & HeldLimits) | undefined;
  readonly body: BodyLimits;
  readonly challenge: string;
  readonly requestsPerMinute: number;
  readonly tlsProxies: readonly string[];
  readonly onFault: (error: unknown) => void;
}

const HOUR_MS = 3_600_000;

const positive = option.wholeNumber(1);
const HELD_RULES: OptionRules<KeysOptions> = {
  lifetimeMs: positive,
  max: positive,
  maxPerAsker: positive,
};
const RULES: OptionRules<LatchHttpsOptions> = {
  mayAsk: option.required(option.callback('(ask) => string | undefined')),
  keys: option.record(HELD_RULES),
  sessions: option.record<SessionsOptions>({
    ...HELD_RULES,
    latchkey: option.required(option.withMethods('what createLatchkey makes', 'createSession')),
    join: option.required(option.callback('(room, session, asker) => Seat | undefined')),
  }),
  challenge: option.text,
  maxBodyBytes: positive,
  bodyTimeoutMs: positive,
  requestsPerMinute: positive,
  tlsProxies: option.of(
    'ranges of addresses such as 192.0.2.0/24',
    (value) => Array.isArray(value) && value.every(isAddressRange),
  ),
  onFault: option.callback('(error) => void'),
};

/** @throws LatchkeyError LATCHKEY_OPTION */
export function checkedOptions(given: LatchHttpsOptions): CheckedOptions {
  checkOptions('latchHttps', given, RULES);
  const { mayAsk, keys, sessions, challenge = 'Bearer realm="latchkey"', onFault = warn } = given;
  const { maxBodyBytes = 16_384, bodyTimeoutMs = 10_000, requestsPerMinute = 60, tlsProxies = [] } = given;
  return {
    ...{ mayAsk, challenge, onFault, requestsPerMinute, tlsProxies },
    keys: limits(keys, { lifetimeMs: HOUR_MS, max: 100_000, maxPerAsker: 100 }),
    sessions: sessions && {
      ...sessions,
      ...limits(sessions, { lifetimeMs: 24 * HOUR_MS, max: 1000, maxPerAsker: 20 }),
    },
    body: { maxBytes: maxBodyBytes, timeoutMs: bodyTimeoutMs },
  };
}

function limits(given: KeysOptions | undefined, unset: HeldLimits): HeldLimits {
  const { lifetimeMs = unset.lifetimeMs, max = unset.max, maxPerAsker = unset.maxPerAsker } = given ?? {};
  return { lifetimeMs, max, maxPerAsker };
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'LatchkeyFault');
}
