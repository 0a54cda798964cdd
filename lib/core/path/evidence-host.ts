// What the paths of a peer without a key ask of the side that they belong to: who may be suspect, and to move the media, and hand it over.
import type { PacketClass, TransportAddress } from '../../wire/index.js';
import type { LocalPort, Path } from '../network-path.js';
import type { SideOwner } from './side.js';

export interface EvidenceHost {
  readonly owner: SideOwner;
  /** The peer has been told this port of ours. */
  isTold(port: LocalPort): boolean;
  isSuspect(source: TransportAddress, ssrc: number | undefined): boolean;
  /** Another session has proven that its peer is there, or says so with the better claim (protocol.md 5.1). */
  isAnothers(path: Path): boolean;
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
  noteTaken(bytes: Uint8Array, kind: PacketClass): void;
  deliver(bytes: Uint8Array, kind: PacketClass, path: Path): void;
}
