// One call as the application sees it: descriptions in and out, sockets put under it, events out. Types only; the
// work is done in net-session.ts.
import type { Socket } from 'node:dgram';
import type { EventEmitter } from 'node:events';
import type {
  CallProtection,
  ExpectedPeer,
  LatchEvent,
  LatchEventType,
  OfferedProof,
  PeerSource,
  QuestionOutcome,
  StreamStatus as CountedStream,
  Verdict,
} from '../core/index.js';
import type { CountersSnapshot } from './counters.js';
import type { BindableSocket } from './datagram-socket.js';
import type { Guard } from './guard/guard.js';
import type { MediaPort } from './media-port.js';
import type { Where } from './options.js';

/** The events of one type. */
export type LatchEventOf<T extends LatchEventType> = LatchEvent & { readonly type: T };

/** Every event by its type, and `event` for any of them: the record of names and arguments of the emitters. */
export type LatchEvents = {
  [T in LatchEventType]: [event: LatchEventOf<T>];
} & { event: [event: LatchEvent] };

/** Which half of an exchange a description is. */
export type DescriptionType = 'offer' | 'answer';

/** How one stream of a session stands. */
export interface StreamStatus extends Omit<CountedStream, 'counters'> {
  readonly counters: CountersSnapshot;
}

/** Sockets of one transport: for RTP, and for RTCP where that does not share the first. */
export interface MediaSocketPair {
  readonly rtp: BindableSocket;
  readonly rtcp?: BindableSocket | undefined;
}

/** One call. Made by `latchkey.createSession`. */
export interface Session extends EventEmitter<LatchEvents> {
  /** Ours, and unique in the process. */
  readonly id: string;
  /** Your name for the call. */
  readonly call: string;
  /** What protects the call's media; `'pending'` until that is known. */
  readonly protection: CallProtection;
  /**
   * Sections of SRTP can be answered, and are offered: with `srtp: 'terminate'`, where the signalling may carry keys. Where it is false, a
   * description with `RTP/SAVP` needs keys of yours.
   */
  readonly terminatesSrtp: boolean;
  /**
   * By what the peer's offer, which you have not answered yet, can say where the peer is, for the m= section of this index: its best.
   * Undefined: it brings no secret that counts here, or no offer of the peer's is pending.
   */
  offeredProof(media: number): OfferedProof | undefined;
  /** How each stream stands at this moment: a copy. */
  readonly streams: readonly StreamStatus[];
  /** Packets of all streams, those that are gone included: a copy. */
  readonly counters: CountersSnapshot;
  readonly isClosed: boolean;

