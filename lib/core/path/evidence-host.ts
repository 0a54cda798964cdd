// What the paths of a peer without a key ask of the component that they belong to: what its signalling has told, and to move the media, hand it over, and
// tell.
import type { PacketClass, TransportAddress } from '../../wire/index.js';
import type { CallPlace } from '../call-place.js';
import type { DropReason } from '../counters.js';
import type { LockGround } from '../events.js';
import type { LocalPort, Path } from '../network-path.js';
import type { VerifierEvent } from './verifier-host.js';

export type EvidenceEvent =
  | VerifierEvent
  | { readonly type: 'silent' | 'contested' | 'question' | 'legacy' }
  | { readonly type: 'locked'; readonly ground: LockGround };

export interface EvidenceHost {
  readonly session: CallPlace;
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
  /** The peer has been told this port of ours. */
  isTold(port: LocalPort): boolean;
  /** The IP address is one of the peer's signalling, or of its description where 5.7 allows that, or of a range that the owner names. */
  isHome(address: string): boolean;
  /** The address in the peer's description may be a target (protocol.md 5.7). */
  readonly isSignalledAllowed: boolean;
  isSuspect(source: TransportAddress, ssrc: number | undefined): boolean;
  /** It is a socket of ours: a packet would circulate (protocol.md 5.7). */
  isOwnSocket(address: TransportAddress): boolean;
  /** When RTCP in the name of a locked stream last came at a port of its own. */
  readonly rtcpHeardMs: number;
  activate(path: Path): void;
  deactivate(): void;
  /** A payload packet may go to this source. Where it may, it counts as sent. */
  takeBudget(
    source: Path & { readonly receivedBytes: number; sentBytes: number },
    sizeBytes: number,
  ): boolean;
  transmit(kind: 'resent', bytes: Uint8Array, path: Path): void;
  noteTaken(bytes: Uint8Array, kind: PacketClass): void;
  deliver(bytes: Uint8Array, kind: PacketClass, path: Path): void;
  drop(reason: DropReason): void;
  emit(event: EvidenceEvent, path: Path): void;
  /** As `emit`, of the stream as a whole. */
  tell(event: EvidenceEvent): void;
  /** Listens no more at this port, nor RTCP at the one beside it. */
  release(port: LocalPort): void;
}
