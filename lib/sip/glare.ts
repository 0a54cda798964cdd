/**
 * How long who has re-offered waits where the other side was doing the same (491): in steps of 10 ms, longer for who made the Call-ID than
 * for the other side, so that one of them is first (RFC 3261 14.1).
 */
import { randomInt } from 'node:crypto';

const STEP_MS = 10;
const STEPS = { outgoing: [210, 401], incoming: [0, 201] } as const;
/** Who meets glare so often is told that it was. */
export const GLARE_ATTEMPTS = 4;

/** @param hasMadeCallId The call is one of ours. */
export function glareWaitMs(hasMadeCallId: boolean): number {
  const [least, end] = STEPS[hasMadeCallId ? 'outgoing' : 'incoming'];
  return randomInt(least, end) * STEP_MS;
}
