/**
 * What a stack takes of what strangers send, by names: the limits of the gate, of connections, and of what is kept for others. The
 * package's own two options keep their meaning; ours stand beside them.
 */
import { GATE_LIMITS, STRANGER_LIMITS } from '../../lib/sip/index.js';
import type { GateLimits, StrangerLimits } from '../../lib/sip/index.js';
import { CONNECTION_LIMITS } from './connection-bounds.js';
import type { ConnectionLimits } from './connection-bounds.js';
import type { SipOptions } from './sip-types.js';

/** Of one message; an option of `create` with the same name wins. */
export interface MessageLimits {
  readonly maxMessageBytes: number;
  readonly maxBytesHeaders: number;
  readonly maxLineBytes: number;
  readonly maxLines: number;
}

export interface SipLimits extends MessageLimits, ConnectionLimits, StrangerLimits {}

const { maxMessageBytes, maxHeadBytes, maxLineBytes, maxLines } = GATE_LIMITS;

/** All there are, with their defaults. */
export const SIP_LIMITS: SipLimits = {
  ...{ maxMessageBytes, maxBytesHeaders: maxHeadBytes, maxLineBytes, maxLines },
  ...CONNECTION_LIMITS,
  ...STRANGER_LIMITS,
};

/** Of one stack; `general` are those of all. Both are checked. */
export function gateLimits(options: SipOptions, general: Partial<SipLimits> = {}): GateLimits {
  const { maxContentLength, maxBytesHeaders = general.maxBytesHeaders } = options;
  const { maxMessageBytes = general.maxMessageBytes } = options;
  const { maxLineBytes = general.maxLineBytes, maxLines = general.maxLines } = options;
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
