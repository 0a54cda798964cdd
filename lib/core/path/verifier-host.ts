// What a verifier asks of the component it belongs to: to send, to route answers back, to move the media, to tell.
import type { TransportAddress } from '../../wire/index.js';
import type { DropReason } from '../counters.js';
import type { Crypto, Random } from '../crypto.js';
import type { DirectTargets } from '../route/direct-targets.js';
import type { ComponentId, MappingView } from '../events.js';
import type { CallPlace } from '../call-place.js';

export type VerifierEvent =
  | { readonly type: 'candidate' | 'proven' | 'conflict' | 'expired'; readonly remote: TransportAddress }
  | ({ readonly type: 'verified' | 'direct'; readonly remote: TransportAddress } & MappingView)
  | ({
      readonly type: 'rebound';
      readonly remote: TransportAddress;
      readonly previous: TransportAddress;
    } & MappingView);

export interface VerifierHost {
  readonly component: ComponentId;
  readonly session: CallPlace;
  /** The address in the peer's SDP, from which rule 5.6 maps. */
  readonly signalled: TransportAddress | undefined;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly directTargets: DirectTargets;
  isDirectTarget(address: string): boolean;
  transmit(
    kind: 'welcomes' | 'challenges' | 'resent',
    bytes: Uint8Array,
    destination: TransportAddress,
  ): void;
  /** Responses to the transaction come to this component from now on. */
  expect(transaction: Uint8Array): void;
  forget(transaction: Uint8Array): void;
  /** Payload goes to `remote` and is taken from it, and from nowhere else. */
  activate(remote: TransportAddress): void;
  /** Payload is taken from this verified path too, until its time is over. */
  keep(path: { readonly remote: TransportAddress; readonly untilMs: number }): void;
  /** The address has answered a challenge: it belongs to this session (protocol.md 5.1). */
  claim(remote: TransportAddress): void;
  deactivate(): void;
  /** Payload that was held goes to the application: it came from what is now the active path. */
  deliver(bytes: Uint8Array, source: TransportAddress): void;
  drop(reason: DropReason): void;
  emit(event: VerifierEvent): void;
}
