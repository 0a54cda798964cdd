// Options are checked by name and by value: a misspelt one must not mean the default.
import { z } from 'zod';
import { LatchkeyError } from '../../lib/index.js';
import { AddressRanges } from '../../lib/sip/index.js';
import type { BodyLimits } from './body.js';
import type { HeldLimits } from './held.js';
import type { Ask, LatchHttpsOptions } from './https-types.js';
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
  readonly nowMs: () => number;
}

const HOUR_MS = 3_600_000;
const whole = (unset: number) =>
  z.number({ error: 'a whole number above 0' }).int().positive().default(unset);
const anyFunction = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', {
  error: 'a function',
});
const OPTIONS = z.strictObject({
  mayAsk: anyFunction,
  keys: z
    .strictObject({ lifetimeMs: whole(HOUR_MS), max: whole(100_000), maxPerAsker: whole(100) })
    .prefault({}),
  sessions: z
    .strictObject({
      latchkey: z.custom<object>(
        (value) => typeof value === 'object' && value !== null && 'createSession' in value,
        {
          error: 'a latchkey',
        },
      ),
      join: anyFunction,
      lifetimeMs: whole(24 * HOUR_MS),
      max: whole(1000),
      maxPerAsker: whole(20),
    })
    .optional(),
  challenge: z.string().default('Bearer realm="latchkey"'),
  maxBodyBytes: whole(16_384),
  bodyTimeoutMs: whole(10_000),
  requestsPerMinute: whole(60),
  tlsProxies: z.array(z.string()).default([]),
  onFault: anyFunction.optional(),
});

/** @throws LatchkeyError LATCHKEY_OPTION */
export function checkOptions(given: LatchHttpsOptions): CheckedOptions {
  const parsed = OPTIONS.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.');
    throw new LatchkeyError(
      'LATCHKEY_OPTION',
      `latchHttps: ${where ? `"${where}": ` : ''}${issue?.message ?? ''}`,
    );
  }
  const { maxBodyBytes, bodyTimeoutMs, keys, challenge, requestsPerMinute, tlsProxies } = parsed.data;
  new AddressRanges(tlsProxies);
  return {
    mayAsk: given.mayAsk,
    keys,
    sessions: given.sessions && parsed.data.sessions && { ...given.sessions, ...pick(parsed.data.sessions) },
    body: { maxBytes: maxBodyBytes, timeoutMs: bodyTimeoutMs },
    ...{ challenge, requestsPerMinute, tlsProxies },
    onFault: given.onFault ?? warn,
    nowMs: () => Date.now(),
  };
}

function pick({ lifetimeMs, max, maxPerAsker }: HeldLimits): HeldLimits {
  return { lifetimeMs, max, maxPerAsker };
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'LatchkeyFault');
}
