// What the paths of a peer with SRTP ask of the component that they belong to: to move the media, to hand over, to tell.
import type { PacketClass, TransportAddress } from '../../wire/index.js';
import type { DropReason } from '../counters.js';
import type { Random } from '../crypto.js';
import type { ComponentId } from '../events.js';
import type { CallPlace } from '../call-place.js';
import type { Path } from '../network-path.js';
import type { VerifierEvent } from './verifier-host.js';

export type SrtpEvent = VerifierEvent | { readonly type: 'silent' };

export interface SrtpHost {
  readonly component: ComponentId;
  readonly session: CallPlace;
  readonly random: Random;
  /** The address in the peer's description. */
  readonly signalled: TransportAddress | undefined;
  /** The peer said that it sends media. */
  readonly expectsMedia: boolean;
  /** One side holds the call. */
  readonly isHeld: boolean;
  /** The IP address is one of the peer's signalling, or of its description where 5.7 allows that (protocol.md 8). */
  isHome(address: string): boolean;
  /** Payload goes over this path, and the address is this session's. */
  activate(path: Path): void;
  /** The address stays this session's until then. */
  keep(path: Path, untilMs: number): void;
  deactivate(): void;
  /** Another session has proved since that the address is its own (protocol.md 5.1). */
  holds(path: Path): boolean;
  transmit(kind: 'resent', bytes: Uint8Array, path: Path): void;
  /** A packet counts: it came over the path in use, or over the one before. */
  noteTaken(bytes: Uint8Array, kind: PacketClass, isInUse: boolean): void;
  /** It goes to the application in another form than it came, or later. */
  deliver(bytes: Uint8Array, kind: PacketClass, path: Path): void;
  drop(reason: DropReason): void;
  emit(event: SrtpEvent, path: Path): void;
}