  /**
   * Reads the peer's description, or what the message has in its place: nothing, bytes, anything. Never throws on it: a verdict that is
   * not accepted names the SIP status and has the value of a Warning header. `type` is inferred from the state of the exchange; give it for a repeated answer (183, 200).
   * @throws LatchkeyError LATCHKEY_OPTION for a `type` that is none
   * @throws LatchkeyError LATCHKEY_STATE for an answer without an offer
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  setRemote(sdp: unknown, type?: DescriptionType): Verdict;

  /**
   * Gives your description back with the latch attributes added: send that one. The same description in the same state
   * gives the same text (a 183 and its 200).
   * @throws LatchkeyError LATCHKEY_OPTION for a `type` that is none
   * @throws LatchkeyError LATCHKEY_SDP for what is no SDP
   * @throws LatchkeyError LATCHKEY_STATE where no description of yours is due
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  setLocal(sdp: string, type?: DescriptionType): string;

  /**
   * A key of 32 bytes that was had over HTTPS, which is copied: your offers name it by `kid` from now on, and the peer's
   * descriptions may. With it a call over clear signalling is latched too (docs/protocol.md, section 2).
   * @throws LatchkeyError LATCHKEY_OPTION for what is no kid or no key
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  addKey(kid: string, key: Uint8Array): void;

  /**
   * The pending offer failed (a 488 to a re-INVITE): all is as it was before it.
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  rollback(): void;

  /**
   * For a further answer to your pending offer, from another fork of the call (a second dialog): a session of its own, with
   * its own keys and paths, that takes that answer in its `setRemote`. Bind or guard the same socket for it. With SRTP of ours all forks have
   * our keys out of the offer: an RTP packet that went to one goes to another only byte for byte the same, and any other with its number is
   * dropped as `srtpSend`.
   * @throws LatchkeyError LATCHKEY_STATE where no offer of yours is pending
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  fork(): Session;

  /**
   * Puts a bound socket under one stream, the first one's RTP unless told. The socket may carry other sessions bound in
   * the same way.
   * @throws LatchkeyError LATCHKEY_OPTION for a `where` that is none
   * @throws LatchkeyError LATCHKEY_SOCKET where it is not bound, is connected, or is another latchkey's
   * @throws LatchkeyError LATCHKEY_STATE where the stream has a socket already
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  bind(socket: BindableSocket, where?: Where): MediaPort;

  /**
   * Puts a guard around a bound socket that the application uses already, for one stream, the first one's RTP unless told.
   * From then on `'message'` carries only accepted media, and `send` to the signalled address (or the mapping) goes to the
   * mapping; any other address is refused with LATCHKEY_DESTINATION. What is sent past the guard, by a `send` kept from before or
   * by the prototype's, is refused with EPERM. An `emit` that somebody wraps after it is not stopped.
   * A second call for the same stream and socket gives the same Guard, which then wants two `unguard()`.
   * @throws LatchkeyError LATCHKEY_OPTION for a `where` that is none
   * @throws LatchkeyError LATCHKEY_SOCKET where it is not bound, or is another latchkey's
   * @throws LatchkeyError LATCHKEY_STATE where the stream has another socket
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  guard(socket: Socket, where?: Where): Guard;

  /**
   * Where the peer's description came from that you are about to give to `setRemote`, and over what: for a message over a
   * connection the address of its other end, for UDP the source of the datagram. Of a proxy that you trust say
   * `{ address, transport: 'proxy' }` with the address that it names, or none. Tell it again with each description.
   * It moves no media by itself: it says what may be believed of a peer without a key (docs/protocol.md, section 8).
   * @throws LatchkeyError LATCHKEY_OPTION for what is no IP address, or an unknown transport
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  peer(source: PeerSource): void;

  /**
   * The dialog is confirmed: its ACK has come, or the 2xx to your own INVITE.
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  confirm(): void;

  /**
   * The peer receives at this IP address, as an answer of its own from there has shown. The other end of a TCP, TLS or WebSocket
   * connection is shown by `peer`.
   * @throws LatchkeyError LATCHKEY_OPTION for what is no IP address
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  shown(address: string): void;

  /**
   * What became of a question that you put to the peer in the dialog (OPTIONS, re-INVITE): `'answered'`, `'refused'`, `'pending'`
   * for a 491, `'unanswered'` where nothing came in time, or 408 or 481. With `media`, the index of an m= section, it is what the event
   * `question` asked for; of one that was answered, `setRemote` comes first.
   * @throws LatchkeyError LATCHKEY_OPTION for another outcome
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  asked(outcome: QuestionOutcome, media?: number): void;

  /**
   * Where your answer to the peer's pending offer should tell another port, if you have one: indices of m= sections. The peer has moved, and
   * its media going there shows who it is now (docs/protocol.md, 8.3). `listen` there before `setLocal`.
   */
  readonly portsWanted: readonly number[];

  /**
   * Listens at further sockets for one transport too: before you offer their ports because the event `question` asks for it, or answer with
   * them because of `portsWanted`. Where the peer goes on at the new port, media follows it there; at which socket it listens no more is
   * told by the event `released`. Then `asked(outcome, media)`.
   * @throws LatchkeyError LATCHKEY_STATE where the stream has two sockets already, or none yet
   * @throws LatchkeyError LATCHKEY_SOCKET where one is not bound, is connected, or is another latchkey's
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  listen(media: number, sockets: MediaSocketPair): void;

  /**
   * For a call whose media was agreed on without SDP, as with an engine that is told an address, or tells one, in another way: what is known of the peer's packets. The
   * same rules hold as for any peer without a key (docs/protocol.md, 8.3). The more is known, the less can another be taken for it; with
   * nothing, it is asked, or has to be the only one at home (see `peer`).
   * @throws LatchkeyError LATCHKEY_OPTION for what is no address, SSRC or payload type, and under the policy `require`
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  expect(peer: ExpectedPeer, media?: number): void;

  /** The call is over: its keys, words and paths are forgotten. Guarded sockets stay shut to it until `unguard()`. Idempotent. */
  close(): void;
}
