/**
 * How a caller who is not let in is answered (RFC 3261 22.1): at the gate, as text, or in a response of the stack's. Decides nothing:
 * admission.ts does.
 */
import { formatWarning } from '../index.js';
import type { Denied } from './admission.js';
import { credentialsIn } from './digest.js';
import type { GateAnswer } from './gate.js';
import { reasonPhrase } from './response.js';
import type { Reply } from './response.js';

const UNAUTHORIZED = 401;

/** For a stack that has nothing of the request yet. */
export function denialAtGate(denied: Denied): GateAnswer {
  if (denied.kind === 'challenged') {
    const header = `WWW-Authenticate: ${denied.challenge}`;
    return { status: UNAUTHORIZED, reason: reasonPhrase(UNAUTHORIZED), header };
  }
  const { status, warning } = denied;
  if (denied.kind === 'unavailable')
    return { status, reason: reasonPhrase(status), header: `Retry-After: ${denied.retryAfterS}` };
  return { status, reason: reasonPhrase(status), header: `Warning: ${formatWarning('latchkey', warning)}` };
}

export function denialReply(denied: Denied): Reply {
  if (denied.kind === 'challenged')
    return { status: UNAUTHORIZED, headers: { 'www-authenticate': credentialsIn(denied.challenge) } };
  const { status, warning } = denied;
  if (denied.kind === 'unavailable')
    return { status, warning, headers: { 'retry-after': String(denied.retryAfterS) } };
  return { status, warning };
}
