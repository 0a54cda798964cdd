// What protects the payload of one component, and what that needs. A value: it does nothing.
import type { EvidenceTerms } from './evidence-terms.js';
import type { Generation } from './generation.js';
import type { IceGeneration } from './ice-generation.js';
import type { SrtpKeys } from './srtp-keys.js';

export type Protection =
  | { readonly kind: 'latch'; readonly generation: Generation }
  | { readonly kind: 'ice'; readonly generation: IceGeneration }
  | {
      readonly kind: 'srtp';
      readonly keys: SrtpKeys;
      /** Those that the peer announces. */
      readonly ssrcs: readonly number[];
    }
  | { readonly kind: 'evidence'; readonly terms: EvidenceTerms }
  | { readonly kind: 'none' }
  | {
      readonly kind: 'legacy';
      readonly payloadTypes: ReadonlySet<number>;
      /** For RTCP on a port of its own: the RTP of the same stream, whose IP address it follows. */
      readonly rtp?: { readonly latchedAddress: string | undefined };
    }
  | { readonly kind: 'closed' };
