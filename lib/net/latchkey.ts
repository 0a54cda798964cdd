// The top of the public face: one latchkey a process holds all sessions. Types only; the work is done in
// net-latchkey.ts.
import type { RemoteInfo, Socket, SocketOptions, SocketType } from 'node:dgram';
import type { EventEmitter } from 'node:events';
import type { Canary } from './canary.js';
import type { CountersSnapshot } from './counters.js';
import type { BindableSocket } from './datagram-socket.js';
import type { SdpLimits } from '../wire/index.js';
import type { FetchedKeys, FetchFailure, KeyFetches } from './key-fetch.js';
import type { SessionOptions } from './options.js';
import type { LatchEvents, Session } from './session.js';

/** Every event of every session, and what went wrong beside them. */
export type LatchkeyEvents = LatchEvents & {
  /**
   * A listener of yours threw. Unheard, the exception surfaces as an uncaught one, after the loop has done its work: the
   * other listeners and sessions never notice.
   */
  listenerError: [error: unknown];
  /** An exception of ours; what was being handled was dropped. Unheard, the first becomes a process warning. */
  fault: [error: unknown];
  /** `fetchKey` failed or was late: the key is unknown. Unheard, the first becomes a process warning. */
  fetchFailed: [failure: FetchFailure];
};

export type MessageListener = (bytes: Buffer, info: RemoteInfo) => void;

/** All calls of a process. Made by `createLatchkey`. It opens no socket unasked and no port of its own. */
export interface Latchkey extends EventEmitter<LatchkeyEvents> {
  /** The open sessions by id. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** Totals of the process in packets, closed sessions included: a copy. */
  readonly counters: CountersSnapshot;
  /** What became of the keys that `fetchKey` was asked for: a copy. */
  readonly keyFetches: KeyFetches;
  /** What its sessions take of a description, for whoever reads the same one. */
  readonly sdpLimits: SdpLimits;

  /**
   * A session for one call.
   * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  createSession(options: SessionOptions): Session;

  /**
   * The keys to fetch before an offer of the peer's is read: those that it names by `kid` and that neither the session of the call, where
   * there is one, nor `findKey` has; four at most. None where there is no `fetchKey`. The plugins ask this by themselves.
   */
  missingKeys(sdp: unknown, session?: Session): readonly string[];

  /**
   * Asks `fetchKey` for these keys: give them to the session before its `setRemote`. Never rejects: what cannot be had is told by
   * `fetchFailed`, and the offer is then read as one whose key nobody knows. How many may wait at a time is yours to bound.
   */
  fetchKeys(kids: readonly string[]): Promise<FetchedKeys>;

  /**
   * A dgram socket that is guarded from birth: nothing goes out of it or comes in but through a session put around it
   * with `session.guard(socket)` (or `bind`). Same arguments as `dgram.createSocket`.
   * @throws LatchkeyError LATCHKEY_OPTION for a type of socket that there is not
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  createSocket(options: SocketOptions | SocketType, listener?: MessageListener): Socket;

  /**
   * A bound socket that no call uses listens as a canary: whoever sends there has been told of it by nobody, and is suspect to every session
   * for a minute (docs/protocol.md, 8.3). Close it before the socket goes to a call.
   * @throws LatchkeyError LATCHKEY_SOCKET where it is not bound, or is another latchkey's
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  canary(socket: BindableSocket): Canary;

  /** Ends all sessions and lets go of all sockets, which stay open; what was guarded stays shut until `unguard()`. Idempotent. */
  close(): void;
}
