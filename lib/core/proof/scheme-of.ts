// Which scheme a verifier asks, by what the peer brought: latch where it proves itself to us, or ICE.
import type { Scheme } from './scheme.js';
import type { Protection } from '../path/component.js';
import { IceScheme } from './ice-scheme.js';
import { LatchScheme } from './latch-scheme.js';
import type { VerifierHost } from '../path/verifier-host.js';

/** Undefined where we challenge nobody: we only prove ourselves. */
export function schemeOf(
  host: VerifierHost,
  protection: Extract<Protection, { generation: unknown }>,
): Scheme | undefined {
  if (protection.kind === 'ice') return new IceScheme(host, protection.generation);
  return protection.generation.ownWord && new LatchScheme(host, protection.generation);
}
