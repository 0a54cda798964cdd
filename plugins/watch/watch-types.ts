// What the plugin is made with, and what it gives. Types only.
import type { EventEmitter } from 'node:events';
import type { DistributionServer } from '../../lib/server/index.js';

export interface WatchListenOptions {
  /** The IP address to listen on. Default `'127.0.0.1'`; one that is not loopback needs `cert` and `key`: the token goes over it. */
  readonly address?: string | undefined;
  /** The name or the IP address that browsers reach it by. Default `address`. */
  readonly host?: string | undefined;
  /** Any free port unless set. */
  readonly port?: number | undefined;
  /** In PEM, both or neither: the page is then served over HTTPS. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Further pages that may ask, as browsers name them in `Origin`: `https://meeting.example`, where a proxy serves the page. */
  readonly origins?: readonly string[] | undefined;
}

/** Options of `createWatch`. */
export interface WatchOptions {
  /** Whose rooms are shown. It is listened to from now on, so that a page that is opened later knows the last minute. */
  readonly server: Pick<DistributionServer, 'on' | 'off' | 'snapshot'>;
  readonly listen?: WatchListenOptions | undefined;
  /** Who has it sees every room. At least 16 characters of base64url; 128 random bits unless set. */
  readonly token?: string | undefined;
  /** Pages at a time, over all rooms. 100 unless set. */
  readonly maxViewers?: number | undefined;
}

/** What was refused before anything was shown, by its reason; and who was shown something, and let go. */
export interface WatchCounters {
  /** Pages that are open now. */
  readonly viewers: number;
  /** Since the start. */
  readonly viewersSeen: number;
  readonly refused: {
    /** No token, or another one. */
    readonly token: number;
    /** Asked by a page of somebody else's. */
    readonly origin: number;
    /** One more than `maxViewers`. */
    readonly full: number;
  };
  /** Viewers who read more slowly than was told: what waited for them was not kept without bound. */
  readonly dropped: number;
}

export interface WatchEvents {
  /** An exception of ours. What was being told was dropped. */
  fault: [error: unknown];
}

/** Made by `createWatch`. */
export interface Watch extends Pick<EventEmitter<WatchEvents>, 'on' | 'once' | 'off'> {
  readonly counters: WatchCounters;
  /** The page's address, token included; undefined before `start()`. Whoever reads it can watch: do not log it. */
  readonly url: string | undefined;
  /**
   * Listens; fulfilled with where.
   *
   * @throws LatchkeyError LATCHKEY_LISTEN naming the port that cannot be had, LATCHKEY_STATE the second time, LATCHKEY_CLOSED.
   */
  start(): Promise<{ readonly address: string; readonly port: number }>;
  /** Tells every page that the server has ended, and lets go of all. Idempotent. */
  close(): Promise<void>;
}
