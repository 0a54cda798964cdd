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

/** Where ffmpeg has a participant's video from. */
export interface VideoSource {
  /** Of RTSP. */
  readonly url: string;
  /** ffmpeg has done with it: a password in it may be forgotten. */
  readonly release?: (() => void) | undefined;
}

/** Video in the page: needs ffmpeg, and the packages `ws`, `node-rtsp-stream` and `@cycjimmy/jsmpeg-player`. */
export interface VideoOptions {
  /**
   * Where the video of this participant of the room is: asked each time that ffmpeg is started. Undefined where there is none (any more).
   * The two names come from who watches.
   */
  readonly open: (room: string, id: string) => VideoSource | undefined;
  /** The program. Default `'ffmpeg'`. */
  readonly ffmpeg?: string | undefined;
  /** ffmpegs at a time; one runs for each stream that somebody watches. 8 unless set. */
  readonly maxStreams?: number | undefined;
}

/** Options of `createWatch`. */
export interface WatchOptions {
  /** Whose rooms are shown. It is listened to from now on, so that a page that is opened later knows the last minute. */
  readonly server: Pick<DistributionServer, 'on' | 'off' | 'call' | 'rooms'>;
  readonly listen?: WatchListenOptions | undefined;
  /** Without it there are no pictures in the page. */
  readonly video?: VideoOptions | undefined;
  /** Who has it sees every room. At least 16 characters of base64url; 128 random bits unless set. */
  readonly token?: string | undefined;
  /** Pages at a time, over all rooms; and videos that they show. 100 unless set. */
  readonly maxViewers?: number | undefined;
}

/** What was refused before anything was shown, by its reason; and who was shown something, and let go. */
export interface WatchCounters {
  /** Pages that are open now. */
  readonly viewers: number;
  /** Since the start. */
  readonly viewersSeen: number;
  readonly video: {
    /** Pictures that are shown now, in all pages, and since the start. */
    readonly viewers: number;
    readonly viewersSeen: number;
    /** ffmpegs that run, or will again. */
    readonly streams: number;
    /** Times that ffmpeg ended by itself, by the reason. */
    readonly ended: { readonly missing: number; readonly ended: number; readonly crashed: number };
  };
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

/** What became of a video that somebody watches. */
export interface VideoHappening {
  readonly room: string;
  /** Of the participant. */
  readonly id: string;
  /** `over`: the participant sends none any more. `waiting`: ffmpeg has ended, and is started again after `retryMs`. */
  readonly state: 'starting' | 'playing' | 'waiting' | 'over';
  /** `missing`: there is no ffmpeg. `ended`: its stream did. `crashed`: it ended in another way. */
  readonly reason?: 'missing' | 'ended' | 'crashed';
  readonly retryMs?: number;
  /** ffmpeg's last, without names and passwords. */
  readonly words?: string;
}

export interface WatchEvents {
  video: [happening: VideoHappening];
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
  /** Why there are no pictures though `video` was given: the package that is missing. Known after `start()`. */
  readonly videoTrouble: string | undefined;
  /** Tells every page that the server has ended, and lets go of all. Idempotent. */
  close(): Promise<void>;
}
