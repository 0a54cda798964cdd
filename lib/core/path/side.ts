// The two sides of a component that look at each packet of a peer before it is anybody's: that of a peer with SRTP (protocol.md 8.2) and that of one without a
// key (8.3). What the component tells both, and what it is to them and to the paths that they have. Types only.
import type { PacketClass, TransportAddress } from '../../wire/index.js';
import type { CallPlace } from '../call-place.js';
import type { DropReason } from '../counters.js';
import type { Random } from '../crypto.js';
import type { ComponentId, LockGround } from '../events.js';
import type { LocalPort, Path } from '../network-path.js';
import type { RoutedPath } from '../route/payload-route.js';
import type { Port } from '../route/port.js';
import type { UnprovenTarget } from '../route/target-bounds.js';
import type { VerifierEvent } from './verifier-host.js';

export type SrtpEvent = VerifierEvent | { readonly type: 'silent' };

export type EvidenceEvent =
  | SrtpEvent
  | { readonly type: 'contested' | 'question' | 'legacy' }
  | { readonly type: 'locked'; readonly ground: LockGround };

/** What the paths of a side know of their component, and who sends, counts and tells for them. */
export interface SideOwner {
  readonly component: ComponentId;
  readonly session: CallPlace;
  readonly random: Random;
  /** The address in the peer's description. */
  readonly signalled: TransportAddress | undefined;
  /** The peer said that it sends media. */
  readonly expectsMedia: boolean;
  /** One side holds the call. */
  readonly isHeld: boolean;
  /** When it was last agreed on what flows. */
  readonly agreedMs: number;
  /** When a description of ours with a port first went out. */
  readonly toldMs: number;
  readonly ports: readonly LocalPort[];
  /** An address that the peer has named, as a target; undefined where nothing may go there unasked (protocol.md 5.7). */
  unprovenTarget(remote: TransportAddress): UnprovenTarget | undefined;
  transmit(kind: 'resent', bytes: Uint8Array, path: Path): void;
  drop(reason: DropReason): void;
  emit(event: EvidenceEvent, path: Path): void;
  /** As `emit`, of the stream as a whole. */
  tell(event: EvidenceEvent): void;
  /** Listens no more at this port, nor RTCP at the one beside it. */
  release(port: LocalPort): void;
}

/** And what the sides do with it besides. */
export interface SideComponent<Owner> extends SideOwner {
  readonly ports: readonly Port<Owner>[];
  routed(path: Path): RoutedPath<Owner> | undefined;
  take(bytes: Uint8Array, kind: PacketClass, isInUse: boolean, nowMs: number): void;
  deliverNow(bytes: Uint8Array, kind: PacketClass, path: RoutedPath<Owner>): void;
}

/** What the component tells each of its sides, whether that is on or not. */
export interface Side<Owner> {
  /** The signalling has told something of the peer. */
  handlePeerTold(): void;
  handlePortRemoved(port: Port<Owner>): void;
  handleTimeout(nowMs: number): void;
  /** Keeps the route, and who waits at the ports, in step with what there is. */
  settle(): void;
  /** The sockets are gone, and with them all paths. */
  stop(): void;
}
