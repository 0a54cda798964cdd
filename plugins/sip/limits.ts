/**
 * The limits of the gate out of the options of a stack. The package's own two options keep their meaning; ours stand beside them.
 */
import { LatchkeyError } from '../../lib/index.js';
import { GATE_LIMITS } from '../../lib/sip/index.js';
import type { GateLimits } from '../../lib/sip/index.js';
import type { SipOptions } from './sip-types.js';

const NAMES = ['maxBytesHeaders', 'maxContentLength', 'maxMessageBytes', 'maxLineBytes', 'maxLines'] as const;

/** @throws LatchkeyError LATCHKEY_OPTION. */
export function gateLimits(options: SipOptions): GateLimits {
  for (const name of NAMES) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0))
      throw new LatchkeyError('LATCHKEY_OPTION', `${name} must be a whole number above 0`);
  }
  const { maxBytesHeaders, maxContentLength, maxMessageBytes, maxLineBytes, maxLines } = options;
  const maxHeadBytes = maxBytesHeaders ?? GATE_LIMITS.maxHeadBytes;
  const isSized = maxBytesHeaders !== undefined || maxContentLength !== undefined;
  // Both parts together and the empty line between them, where one of them was asked for.
  const sized = maxHeadBytes + 4 + (maxContentLength ?? GATE_LIMITS.maxBodyBytes);
  return {
    maxHeadBytes,
    maxBodyBytes: maxContentLength ?? maxMessageBytes ?? GATE_LIMITS.maxBodyBytes,
    maxMessageBytes: maxMessageBytes ?? (isSized ? sized : GATE_LIMITS.maxMessageBytes),
    maxLineBytes: maxLineBytes ?? GATE_LIMITS.maxLineBytes,
    maxLines: maxLines ?? GATE_LIMITS.maxLines,
  };
}
