/**
 * The distribution server as an application sees it: what it is made with, what it tells, what can be asked of it. Types only;
 * everything that leaves it is plain data without secrets.
 */
import type { EventEmitter } from 'node:events';
import type {
  Io,
  ComponentId,
  Counters,
  LatchEvent,
  Latchkey,
  LatchkeyOptions,
  NatChange,
  OfferedProof,
  QuestionOutcome,
  Session,
  TransportAddress,
} from '../index.js';
import type { LegCounters, LegStatistics, Rooms, RoomsOptions } from '../room/index.js';
import type {
  AdmissionCounters,
  BoundCounts,
  EndedCall,
  GateCounts,
  ListenerProtocol,
  SipSignalling,
  SipUser,
} from '../sip/index.js';
import type { CanaryCounts } from './media-pair.js';
import type { ListenPort, MediaPair, MediaPorts, MediaSockets } from './media-sockets.js';
import type { Seat, SeatSession } from './room-seat.js';

/** Where the server listens for SIP: 0 or left out is nowhere, `'auto'` any free port. */
export interface ServerListenOptions {
  /**
   * The IP address that all sockets are bound to, those for media too; or two, one of each family: media then goes by the family
   * that a caller's description names. Default `'127.0.0.1'`.
   */
  readonly address?: string | readonly [string] | readonly [string, string] | undefined;
  readonly udp?: ListenPort | undefined;
  readonly tcp?: ListenPort | undefined;
  readonly tls?: ListenPort | undefined;
  readonly ws?: ListenPort | undefined;
  readonly wss?: ListenPort | undefined;
  /** For `tls` and `wss`: both in PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /**
   * PEM of the authorities of phones: `tls` and `wss` then take no connection without a certificate that one of them has
   * signed, and who shows one may call.
   */
  readonly clientCa?: string | undefined;
  /**
   * The pages whose WebSockets are taken, as browsers name them in `Origin`: `https://phone.example`. None unless told: a
   * WebSocket without `Origin` is no browser's, and is taken.
   */
  readonly origins?: readonly string[] | undefined;
}

/** Any of these lets a call in; who is let in by none of them is challenged, or refused where there are no users. */
export interface ServerAdmission {
  /** As `parseUsers` reads them, of one realm. They prove their names by digest. */
  readonly users?: ReadonlyMap<string, SipUser> | undefined;
  /** Which the users' passwords were hashed for. Default `'latchkey'`. */
  readonly realm?: string | undefined;
  /** Ranges of addresses (CIDR) whose calls are let in: a carrier's. Over UDP an address can be forged. */
  readonly trunks?: readonly string[] | undefined;
}

/** Options of `createDistributionServer`. All have a default. */
export interface DistributionServerOptions {
  /** Yours, which stays open when the server closes, or the options of one that the server has to itself. */
  readonly latchkey?: Latchkey | LatchkeyOptions | undefined;
  /**
   * What speaks SIP over that latchkey: `(latchkey) => latchSip(sip, latchkey)`, or one that you have made over yours. Without it
   * nobody can call: seats are then taken by `server.seat`.
   */
  readonly signalling?: SipSignalling | ((latchkey: Latchkey) => SipSignalling) | undefined;
  readonly listen?: ServerListenOptions | undefined;
  /**
   * Who may call, beside those with a certificate of `listen.clientCa`: `'anybody'`, or users and carriers. It must be said
   * where `listen.address` is not loopback, unless there is `listen.clientCa`; on loopback it is anybody unless told.
   */
  readonly admission?: 'anybody' | ServerAdmission | undefined;
  /** The IP address that peers are told, in SDP, Contact and Via, or one of each family. Default: that of `listen`. */
  readonly advertise?: string | readonly [string] | readonly [string, string] | undefined;
  /**
   * The UDP ports for media: `{ kind: 'shared', port }` is one, and the next, for all calls, `{ kind: 'range', low, high }` a pair
   * for each, `{ kind: 'split', port, low, high }` one for all peers that bring latch or ICE, and a pair of the range for each of
   * the others. Or sockets of your own. Default 40000 to 49999.
   */
  readonly media?: MediaPorts | MediaSockets | undefined;
  /** How media goes between the process and the kernel: see `openSocket`. Not for sockets of your own. Default `'auto'`. */
  readonly io?: Io | undefined;
  /** See `openSocket`. */
  readonly gatherMs?: number | undefined;
  readonly rooms?: RoomsOptions | undefined;
  /**
   * `'require'`: calls whose media is not SRTP are refused. Calls have it where their session makes keys (`latchSip` with
   * `srtp: 'terminate'`). Default `'accept'`: it is theirs to choose.
   */
  readonly srtp?: 'accept' | 'require' | undefined;
}

