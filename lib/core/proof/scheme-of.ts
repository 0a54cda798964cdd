// Which scheme a verifier asks, by what the peer brought: latch where it proves itself to us, or ICE.
import type { Scheme, SchemeHost } from './scheme.js';
import type { Protection } from './protection.js';
import { IceScheme } from './ice-scheme.js';
import { LatchScheme } from './latch-scheme.js';

/** Undefined where we challenge nobody: we only prove ourselves. */
export function schemeOf(
  host: SchemeHost,
  protection: Extract<Protection, { generation: unknown }>,
): Scheme | undefined {
  if (protection.kind === 'ice') return new IceScheme(host, protection.generation);
  const { generation } = protection;
  return generation.hasOwnWord ? new LatchScheme(host, generation) : undefined;
}
