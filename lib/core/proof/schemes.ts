// The challenger for what a peer brought: latch where it proves itself to us, or ICE.
import type { Challenger } from './scheme.js';
import type { Protection } from '../path/component.js';
import { IceChallenger } from './ice-scheme.js';
import { LatchChallenger } from './latch-scheme.js';
import type { VerifierHost } from '../path/verifier-host.js';

/** Undefined where we challenge nobody: we only prove ourselves. */
export function challengerOf(
  host: VerifierHost,
  protection: Extract<Protection, { generation: unknown }>,
): Challenger | undefined {
  if (protection.kind === 'ice') return new IceChallenger(host, protection.generation);
  return protection.generation.ownWord && new LatchChallenger(host, protection.generation);
}
