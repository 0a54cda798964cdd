// The RTSP service: its listeners, its connections, and what it tells of them. It decides nothing about media.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { createServer as createSecureServer } from 'node:tls';
import type { Server as SecureServer, TLSSocket } from 'node:tls';
import { LatchkeyError, normaliseIp, SteadyEmitter } from '../../lib/index.js';
import type { TransportAddress } from '../../lib/index.js';
import type { Leg } from '../../lib/room/index.js';
import { formatTransport, PUNCH_MS, RtspAdmission } from '../../lib/rtsp/index.js';
import { isLoopback, RecentCounts, sourceOf } from '../../lib/sip/index.js';
import { Connection } from './connection.js';
import { Dialogue } from './dialogue.js';
import type { Caller, DialogueSite } from './dialogue-site.js';
import type { MediaSession } from './media-session.js';
import { checkedRenewal } from './options.js';
import type { CheckedOptions } from './options.js';
import type {
  LatchRtsp,
  RtspCounters,
  RtspEndReason,
  RtspEvents,
  RtspListening,
  RtspRenewal,
} from './rtsp-types.js';
import { Tally } from './tally.js';

interface Open {
  readonly connection: Connection;
  readonly dialogue: Dialogue;
}

const SWEEP_MS = 1000;
const MINUTE_MS = 60_000;
/** Addresses from which UDP without latch came to nothing, remembered for a minute. */
const VAIN_MAX = 1024;

export class RtspService extends SteadyEmitter<RtspEvents> implements LatchRtsp {
  readonly #options: CheckedOptions;
  #listen: CheckedOptions['listen'];
  readonly #admission: RtspAdmission;
  readonly #tally = new Tally();
  readonly #open = new Set<Open>();
  /** Sockets, those included that are in a handshake. */
  readonly #sockets = new Set<Socket>();
  readonly #bySource = new Map<string, number>();
  readonly #sessions = new Set<MediaSession>();
  readonly #wrong = new RecentCounts(MINUTE_MS);
  readonly #vain = new Map<string, number>();
  readonly #secure: SecureServer[] = [];
  readonly #servers: Server[] = [];
  readonly #onLeft = (leg: Leg) => this.#handleLeft(leg);
  #timer: NodeJS.Timeout | undefined;
  #state: 'new' | 'open' | 'draining' | 'closed' = 'new';

  constructor(options: CheckedOptions) {
    super('fault');
    this.#options = options;
    this.#listen = options.listen;
    this.#admission = new RtspAdmission(options.admission, () => performance.now());
  }

