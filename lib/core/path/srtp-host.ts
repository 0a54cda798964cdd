// What the paths of a peer with SRTP ask of the side that they belong to: to move the media, and to hand it over.
import type { PacketClass } from '../../wire/index.js';
import type { Path } from '../network-path.js';
import type { SideOwner } from './side.js';

export interface SrtpHost {
  readonly owner: SideOwner;
  /** Payload goes over this path, and the address is this session's. */
  activate(path: Path): void;
  /** The address stays this session's until then. */
  keep(path: Path, untilMs: number): void;
  deactivate(): void;
  /** Another session has proved since that the address is its own (protocol.md 5.1). */
  holds(path: Path): boolean;
  /** A packet counts: it came over the path in use, or over the one before. */
  noteTaken(bytes: Uint8Array, kind: PacketClass, isInUse: boolean): void;
  /** It goes to the application in another form than it came, or later. */
  deliver(bytes: Uint8Array, kind: PacketClass, path: Path): void;
}
