// One latchkey: the engine, the loop, the sockets and all sessions. It opens no socket unasked and no port of its own.
import type { Socket, SocketOptions, SocketType } from 'node:dgram';
import { addCounters, countDrop, createCounters, Engine, LatchkeyError } from '../core/index.js';
import type { LatchEvent, SdpSession } from '../core/index.js';
import type { SdpLimits } from '../wire/index.js';
import { NetCanary } from './canary.js';
import type { Canary } from './canary.js';
import { snapshotOf } from './counters.js';
import type { CountersSnapshot } from './counters.js';
import type { BindableSocket } from './datagram-socket.js';
import { createGuardedSocket } from './guard/guarded-socket.js';
import { KeyFetch } from './key-fetch.js';
import type { FetchedKeys, FetchFailure, KeyFetches } from './key-fetch.js';
import type { Latchkey, LatchkeyEvents, MessageListener } from './latchkey.js';
import { Loop } from './loop.js';
import type { LoopOutput } from './loop.js';
import { NetSession } from './net-session.js';
import type { SessionSite } from './net-session.js';
import { createNodeRandom, nodeCrypto } from './node-crypto.js';
import { fastSrtpCrypto } from './node-srtp-crypto.js';
import { checkLatchkeyOptions, checkSessionOptions } from './options.js';
import type { CheckedOptions, LatchkeyOptions, SessionOptions } from './options.js';
import type { Session } from './session.js';
import { SharedSockets } from './shared-socket.js';
import { SteadyEmitter } from './steady-emitter.js';

export class NetLatchkey extends SteadyEmitter<LatchkeyEvents> implements Latchkey {
  readonly sdpLimits: SdpLimits;
  readonly #engine: Engine;
  readonly #sessions = new Map<string, NetSession>();
  readonly #sockets: SharedSockets;
  readonly #ended: NetSession[] = [];
  readonly #site: SessionSite;
  readonly #findKey: CheckedOptions['findKey'];
  readonly #keys: KeyFetch | undefined;
  #hasWarned = false;
  #isClosed = false;

  constructor(engine: Engine, checked = checkLatchkeyOptions()) {
    super('listenerError');
    const { sdpLimits, findKey, fetchKey, fetchKeyMs } = checked;
    this.sdpLimits = sdpLimits;
    this.#engine = engine;
    this.#findKey = findKey;
    this.#keys =
      fetchKey &&
      new KeyFetch({ fetchKey, fetchKeyMs, sdpLimits }, (failure) => this.#onFetchFailed(failure));
    const output: LoopOutput = {
      onTransmit: ({ port, bytes, destination }) => this.#sockets.transmit(port, bytes, destination),
      onDelivery: (delivery) => this.#sockets.deliver(delivery),
      onEvent: (event) => this.#announce(event),
      onDrained: () => this.#forgetEnded(),
      onFault: (fault) => this.#onFault(fault),
    };
    this.#sockets = new SharedSockets(new Loop(engine, output));
    this.#site = {
      sockets: this.#sockets,
      onListenerError: (error) => this.onFailure(error),
      hasAsker: () => this.listenerCount('question') > 0,
      onEnded: (ended) => this.#ended.push(ended),
      adopt: (core) => this.#adopt(core),
    };
  }

  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  get counters(): CountersSnapshot {
    const total = addCounters(createCounters(), this.#engine.counters);
    return snapshotOf(addCounters(total, this.#sockets.residue.counters));
  }

  get keyFetches(): KeyFetches {
    return this.#keys?.counts ?? { fetched: 0, unknown: 0, failed: 0, late: 0 };
  }

  missingKeys(sdp: unknown, session?: Session): readonly string[] {
    const kids = this.#keys?.kidsIn(sdp) ?? [];
    const own = session && this.#sessions.get(session.id);
    return kids.filter((kid) => (own ? !own.knowsKey(kid) : this.#findKey(kid) === undefined));
  }

  async fetchKeys(kids: readonly string[]): Promise<FetchedKeys> {
    const give = ({ id }: Session, kid: string, key: Uint8Array) =>
      this.#sessions.get(id)?.learnKey(kid, key);
    return this.#keys?.fetch(kids, give) ?? { giveTo: () => undefined, forget: () => undefined };
  }

  createSession(options: SessionOptions): Session {
    this.#checkOpen();
    return this.#adopt(this.#engine.createSession(checkSessionOptions(options)));
  }

  createSocket(options: SocketOptions | SocketType, listener?: MessageListener): Socket {
    this.#checkOpen();
    return createGuardedSocket(this.#sockets, options, listener);
  }

  canary(socket: BindableSocket): Canary {
    this.#checkOpen();
    return new NetCanary(this.#sockets, socket);
  }

  close(): void {
    if (this.#isClosed) return;
    for (const session of [...this.#sessions.values()]) session.close();
    this.#isClosed = true;
    this.#sockets.releaseAll();
    this.#sockets.loop.stop();
  }

  #adopt(core: SdpSession): NetSession {
    const session = new NetSession(core, this.#site);
    this.#sessions.set(session.id, session);
    this.#sockets.loop.drain();
    return session;
  }

  protected override tellFailure(error: unknown): boolean {
    return this.tell('listenerError', error);
  }

  #announce(event: LatchEvent): void {
    const session = this.#sessions.get(event.session);
    if (event.type === 'closed') session?.onEnd();
    session?.onEvent(event);
    this.tell<'event'>(event.type as 'event', event);
    this.tell('event', event);
  }

  /** Not sooner than its last event is given out. */
  #forgetEnded(): void {
    if (this.#ended.length === 0) return;
    for (const { id } of this.#ended) this.#sessions.delete(id);
    this.#ended.length = 0;
  }

  #onFault(fault: unknown): void {
    countDrop(this.#sockets.residue.counters, 'internal');
    this.#warnUnless(this.tell('fault', fault), fault);
  }

  #onFetchFailed(failure: FetchFailure): void {
    this.#warnUnless(this.tell('fetchFailed', failure), failure.error);
  }

  /** What nobody listens for is not lost: the first becomes a warning of the process. */
  #warnUnless(isHeard: boolean, error: unknown): void {
    if (isHeard || this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(error instanceof Error ? error : String(error), 'LatchkeyFault');
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the latchkey is closed');
  }
}

/**
 * Makes a latchkey: one a process, for all its calls.
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function createLatchkey(options: LatchkeyOptions = {}): Latchkey {
  const checked = checkLatchkeyOptions(options);
  const { directTarget, home, asymmetric, ...rest } = checked;
  const engineOptions = {
    ...rest,
    ...(directTarget && { isDirectTarget: directTarget }),
    ...(home && { isHome: home }),
    isAsymmetric: asymmetric,
  };
  return new NetLatchkey(new Engine(engineOptions, nodeCrypto, createNodeRandom(), fastSrtpCrypto), checked);
}
