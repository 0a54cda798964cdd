// What the plugin is made with, what it tells and what it counts. Types only.
import type { EventEmitter } from 'node:events';
import type { TransportAddress } from '../../lib/index.js';
import type { RtspReason } from '../../lib/rtsp/index.js';
import type { DistributionServer, ListenPort, ServerAdmission } from '../../lib/server/index.js';

export interface RtspListenOptions {
  /** IP addresses to listen on; `'127.0.0.1'` unless set. */
  readonly address?: string | readonly string[] | undefined;
  /** RTSP over TCP: 0 or left out is nowhere, `'auto'` any free port. */
  readonly rtsp?: ListenPort | undefined;
  /** RTSP over TLS. */
  readonly rtsps?: ListenPort | undefined;
  /** For `rtsps`: both in PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** PEM of the authorities of players and cameras: `rtsps` then takes no connection without a certificate of theirs. */
  readonly clientCa?: string | undefined;
}

/** What strangers may take up; each has a default. */
export interface RtspServerLimits {
  /** Open connections in all. */
  readonly maxConnections: number;
  /** Of one IPv4 address or IPv6 /64. */
  readonly maxConnectionsOfSource: number;
  /** Milliseconds that a request, a frame or a handshake may take from its first byte to its last. */
  readonly incompleteMs: number;
  /** Milliseconds that a connection may be open without a session. */
  readonly idleMs: number;
  /** Milliseconds after which a session ends of which nothing is heard: it is told in `Session:`. */
  readonly sessionMs: number;
  /** Bytes that may wait for a slow reader before it is dropped. */
  readonly maxBacklogBytes: number;
  /** Wrong passwords a minute from one IPv4 address or IPv6 /64. */
  readonly maxWrongPerMinute: number;
}

export interface LatchRtspOptions {
  /** Whose rooms are watched and published into, and whose media ports are lent. */
  readonly server: Pick<DistributionServer, 'latchkey' | 'rooms' | 'lendMedia'>;
  readonly listen: RtspListenOptions;
  /** As of the server. It must be said where an address is not loopback; on loopback it is anybody unless told. */
  readonly admission?: 'anybody' | ServerAdmission | undefined;
  readonly limits?: Partial<RtspServerLimits> | undefined;
  /**
   * Whether media may go over UDP to who does not speak latch, by the punch rule of docs/threats.md; true unless set. Without it they get
   * 461, and take TCP.
   */
  readonly hasPlainUdp?: boolean | undefined;
}

/** What can be taken up while it listens. What is left out stays. */
export interface RtspRenewal {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly clientCa?: string | undefined;
  readonly admission?: 'anybody' | ServerAdmission | undefined;
}

/** Who it is about. */
export interface RtspPlace {
  /** Our name for the session: not the secret one of RTSP. */
  readonly call: string;
  readonly room: string;
  /** The participant that is watched; undefined: all of the room. Of a publisher its own name. */
  readonly participant?: string | undefined;
  /** The other end of the connection. */
  readonly remote: TransportAddress;
}

/** How the packets of a session go. */
export type RtspTransport = 'interleaved' | 'latch' | 'udp';

export type RtspEndReason =
  /** TEARDOWN, or the connection was closed. */
  | 'teardown'
  | 'disconnected'
  /** Nothing was heard for too long. */
  | 'timeout'
  /** It read too slowly. */
  | 'backlog'
  /** Nobody is there any more whom it watched. */
  | 'over'
  /** The server closes. */
  | 'closed';

export interface RtspEvents {
  /** Somebody watches: PLAY. */
  watching: [place: RtspPlace & { readonly transports: readonly RtspTransport[] }];
  /** Somebody publishes: RECORD. */
  publishing: [place: RtspPlace & { readonly transports: readonly RtspTransport[] }];
  ended: [place: RtspPlace & { readonly reason: RtspEndReason }];
  /**
   * UDP without latch came to nothing for any stream, and media has stopped: no packet showed the player's port, or two ports disputed
   * it. What is set up next over UDP from that address gets 461.
   */
  unreached: [place: RtspPlace & { readonly reason: 'silence' | 'disputed' }];
  /** An exception of ours: the request was answered 500, or dropped. */
  fault: [error: unknown];
}

/** How often each bound held somebody back. */
export interface RtspBoundCounts {
  connections: number;
  connectionsOfSource: number;
  /** A handshake, request or frame did not become whole in time. */
  incompleteTime: number;
  /** A connection without a session was closed. */
  idle: number;
  /** More requests were sent ahead than are answered. */
  pipelined: number;
  /** A slow reader was dropped. */
  backlog: number;
  /** Somebody guessed passwords. */
  wrongPasswords: number;
}

export interface RtspCounters {
  /** Open now. */
  readonly connections: number;
  readonly watching: number;
  readonly publishing: number;
  /** Since the start. */
  readonly watched: number;
  readonly published: number;
  /** Answers by their status. */
  readonly answers: Readonly<Record<string, number>>;
  /** What the gate refused, by its name for the reason. */
  readonly refused: Readonly<Partial<Record<RtspReason, number>>>;
  readonly bounds: Readonly<RtspBoundCounts>;
  readonly admission: {
    readonly admitted: number;
    readonly challenged: number;
    readonly wrong: number;
    readonly refused: number;
  };
  /** Interleaved frames on channels that nobody has set up. */
  readonly strayFrames: number;
  /** Of UDP without latch. */
  readonly punches: {
    readonly named: number;
    readonly silent: number;
    readonly disputed: number;
    /** Packets from elsewhere than a named port. */
    readonly dropped: number;
    /** SETUPs that named somebody else's address. */
    readonly foreign: number;
  };
}

export interface RtspListening {
  readonly rtsp: readonly TransportAddress[];
  readonly rtsps: readonly TransportAddress[];
}

/** Made by `latchRtsp`. */
export interface LatchRtsp extends Pick<EventEmitter<RtspEvents>, 'on' | 'once' | 'off' | 'listenerCount'> {
  readonly counters: RtspCounters;
  /**
   * Opens the ports; fulfilled when all listen.
   * @throws LatchkeyError LATCHKEY_LISTEN naming the one that cannot be had, LATCHKEY_STATE the second time
   */
  start(): Promise<RtspListening>;
  /**
   * Another certificate, other users: connections that are open stay.
   * @throws LatchkeyError LATCHKEY_OPTION
   */
  renew(renewal: RtspRenewal): void;
  /** Nobody new is let in: who comes gets 503. */
  drain(): void;
  /** Ends all sessions and lets go of all ports. Idempotent. */
  close(): void;
}