/** What a server that is open can take up: see `renew`. What is left out stays. */
export interface ServerRenewal {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly clientCa?: string | undefined;
  readonly origins?: readonly string[] | undefined;
  readonly admission?: 'anybody' | ServerAdmission | undefined;
}

/** What every event of a call has. */
export interface CallPlace {
  /** The id of its latch session: `server.latchkey.sessions.get(session)`. */
  readonly session: string;
  /** The call's name in its own signalling, such as the Call-ID. */
  readonly call: string;
}

/** A description of the other side that has just come: what it says of its first audio stream. */
export interface CallDescription {
  /** Index of the m= section. */
  readonly media: number;
  readonly component: ComponentId;
  readonly remote?: TransportAddress;
}

export interface Participant extends CallPlace {
  readonly room: string;
}

/** What became of a call of the server's own. */
export interface CallOutResult {
  readonly uri: string;
  readonly room: string;
  /** Of SIP: 200 where the call is up; 408 where nobody answered in time, 503 where nobody was reached. */
  readonly status: number;
  readonly reason: string;
  /** Of the phone that answered. */
  readonly session?: string;
}

/** What went wrong without ending anything; it is counted in `counters.faults` by `where`. */
export interface ServerFault {
  /**
   * `defect`: an exception of ours, or of a listener of yours; what was being handled was dropped. `signalling`: a frame that
   * was dropped, a connection that was gone, a key that could not be fetched (`keys`); nothing is to be done here.
   */
  readonly kind: 'defect' | 'signalling';
  readonly where: string;
  readonly error: unknown;
}

export interface DistributionServerEvents {
  /** A call comes, or goes out. */
  session: [call: CallPlace & CallDescription & { readonly room: string; readonly direction: 'in' | 'out' }];
  /** Offer and answer are complete; again when another thing protects the call after a re-INVITE. */
  answered: [call: Participant & { readonly protection: Session['protection'] }];
  /**
   * The server refused a call, or a change of one that stays as it was. There is no session where the caller may not call: of
   * those at most one a second is told. Who was only asked for a password is counted in `counters.admission`.
   */
  rejected: [
    call: Partial<Pick<CallPlace, 'session'>> &
      Pick<CallPlace, 'call'> &
      CallDescription & {
        readonly local?: TransportAddress;
        /** Of SIP. */
        readonly status: number;
        readonly warning: string;
      },
  ];
  /** The call is over. After `timeout`, `expired` and `silence` nobody has said BYE: the server does. */
  ended: [call: CallPlace & { readonly room: string | undefined; readonly reason: EndedCall['reason'] }];
  /** A participant is in the room: it hears and is heard. */
  joined: [participant: Participant];
  /** It has left, and those who heard it have been told by RTCP. */
  left: [participant: Participant];
  /**
   * Two in a room cannot hear each other, or one not the other: they have no audio codec in common, or the one that they have
   * was not taken up. Told once for each pair.
   */
  mismatch: [
    pair: Participant & {
      /** What the participant takes: `PCMU/8000`. */
      readonly codecs: readonly string[];
      /** The session of the other. */
      readonly other: string;
      readonly otherCodecs: readonly string[];
    },
  ];
  /**
   * All pairs of the range are lent: a call that brings neither latch nor ICE, or one of ours, shares the port of those that do. It is
   * told once; `counters.rangeFull` counts on.
   */
  rangeFull: [call: Participant];
  /** A call of the server's own has an outcome. */
  callout: [result: CallOutResult];
  /** An event of a session, of any type. */
  latch: [event: LatchEvent];
  fault: [fault: ServerFault];
}

