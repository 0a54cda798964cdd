// Who takes what the engine accepted for one component at a socket: a media port, or a guard.
import type { Port } from '../core/index.js';
import type { PacketClass } from '../wire/index.js';
import type { DatagramSource } from './datagram-socket.js';

export interface Consumer {
  /** True where somebody heard it. */
  deliver(bytes: Buffer, source: DatagramSource, kind: PacketClass): boolean;
  onSocketClosed(port: Port): void;
}
