// How a receiver hears a port: it is handed what comes, where the port can do that and nobody else has it; by the port's events else.
import type { PacketListener, PortReceiver, RoomPort } from './room-port.js';

/** What listens for the events in a receiver's place. */
export interface EventListeners {
  readonly onPacket: PacketListener;
  readonly onReportsDue: () => void;
}

/** Begins. What it gives is to be given back to `stopListening`. */
export function listen(port: RoomPort, receiver: PortReceiver): EventListeners | undefined {
  if (port.attachReceiver?.(receiver) === true) return undefined;
  const listeners: EventListeners = {
    onPacket: (bytes, source, kind, atMs) => receiver.onPacket(bytes, source, kind, atMs),
    onReportsDue: () => receiver.onReportsDue(port),
  };
  port.on('packet', listeners.onPacket);
  port.on('reportsDue', listeners.onReportsDue);
  return listeners;
}

export function stopListening(
  port: RoomPort,
  receiver: PortReceiver,
  listeners: EventListeners | undefined,
): void {
  if (listeners === undefined) return port.detachReceiver?.(receiver);
  port.off('packet', listeners.onPacket);
  port.off('reportsDue', listeners.onReportsDue);
}