/** A pair of media ports, and the IP address that peers are told of them. */
export interface LentMedia {
  readonly pair: MediaPair;
  readonly advertise: string;
}

/** Where the server can be reached at one of its addresses. */
export interface ListeningAt {
  readonly sip: Readonly<Partial<Record<ListenerProtocol, TransportAddress>>>;
  /** Where media is taken: `PORT`, `LOW-HIGH` or `PORT,LOW-HIGH`, at the address that is listened on. */
  readonly media: string;
  readonly address: string;
  readonly advertise: string;
}

/** Where the server can be reached: at the first address that it listens on, and at the other. */
export interface Listening extends ListeningAt {
  /** At the address of the other family, where it listens on two. */
  readonly other?: ListeningAt;
}

/** Totals since the start, calls that are over included. */
export interface ServerCounters extends Counters {
  /** Who was let in, and who was not. */
  readonly admission: AdmissionCounters;
  /** Calls that were answered, by what protects them or did. */
  readonly protections: Readonly<Record<string, number>>;
  /** What the rooms took, gave and dropped of what latch let through. */
  readonly distribution: LegCounters;
  /** Datagrams of media that the kernel threw away because the server did not take them in time; of batched sockets alone. */
  readonly kernelDrops: number;
  /** Streams that were to have ports of the range, and share one since all of those were lent. */
  readonly rangeFull: number;
  /** Idle pairs of the range that listen, to know who guesses ports, and how many of all since the start somebody has sent to. */
  readonly canaries: CanaryCounts;
  /**
   * Peers without a key that were asked, by a re-INVITE, to send to another port: what became of it. `noPort`: they were not asked, since none
   * was to be had.
   */
  readonly questions: Readonly<Record<QuestionOutcome | 'noPort', number>>;
  /** By where they happened: a short list. */
  readonly faults: Readonly<Record<string, number>>;
  /** What the signalling refused before anything read it, by its name in `refused`; nothing before `start()`. */
  readonly gate: {
    readonly refused: Readonly<Partial<GateCounts['refused']>>;
    readonly answered: number;
  };
  /** How often each bound of the signalling held somebody back, by its name; nothing before `start()`. */
  readonly bounds: Readonly<Partial<BoundCounts>>;
}

/** One stream of a call: where it is taken, where it goes, and what protects it. */
export interface PathSnapshot {
  /** Index of the m= section. */
  readonly media: number;
  /** 1: RTP, or RTP and RTCP; 2: RTCP. */
  readonly component: ComponentId;
  readonly protection: Session['streams'][number]['protection'];
  /** Our socket. */
  readonly local?: TransportAddress;
  /** Where media goes: the mapping, or what the SDP says where nothing protects the stream. */
  readonly remote?: TransportAddress;
  /** The other side's own view, from its SDP. */
  readonly signalled?: TransportAddress;
  /** Where it proved to be; undefined while it does not answer. */
  readonly mapping?: TransportAddress;
  /** Where it sees us. */
  readonly serverSeenAs?: TransportAddress;
  /** What lies between `signalled` and `mapping`. */
  readonly nat?: NatChange;
  /** It has challenged us, and was answered. */
  readonly hasProven: boolean;
  readonly counters: Counters;
}

export interface CallSnapshot extends CallPlace {
  /**
   * What the other side calls itself in its own signalling: the display name or the user in SIP's From, or the user of the URI
   * that was called. Nobody has proved it; at most 64 characters, without control characters.
   */
  readonly name?: string;
  /** Undefined until it has a place in one. */
  readonly room: string | undefined;
  /** What protects the call. */
  readonly protection: Session['protection'];
  readonly counters: Counters;
  readonly paths: readonly PathSnapshot[];
  /** What the room took of it, gave it and dropped; undefined where it is in none. */
  readonly distribution: LegCounters | undefined;
  /** Of each of its sources, what arrived here: packets, loss, jitter. */
  readonly sends: LegStatistics['sends'];
  /** What it reports of what it hears, by RTCP: loss, jitter, and the round trip between it and us. */
  readonly reports: LegStatistics['reports'];
}

