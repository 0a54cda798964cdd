// One call as the application sees it: descriptions in and out, sockets put under it, events out. It adds
// no rule of its own; what the protocol asks is decided by the core's session.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:dgram';
import { LatchkeyError } from '../core/index.js';
import type {
  Component,
  Counters,
  LatchEvent,
  LatchEventType,
  Session as CoreSession,
  StreamStatus,
  Verdict,
} from '../core/index.js';
import { Guard } from './guard/guard.js';
import { GuardLayer } from './guard/guard-layer.js';
import { MediaPort } from './media-port.js';
import { checkWhere } from './options.js';
import type { Where } from './options.js';
import type { SharedSockets } from './shared-socket.js';

/** The events of one type. */
export type LatchEventOf<T extends LatchEventType> = LatchEvent & { readonly type: T };

/** Every event by its type, and `event` for any of them: the record of names and arguments of the emitters. */
export type LatchEvents = {
  [T in LatchEventType]: [event: LatchEventOf<T>];
} & { event: [event: LatchEvent] };

/** Which half of an exchange a description is. */
export type DescriptionType = 'offer' | 'answer';

export interface SessionSite {
  readonly core: CoreSession;
  readonly sockets: SharedSockets;
  readonly onListenerError: (error: unknown) => void;
  readonly onEnded: (session: Session) => void;
  readonly fork: () => Session;
}

/** Made by `latchkey.createSession`. */
export class Session extends EventEmitter<LatchEvents> {
  readonly #site: SessionSite;
  readonly #ports = new Map<Component, MediaPort>();
  readonly #guards = new Map<Component, Guard>();
  #isClosed = false;

  /** Made by `latchkey.createSession`, not by hand. */
  constructor(site: SessionSite) {
    super();
    this.#site = site;
  }

  get id(): string {
    return this.#site.core.id;
  }

  /** Your name for the call. */
  get call(): string {
    return this.#site.core.call;
  }

  /** What protects the call's media; `'pending'` until that is known. */
  get protection(): CoreSession['protection'] {
    return this.#site.core.protection;
  }

  get streams(): readonly StreamStatus[] {
    return this.#site.core.streams;
  }

  get counters(): Counters {
    return this.#site.core.counters;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Reads the peer's description. Never throws on bad SDP: a verdict that is not accepted names the SIP status and the
   * text for a Warning header. `type` is inferred from the state of the exchange; give it for a repeated answer (183, 200).
   * Throws LATCHKEY_STATE for an answer without an offer, LATCHKEY_CLOSED.
   */
  setRemote(sdp: string, type?: DescriptionType): Verdict {
    this.#checkOpen();
    const { core, sockets } = this.#site;
    try {
      return core.setRemote(sdp, sockets.loop.nowMs(), type);
    } finally {
      this.#changed();
    }
  }

  /**
   * Gives your description back with the latch attributes added: send that one. The same description in the same state
   * gives the same text (a 183 and its 200). Throws LATCHKEY_SDP for what is no SDP, LATCHKEY_STATE, LATCHKEY_CLOSED.
   */
  setLocal(sdp: string, type?: DescriptionType): string {
    this.#checkOpen();
    const { core, sockets } = this.#site;
    try {
      return core.setLocal(sdp, sockets.loop.nowMs(), type);
    } finally {
      this.#changed();
    }
  }

  /** The pending offer failed (a 488 to a re-INVITE): all is as it was before it. */
  rollback(): void {
    this.#checkOpen();
    this.#site.core.rollback();
    this.#changed();
  }

  /**
   * For a further answer to your pending offer, from another fork of the call (a second dialog): a session of its own, with
   * its own keys and paths, that takes that answer in its `setRemote`. Bind or guard the same socket for it.
   * Throws LATCHKEY_STATE where no offer of yours is pending, LATCHKEY_CLOSED.
   */
  fork(): Session {
    this.#checkOpen();
    return this.#site.fork();
  }

  /**
   * Puts a bound socket under one stream, the first one's RTP unless told. The socket may carry other sessions bound in
   * the same way. Throws LATCHKEY_SOCKET where it is not bound, LATCHKEY_STATE where the stream has a socket already.
   */
  bind(socket: Socket, where?: Where): MediaPort {
    this.#checkOpen();
    const { media, component } = checkWhere(where);
    const { core: session, sockets, onListenerError } = this.#site;
    const core = session.component(media, component);
    this.#checkFree(core);
    const onClosed = () => this.#ports.delete(core);
    const port = new MediaPort({ media, component, core, sockets, onListenerError, onClosed }, socket);
    this.#ports.set(core, port);
    return port;
  }

  /**
   * Puts a guard around a bound socket that the application uses already, for one stream, the first one's RTP unless told.
   * From then on `'message'` carries only accepted media, and `send` to the signalled address (or the mapping) goes to the
   * mapping; any other address is refused with LATCHKEY_DESTINATION. What the guard cannot see it cannot stop: a reference
   * to the socket's `send` taken before, or an `emit` wrapped after. `latchkey.createSocket()` closes that door.
   * A second call for the same stream and socket gives the same Guard, which then wants two `unguard()`.
   * Throws LATCHKEY_SOCKET where it is not bound, LATCHKEY_STATE where the stream has another socket.
   */
  guard(socket: Socket, where?: Where): Guard {
    this.#checkOpen();
    const { media, component } = checkWhere(where);
    const core = this.#site.core.component(media, component);
    const present = this.#guards.get(core);
    if (present?.socket === socket) {
      present.hold();
      return present;
    }
    this.#checkFree(core);
    const layer = GuardLayer.of(socket, this.#site.sockets);
    const onReleased = () => this.#guards.delete(core);
    const guard = new Guard({ media, component, core, layer, onReleased });
    this.#guards.set(core, guard);
    return guard;
  }

  /** The call is over: its keys, words and paths are forgotten. Guarded sockets stay shut to it until `unguard()`. */
  close(): void {
    if (this.#isClosed) return;
    const { core, sockets } = this.#site;
    core.close(sockets.loop.nowMs());
    this.onEnd();
    this.#changed();
  }

  /** For the latchkey: the core has closed this session, by us or by itself. */
  onEnd(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#site.onEnded(this);
    for (const port of [...this.#ports.values()]) port.close();
    for (const guard of [...this.#guards.values()]) guard.onSessionClosed();
  }

  /** Whatever was looked up by address may be stale, and the core may have something to say. */
  #changed(): void {
    this.#site.sockets.loop.epoch++;
    this.#site.sockets.loop.drain();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the session is closed');
  }

  #checkFree(core: Component): void {
    if (this.#ports.has(core) || this.#guards.has(core))
      throw new LatchkeyError(
        'LATCHKEY_STATE',
        'this stream has a socket already: use rebind(), or let go of it first',
      );
  }
}
