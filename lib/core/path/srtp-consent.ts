// Rule 8.2.5 of protocol.md, whole: how long media goes to a peer with SRTP of whom nothing comes. It sends or reports; or, where it may be
// silent, as on hold, the signalling asks it in the dialog. This file decides.

const EXPIRY_MS = 30_000;
const ASK_AFTER_MS = 15_000;
const ASK_EVERY_MS = 10_000;

export interface SrtpConsentState {
  /** When something authentic last came. */
  readonly heardMs: number;
  /** It need not send: it only listens, or one side holds the call. */
  readonly mayBeSilent: boolean;
  /** When the peer last answered a question in the dialog; -Infinity before the first answer. */
  readonly answeredMs: number;
  /** Questions are asked at all. Where nobody can ask, the end of the dialog decides. */
  readonly isAsked: boolean;
  /** When the signalling was last told to ask. */
  readonly toldMs: number;
}

export type SrtpConsentDecision = 'wait' | 'ask' | 'expire';

export function decideSrtpConsent(state: SrtpConsentState, nowMs: number): SrtpConsentDecision {
  if (nowMs >= expiryMs(state)) return 'expire';
  return nowMs >= askMs(state) ? 'ask' : 'wait';
}

/** When there is something to decide, if nothing comes. */
export function consentDueMs(state: SrtpConsentState): number {
  return Math.min(expiryMs(state), askMs(state));
}

function expiryMs({ heardMs, mayBeSilent, answeredMs, isAsked }: SrtpConsentState): number {
  if (mayBeSilent && !isAsked) return Infinity;
  // After a hold its last answer counts on: the peer need not have sent before it is resumed.
  return Math.max(heardMs, answeredMs) + EXPIRY_MS;
}

function askMs({ heardMs, mayBeSilent, toldMs }: SrtpConsentState): number {
  return mayBeSilent ? Math.max(heardMs + ASK_AFTER_MS, toldMs + ASK_EVERY_MS) : Infinity;
}