export interface RoomSnapshot {
  readonly name: string;
  /** The sessions of those who are in it. */
  readonly sessions: readonly string[];
}

/** The server at one moment, as plain data. */
export interface ServerSnapshot {
  /** Undefined before `start()` and after `close()`. */
  readonly listening: Listening | undefined;
  readonly calls: readonly CallSnapshot[];
  readonly rooms: readonly RoomSnapshot[];
  readonly counters: ServerCounters;
}

/** Made by `createDistributionServer`. */
export interface DistributionServer extends Pick<
  EventEmitter<DistributionServerEvents>,
  'on' | 'once' | 'off' | 'listenerCount'
> {
  /** Yours, or the one that the server has to itself. */
  readonly latchkey: Latchkey;
  /** A part of the snapshot. */
  readonly counters: ServerCounters;
  /**
   * Opens the ports; fulfilled when everything listens. Where one cannot be had, the server is closed.
   *
   * @throws LatchkeyError LATCHKEY_LISTEN naming it, LATCHKEY_STATE the second time, LATCHKEY_CLOSED.
   */
  start(): Promise<Listening>;
  snapshot(): ServerSnapshot;
  /** One call of the snapshot, for who looks at few of many often; undefined where there is none. */
  call(session: string): CallSnapshot | undefined;
  /**
   * Calls one SIP URI by a transport that is listened on, and puts whoever answers into the room; phones that ring are heard
   * there already where they send a description. Never rejects for what the other side does: that is in the outcome, and
   * in the event `callout`.
   *
   * @param options `ringMs`: how long it may ring; 60000 unless told.
   * @throws LatchkeyError LATCHKEY_OPTION for a URI that cannot be called, LATCHKEY_STATE before `start()` or without
   *   signalling, LATCHKEY_CLOSED.
   */
  callOut(uri: string, room: string, options?: { readonly ringMs?: number }): Promise<CallOutResult>;
  /**
   * A place in a room for a session of your own, by whatever signalling its descriptions come: `lend` the ports for an offer,
   * `answer` it, and `release` the seat in the end.
   *
   * @throws LatchkeyError LATCHKEY_STATE before `start()`, LATCHKEY_CLOSED.
   */
  seat(room: string, session: SeatSession): Seat;
  /** Who is in which room, and a way in for media that comes by other ports than a seat's. */
  readonly rooms: Rooms;
  /**
   * A pair of media ports for signalling of your own, of the family of the peer's address where there are two; undefined where all
   * are taken. `release` it in the end.
   *
   * @param proof What the peer brings that says where it is: with latch or ICE it may get a port that many share.
   * @throws LatchkeyError LATCHKEY_STATE before `start()`, LATCHKEY_CLOSED.
   */
  lendMedia(peer: string, proof?: OfferedProof): Promise<LentMedia | undefined>;
  /**
   * Takes up another certificate, other users, carriers, authorities or pages, all or nothing, while calls and open connections
   * go on. `cert` and `key` go together; `clientCa` can only take the place of another.
   *
   * @throws LatchkeyError LATCHKEY_OPTION naming what is wrong: then all stays as it was. LATCHKEY_STATE before `start()`,
   *   LATCHKEY_CLOSED.
   */
  renew(renewal: ServerRenewal): void;
  /**
   * Takes no more calls by SIP: who comes gets 503 with Retry-After, and so does an OPTIONS outside a call, while the calls that
   * are up go on. Fulfilled when the last of them has ended; `close` may be called before, and ends it too. There is no way back.
   *
   * @throws LatchkeyError LATCHKEY_STATE before `start()`, LATCHKEY_CLOSED.
   */
  drain(): Promise<void>;
  /**
   * Ends all calls by BYE, waits for the answers, and lets go of every port that it has opened. Calls that come meanwhile are
   * refused. Idempotent.
   *
   * @param options `graceMs`: how long the answers may take; 2000 unless told.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}
