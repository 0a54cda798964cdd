// The top of the public face: one latchkey a process holds the engine, the loop and all sessions. It opens no
// socket unasked and no port of its own.
import { EventEmitter } from 'node:events';
import type { RemoteInfo, Socket, SocketOptions, SocketType } from 'node:dgram';
import { addCounters, createCounters, Engine, LatchkeyError } from '../core/index.js';
import type { Counters, LatchEvent, Session as CoreSession } from '../core/index.js';
import { createGuardedSocket } from './guard/guarded-socket.js';
import { Loop } from './loop.js';
import type { LoopOutput } from './loop.js';
import { createNodeRandom, nodeCrypto } from './node-crypto.js';
import { checkLatchkeyOptions, checkSessionOptions } from './options.js';
import type { LatchkeyOptions, SessionOptions } from './options.js';
import { Session } from './session.js';
import type { LatchEvents } from './session.js';
import { SharedSockets } from './shared-socket.js';

/** Every event of every session, and what went wrong beside them. */
export type LatchkeyEvents = LatchEvents & {
  /**
   * A listener of yours threw. Unheard, the exception surfaces as an uncaught one, after the loop has done its work: the
   * other listeners and sessions never notice.
   */
  listenerError: [error: unknown];
  /** An exception of ours; what was being handled was dropped. Unheard, the first becomes a process warning. */
  fault: [error: unknown];
};

export type MessageListener = (bytes: Buffer, info: RemoteInfo) => void;

/** Made by `createLatchkey`. */
export class Latchkey extends EventEmitter<LatchkeyEvents> {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Session>();
  readonly #sockets: SharedSockets;
  readonly #ended: Session[] = [];
  #hasWarned = false;
  #isClosed = false;

  /** Made by `createLatchkey`, not by hand. */
  constructor(engine: Engine) {
    super();
    this.#engine = engine;
    const output: LoopOutput = {
      onTransmit: ({ port, bytes, destination }) => this.#sockets.transmit(port, bytes, destination),
      onDelivery: (delivery) => this.#sockets.deliver(delivery),
      onEvent: (event) => this.#announce(event),
      onDrained: () => this.#forgetEnded(),
      onFault: (fault) => this.#onFault(fault),
    };
    this.#sockets = new SharedSockets(new Loop(engine, output));
  }

  /** The open sessions by id. */
  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  /** Totals of the process, closed sessions included. */
  get counters(): Counters {
    return addCounters(addCounters(createCounters(), this.#engine.counters), this.#sockets.residue.counters);
  }

  /** A session for one call. Throws LATCHKEY_OPTION, LATCHKEY_CLOSED. */
  createSession(options: SessionOptions): Session {
    this.#checkOpen();
    return this.#adopt(this.#engine.createSession(checkSessionOptions(options)));
  }

  /**
   * A dgram socket that is guarded from birth: nothing goes out of it or comes in but through a session put around it
   * with `session.guard(socket)` (or `bind`). Same arguments as `dgram.createSocket`.
   */
  createSocket(options: SocketOptions | SocketType, listener?: MessageListener): Socket {
    this.#checkOpen();
    return createGuardedSocket(this.#sockets, options, listener);
  }

  /** Ends all sessions and lets go of all sockets, which stay open; what was guarded stays shut until `unguard()`. */
  close(): void {
    if (this.#isClosed) return;
    for (const session of [...this.#sessions.values()]) session.close();
    this.#isClosed = true;
    this.#sockets.releaseAll();
    this.#sockets.loop.stop();
  }

  #adopt(core: CoreSession): Session {
    const session = new Session({
      core,
      sockets: this.#sockets,
      onListenerError: this.#onListenerError,
      onEnded: (ended) => this.#ended.push(ended),
      fork: () => this.#adopt(this.#engine.forkSession(core)),
    });
    this.#sessions.set(session.id, session);
    this.#sockets.loop.drain();
    return session;
  }

  #announce(event: LatchEvent): void {
    const session = this.#sessions.get(event.session);
    if (event.type === 'closed') session?.onEnd();
    for (const emitter of session ? [session, this] : [this]) {
      this.#emitTo(emitter, event.type, event);
      this.#emitTo(emitter, 'event', event);
    }
  }

  #emitTo(emitter: Session | Latchkey, name: LatchEvent['type'] | 'event', event: LatchEvent): void {
    try {
      (emitter as EventEmitter).emit(name, event);
    } catch (error) {
      this.#onListenerError(error);
    }
  }

  readonly #onListenerError = (error: unknown): void => {
    if (this.listenerCount('listenerError') > 0) {
      try {
        this.emit('listenerError', error);
        return;
      } catch {
        // A listener of 'listenerError' that throws has had its turn: its victim surfaces as below.
      }
    }
    process.nextTick(() => {
      throw error;
    });
  };

  /** Not sooner than its last event is given out. */
  #forgetEnded(): void {
    if (this.#ended.length === 0) return;
    for (const { id } of this.#ended) this.#sessions.delete(id);
    this.#ended.length = 0;
  }

  #onFault(fault: unknown): void {
    this.#sockets.residue.counters.dropped.internal++;
    if (this.listenerCount('fault') > 0) {
      try {
        this.emit('fault', fault);
      } catch (error) {
        this.#onListenerError(error);
      }
    } else if (!this.#hasWarned) {
      this.#hasWarned = true;
      process.emitWarning(fault instanceof Error ? fault : String(fault), 'LatchkeyFault');
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the latchkey is closed');
  }
}

/** Makes a latchkey: one a process, for all its calls. Throws LATCHKEY_OPTION naming the option and what it accepts. */
export function createLatchkey(options: LatchkeyOptions = {}): Latchkey {
  const { directTarget, ...rest } = checkLatchkeyOptions(options);
  const engineOptions = directTarget === undefined ? rest : { ...rest, isDirectTarget: directTarget };
  return new Latchkey(new Engine(engineOptions, nodeCrypto, createNodeRandom()));
}
