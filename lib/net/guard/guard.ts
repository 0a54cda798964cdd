// A stream's hold on a guarded socket, as the application sees it. Types only; the work is done in net-guard.ts.
import type { Socket } from 'node:dgram';
import type { CountersSnapshot } from '../counters.js';

/** One stream's guard around a socket. Made by `session.guard(socket)`. */
export interface Guard {
  /** Index of the m= section. */
  readonly media: number;
  /** 1 for RTP, or RTP with RTCP; 2 for RTCP alone. */
  readonly component: 1 | 2;
  readonly socket: Socket;
  /** Packets of this stream: a copy. */
  readonly counters: CountersSnapshot;

  /**
   * Takes this guard off. With the last one of a socket everything is as before `guard()`: the socket's methods, its
   * listeners, a connection. One made by `latchkey.createSocket()` stays shut instead. Again: does nothing.
   */
  unguard(): void;
}
