// What a verifier asks of the component it belongs to: to send, to route answers back, to move the media, to tell.
import type { TransportAddress } from '../../wire/index.js';
import type { DropReason } from '../counters.js';
import type { Crypto, Random } from '../crypto.js';
import type { TargetBounds, UnprovenTarget } from '../route/target-bounds.js';
import type { ComponentId, MappingView } from '../events.js';
import type { CallPlace } from '../call-place.js';
import type { LocalPort, Path } from '../network-path.js';

export type VerifierEvent =
  | { readonly type: 'candidate' | 'proven' | 'conflict' | 'expired' }
  | ({ readonly type: 'verified' | 'direct' } & MappingView)
  | ({ readonly type: 'rebound'; readonly previous: TransportAddress } & MappingView);

export interface VerifierHost {
  readonly component: ComponentId;
  readonly session: CallPlace;
  /** The address in the peer's SDP, from which rule 5.6 maps. */
  readonly signalled: TransportAddress | undefined;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly targetBounds: TargetBounds;
  /** For the verifier to say: a candidate is on trial, so that it wants to know what is sent. */
  isOnTrial: boolean;
  /** We prove ourselves to the peer too: then hellos, not challenges, go to an address from which nothing has come (5.7). */
  readonly provesToo: boolean;
  /** An address that the peer has named, as a target; undefined where nothing may go there unasked (protocol.md 5.7). */
  unprovenTarget(remote: TransportAddress): UnprovenTarget | undefined;
  /** The socket out of which an address is asked that nothing has come from; undefined where there is none. */
  readonly port: LocalPort | undefined;
  transmit(kind: 'welcomes' | 'challenges' | 'resent', bytes: Uint8Array, path: Path): void;
  /** Responses to the transaction come to this component from now on, if they come to this socket. */
  expect(transaction: Uint8Array, port: LocalPort): void;
  forget(transaction: Uint8Array, port: LocalPort): void;
  /** Payload goes over this path and is taken from it, and from nowhere else. */
  activate(path: Path): void;
  /** Payload is taken from this verified path too, until its time is over. */
  keep(path: Path, untilMs: number): void;
  /** The path has answered a challenge: its address, at its socket, belongs to this session (protocol.md 5.1). */
  claim(path: Path): void;
  /** Its address belongs to this session: nobody else has verified it since (protocol.md 5.1). */
  holds(path: Path): boolean;
  deactivate(): void;
  /** Payload that was held goes to the application: it came from what is now the active path. */
  deliver(bytes: Uint8Array, path: Path): void;
  drop(reason: DropReason): void;
  /** Tells of the path. */
  emit(event: VerifierEvent, path: Path): void;
}
