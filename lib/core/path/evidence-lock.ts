// Rules 8.3.3 to 8.3.5 of protocol.md, whole: which source is taken for a peer that brings no key, before it has been found. This file decides; it keeps
// nothing and sends nothing.
import { GROUNDS, type Ground } from './evidence-source.js';

/** From the first run of the address in the description on: an announced SSRC may come meanwhile. */
const SDP_WAIT_MS = 60;
/** So long a home source has to be the only one, where it cannot be asked. */
const ALONE_MS = 60;
/** Likewise, where it has sent since before the peer could know that there is a call. */
const EARLY_ALONE_MS = 1000;
const EARLY_MS = 100;
/** For an announced SSRC or the address in the description to come first. */
const BETTER_WAIT_MS = 200;

/** A source that may be the peer, and is not suspect. */
export interface LockClaim {
  readonly ground: Ground;
  /** When its first run was one, and when that began. */
  readonly runMs: number;
  readonly beganMs: number;
  /** Until when it lives, if nothing more comes from there. In the past: it lived until then. */
  readonly livesUntilMs: number;
  /** It need not send media, and has shown that it is there by datagrams that are none: it could not move with a question (8.3.1). */
  readonly isQuiet: boolean;
}

export interface LockState<Claim extends LockClaim> {
  readonly claims: readonly Claim[];
  /** The dialog is confirmed, as far as anybody tells. */
  readonly isConfirmed: boolean;
  /** When the peer answered, or its ACK came: then it could know of the call. */
  readonly knewMs: number;
  /** The signalling can put the port question; where it cannot, or was refused or not answered, home sources count by themselves. */
  readonly canAsk: boolean;
  /** A description announces an SSRC, or an address that may be a target: better than home may come. */
  readonly mayBeBetter: boolean;
}

export type LockDecision<Claim> =
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'lock'; readonly claim: Claim }
  | { readonly kind: 'ask'; readonly claim: Claim }
  | { readonly kind: 'contest' };

export function decideLock<Claim extends LockClaim>(
  state: LockState<Claim>,
  nowMs: number,
): LockDecision<Claim> {
  const living = state.claims.filter(({ livesUntilMs }) => livesUntilMs > nowMs);
  const ground = GROUNDS.find((one) => living.some((claim) => claim.ground === one));
  const best = living.filter((claim) => claim.ground === ground);
  const [claim] = best;
  if (!claim || (claim.ground === 'home' && !state.isConfirmed)) return { kind: 'wait', untilMs: Infinity };
  if (best.length > 1) return { kind: 'contest' };
  const canAsk = state.canAsk && !claim.isQuiet;
  const dueMs = canAsk ? askMs(state, claim) : aloneMs(state, claim);
  if (nowMs < dueMs) return { kind: 'wait', untilMs: dueMs };
  return { kind: claim.ground === 'home' && canAsk ? 'ask' : 'lock', claim };
}

/** When it is locked or asked, where the signalling can ask. */
function askMs({ claims, mayBeBetter }: LockState<LockClaim>, { ground, runMs }: LockClaim): number {
  switch (ground) {
    case 'ssrc':
      return runMs;
    case 'sdp':
      return runMs + SDP_WAIT_MS;
    case 'home': {
      if (!mayBeBetter) return runMs;
      const betterMs = claims.map((other) => (other.ground === 'home' ? -Infinity : other.livesUntilMs));
      return Math.max(runMs, ...betterMs) + BETTER_WAIT_MS;
    }
  }
}

/** Likewise, where nobody can ask, or the peer did not answer. */
function aloneMs(state: LockState<LockClaim>, claim: LockClaim): number {
  if (claim.ground !== 'home') return askMs(state, claim);
  const others = state.claims.filter((other) => other !== claim && other.ground === 'home');
  const sinceMs = Math.max(claim.runMs, ...others.map(({ livesUntilMs }) => livesUntilMs));
  return sinceMs + (claim.beganMs < state.knewMs - EARLY_MS ? EARLY_ALONE_MS : ALONE_MS);
}