  get counters(): RtspCounters {
    const { watched, published, strayFrames, answers, refused, bounds, admission, punches } = this.#tally;
    const active = [...this.#sessions].filter(({ isActive }) => isActive);
    const dropped = active.flatMap(({ punched }) => punched).reduce((sum, way) => sum + way.dropped, 0);
    return {
      connections: this.#sockets.size,
      watching: active.filter(({ isRecord }) => !isRecord).length,
      publishing: active.filter(({ isRecord }) => isRecord).length,
      ...{ watched, published, strayFrames },
      ...{ answers: { ...answers }, refused: { ...refused }, bounds: { ...bounds } },
      ...{ admission: { ...admission }, punches: { ...punches, dropped: punches.dropped + dropped } },
    };
  }

  async start(): Promise<RtspListening> {
    if (this.#state !== 'new') throw new LatchkeyError('LATCHKEY_STATE', 'the service was started before');
    this.#state = 'open';
    const { addresses, rtsp = 0, rtsps = 0 } = this.#listen;
    try {
      const listening = { rtsp: [] as TransportAddress[], rtsps: [] as TransportAddress[] };
      for (const address of addresses) {
        if (rtsp !== 0) listening.rtsp.push(await this.#listenOn(this.#plainServer(), address, rtsp));
        if (rtsps !== 0) listening.rtsps.push(await this.#listenOn(this.#secureServer(), address, rtsps));
      }
      this.#options.server.rooms.on('left', this.#onLeft);
      this.#timer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
      return listening;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  renew(renewal: RtspRenewal): void {
    const { listen, admission } = checkedRenewal(renewal, { listen: this.#listen });
    this.#listen = listen;
    if (admission) this.#admission.renew(admission);
    const { cert, key, clientCa: ca } = listen;
    for (const server of this.#secure) server.setSecureContext({ cert, key, ca });
  }

  drain(): void {
    if (this.#state === 'open') this.#state = 'draining';
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearInterval(this.#timer);
    this.#options.server.rooms.off('left', this.#onLeft);
    for (const server of this.#servers) server.close();
    for (const { dialogue } of [...this.#open]) dialogue.close('closed');
    for (const socket of this.#sockets) socket.destroy();
  }

  protected override tellFailure(error: unknown): boolean {
    return this.tell('fault', error);
  }

  #plainServer(): Server {
    const server = createServer({ allowHalfOpen: true });
    server.on('connection', (socket: Socket) => {
      this.#count(socket);
      this.#onConnection(socket);
    });
    return server;
  }

  #secureServer(): Server {
    const { cert, key, clientCa: ca } = this.#listen;
    const trust = { ca, requestCert: ca !== undefined, rejectUnauthorized: ca !== undefined };
    const handshakeTimeout = this.#options.limits.incompleteMs;
    const server = createSecureServer({ cert, key, ...trust, handshakeTimeout }, (socket) =>
      this.#onConnection(socket),
    );
    server.on('connection', (socket: Socket) => this.#count(socket));
    // What a stranger's handshake comes to is no fault of ours.
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') this.#tally.bounds.incompleteTime++;
      socket.destroy();
    });
    this.#secure.push(server);
    return server;
  }

  async #listenOn(server: Server, address: string, port: number | 'auto'): Promise<TransportAddress> {
    this.#servers.push(server);
    server.listen(port === 'auto' ? 0 : port, address);
    try {
      await once(server, 'listening');
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      throw new LatchkeyError('LATCHKEY_LISTEN', `rtsp: port ${port} cannot be had on ${address} (${code})`);
    }
    // Such as too many open files: the next connection may be taken again.
    server.on('error', (error) => this.#fault(error));
    const bound = server.address() as AddressInfo;
    return { address: bound.address, port: bound.port };
  }

  /** Each connection from its first packet on, before its handshake. */
  #count(socket: Socket): void {
    const { maxConnections, maxConnectionsOfSource } = this.#options.limits;
    const source = sourceOf(socket.remoteAddress ?? '');
    const count = (this.#bySource.get(source) ?? 0) + 1;
    const bound =
      this.#sockets.size >= maxConnections
        ? 'connections'
        : count > maxConnectionsOfSource && 'connectionsOfSource';
    if (bound) {
      this.#tally.bounds[bound]++;
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#bySource.set(source, count);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#bySource.get(source) ?? 1) - 1;
      if (left > 0) this.#bySource.set(source, left);
      else this.#bySource.delete(source);
    });
  }

  #onConnection(socket: Socket | TLSSocket): void {
    const caller = callerOf(socket);
    if (socket.destroyed || !caller || this.#state === 'closed') {
      socket.destroy();
      return;
    }
    const site = { limits: this.#options.limits, tally: this.#tally, nowMs: () => performance.now() };
    new Connection(socket, site, (self) => {
      const dialogue = new Dialogue(this.#siteOf(self), caller, self);
      const opened = { connection: self, dialogue };
      this.#open.add(opened);
      return {
        onRequest: async (message) => {
          const reply = await dialogue.handle(message);
          if (dialogue.isGuessing) setImmediate(() => self.end());
          return reply;
        },
        onFrame: (channel, packet) => dialogue.receiveFrame(channel, packet),
        onHeard: dialogue.noteHeard,
        get hasSession() {
          return dialogue.session !== undefined;
        },
        onClosed: (reason) => {
          this.#open.delete(opened);
          dialogue.close(reason);
        },
        onFault: (error) => this.#fault(error),
      };
    });
  }

  #siteOf(connection: Connection): DialogueSite {
    const { maxWrongPerMinute } = this.#options.limits;
    const nowMs = () => performance.now();
    return {
      ...{ options: this.#options, admission: this.#admission, tally: this.#tally, nowMs },
      isDraining: () => this.#state !== 'open',
      isGuessed: (address) => this.#wrong.of(address, nowMs()).ofSource >= maxWrongPerMinute,
      noteWrong: (address) => this.#wrong.note(address, nowMs()),
      isVain: (address) => (this.#vain.get(address) ?? -Infinity) > nowMs() - MINUTE_MS,
      formatTransport: (choice, own) =>
        formatTransport(
          choice.kind === 'udp' && choice.source === own ? { ...choice, source: undefined } : choice,
        ),
      onBegun: (session, onUnreached) => this.#onBegun(session, onUnreached),
      onEnded: (session, reason) => this.#onEnded(session, reason, connection),
    };
  }

  #onBegun(session: MediaSession, onUnreached: () => void): void {
    const { place, transports, isRecord } = session;
    if (!this.#sessions.has(session)) this.#tally[isRecord ? 'published' : 'watched']++;
    this.#sessions.add(session);
    this.tell(isRecord ? 'publishing' : 'watching', { ...place, transports });
    if (session.punched.length > 0)
      setTimeout(() => this.#checkPunches(session, onUnreached), PUNCH_MS).unref();
  }

  /** Two seconds after PLAY: where no port is known now none will be, and without any the media has stopped. */
  #checkPunches(session: MediaSession, onUnreached: () => void): void {
    if (!this.#sessions.has(session) || !session.isActive) return;
    const { punches } = this.#tally;
    let isReached = false;
    let isDisputed = false;
    for (const { rtp, rtcp } of session.punched) {
      const state = rtp.state.is;
      if (state === 'named' || state === 'trial') {
        isReached = true;
        punches.named++;
        continue;
      }
      isDisputed ||= state === 'disputed';
      punches[state === 'disputed' ? 'disputed' : 'silent']++;
      rtp.close();
      rtcp.close();
    }
    // A player leaves out what it does not show.
    if (isReached) return;
    session.pause();
    onUnreached();
    const { address } = session.place.remote;
    this.#vain.delete(address);
    this.#vain.set(address, performance.now());
    const [oldest] = this.#vain.keys();
    if (this.#vain.size > VAIN_MAX && oldest !== undefined) this.#vain.delete(oldest);
    this.tell('unreached', { ...session.place, reason: isDisputed ? 'disputed' : 'silence' });
  }

  #onEnded(session: MediaSession, reason: RtspEndReason, connection: Connection): void {
    if (this.#sessions.delete(session)) this.tell('ended', { ...session.place, reason });
    // RTSP 1.0 has no word for it: the farewells have gone out by RTCP, and the connection ends behind them.
    if (reason === 'over' || reason === 'timeout') connection.end();
  }

  #handleLeft(leg: Leg): void {
    for (const session of [...this.#sessions]) {
      if (session.place.room === leg.room && session.isActive && session.isOver) session.end('over');
    }
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const { connection, dialogue } of [...this.#open]) {
      connection.sweep(nowMs);
      dialogue.sweep(nowMs);
    }
  }

  #fault(error: unknown): void {
    if (this.tell('fault', error)) return;
    process.emitWarning(error instanceof Error ? error : String(error), 'LatchkeyFault');
  }
}

function callerOf(socket: Socket | TLSSocket): Caller | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const isSecure = 'encrypted' in socket;
  const remote = { address: normaliseIp(remoteAddress), port: remotePort };
  const local = { address: normaliseIp(localAddress ?? ''), port: localPort ?? 0 };
  const isLocal = isLoopback(remote.address) && isLoopback(local.address);
  const peer = { address: remote.address, transport: isSecure ? ('tls' as const) : ('tcp' as const) };
  const signalling = isSecure ? ('encrypted' as const) : ('loopback' as const);
  return {
    ...{ remote, local, isSecure },
    isCertified: isSecure && 'authorized' in socket && socket.authorized,
    hop: isSecure || isLocal ? { signalling, peer } : undefined,
  };
}
