/**
 * The listening sockets that the package opens: seen at birth, bound where the options say (port 0 and the address of the
 * WebSocket listener included), their errors collected, all of them closed in the end.
 */
import dgram from 'node:dgram';
import { EventEmitter } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { ClientCertificates } from './client-certificates.js';
import { guardDatagrams } from './guard-datagrams.js';
import type { DatagramGuardSite, SendDatagram } from './guard-datagrams.js';
import { guardStream, guardWebSocket } from './guard-stream.js';
import type { WebSocketLike } from './guard-stream.js';
import type { ListenerAddress, ListenerProtocol, ListenRenewal, SipFlow } from '../../lib/sip/index.js';
import type { SipOptions } from './sip-types.js';
import { withSwapped } from './swap.js';
import type { Swap } from './swap.js';

interface Listening {
  readonly protocol: ListenerProtocol;
  readonly socket: net.Server | dgram.Socket;
  readonly ready: Promise<void>;
  readonly port: number;
  /** Kept once it is known: each message is told where it came in. */
  bound?: ListenerAddress | undefined;
}

type Loose = (...args: unknown[]) => unknown;

/** The `ws` server inside the package: bounded like the other transports (RFC 7118 gives no number). */
interface WebSocketServerLike extends EventEmitter {
  options: { maxPayload?: number };
  clients?: Set<WebSocketLike>;
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'not permitted',
};

/** The process, or the system, has no file descriptors left. */
const DESCRIPTORS: readonly string[] = ['EMFILE', 'ENFILE'];

/** Hundreds of messages may come between two turns of the loop; the system gives what it allows. */
const UDP_BUFFER_BYTES = 4 * 1024 * 1024;

export class Listeners {
  readonly #listening: Listening[] = [];
  readonly #streams = new Set<net.Socket>();
  /** `address,port` of the peers of accepted WebSockets. */
  readonly #webSockets = new Set<string>();
  readonly #certificates: ClientCertificates;
  #clientCa: string | undefined;
  #origins: readonly string[] | undefined;
  #isClosed = false;
  #sendDatagram: SendDatagram | undefined;

  constructor(
    private readonly options: SipOptions,
    private readonly site: DatagramGuardSite,
  ) {
    const { clientCa, origins } = options;
    this.#clientCa = clientCa;
    this.#certificates = new ClientCertificates(clientCa);
    this.#origins = origins;
  }

  /**
   * For who connects from now on; what is open stays open. What was kept of TLS sessions is forgotten with the old certificate: who
   * resumes one is verified anew.
   *
   * @throws Error for a certificate that is none, or a key that is not its.
   */
  renew({ cert, key, clientCa, origins }: ListenRenewal): void {
    this.#origins = origins ?? this.#origins;
    if (clientCa !== undefined) this.#certificates.renew(clientCa);
    this.#clientCa = clientCa ?? this.#clientCa;
    for (const { socket } of this.#listening) {
      if (!(socket instanceof tls.Server) && !(socket instanceof https.Server)) continue;
      const own = this.options.tls as { cert?: string; key?: string };
      const shown = { ...own, ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
      socket.setSecureContext({ ...shown, ...(this.#clientCa !== undefined && { ca: this.#clientCa }) });
      // What is dialled by TLS from now on shows the same.
      Object.assign(own, shown);
    }
  }

  /** Runs the package's `create`, watching what it opens. When it throws, what it had opened is closed. */
  capture<T>(create: () => T): T {
    try {
      return withSwapped(this.#swaps(), create);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Fulfilled when all listen; rejected with one Error that names protocol, address and port. */
  async ready(): Promise<void> {
    await Promise.all(this.#listening.map((one) => one.ready));
  }

  /** Where the sockets really listen; those not bound yet are left out. */
  get addresses(): ListenerAddress[] {
    return this.#listening.flatMap((one) => (one.bound ??= boundAddress(one)) ?? []);
  }

  /** Over UDP, as far as the ledger lets it; nothing where there is no UDP. */
  sendDatagram(bytes: Buffer, to: Parameters<SendDatagram>[1]): void {
    this.#sendDatagram?.(bytes, to);
  }

  hasWebSocket({ address, port }: SipFlow): boolean {
    return this.#webSockets.has(`${address},${port}`);
  }

  portOf(protocol: string): number | undefined {
    return this.addresses.find((one) => one.protocol.startsWith(protocol.toUpperCase()))?.port;
  }

  /** Closes everything, the package's own WebSocket listener and accepted connections included. What is written still goes out. */
  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#listening) {
      try {
        socket.close();
      } catch {
        // Closed already, by the package or because it never listened.
      }
    }
    for (const stream of this.#streams) stream.destroySoon();
  }

  #swaps(): Swap[] {
    const { options, site } = this;
    const isWss = Boolean(options.tls);
    const web =
      (original: Loose) =>
      (...args: unknown[]) => {
        return this.#adopt(
          isWss ? 'WSS' : 'WS',
          original(...(isWss ? this.#secured(args) : args)) as net.Server,
          options.ws_port ?? 0,
        );
      };
    // A server of streams: the last argument is the package's own `connection` listener.
    const streams =
      (protocol: 'TCP' | 'TLS', port: number) =>
      (original: Loose) =>
      (...args: unknown[]) => {
        const onStream = args.pop() as Loose;
        const server = original(
          ...(protocol === 'TLS' ? this.#secured(args) : args),
          (stream: net.Socket) => {
            guardStream(stream, protocol, site, this.#certificates.watch(stream));
            onStream(stream);
          },
        );
        return this.#adopt(protocol, server as net.Server, port);
      };
    return [
      {
        target: dgram,
        key: 'createSocket',
        make: (original) => (type, onMessage) =>
          this.#adoptUdp(original({ type, recvBufferSize: UDP_BUFFER_BYTES }), onMessage),
      },
      { target: net, key: 'createServer', make: streams('TCP', options.port ?? 5060) },
      { target: tls, key: 'createServer', make: streams('TLS', options.tls_port ?? 5061) },
      { target: http, key: 'createServer', make: web },
      { target: https, key: 'createServer', make: web },
      { target: EventEmitter.prototype, key: 'on', make: (original) => this.#watchWebSocketServer(original) },
    ];
  }

  /** The options of a TLS server, with the certificates that it asks for. Who is dialled is held against other authorities. */
  #secured([given, ...rest]: unknown[]): unknown[] {
    const { clientCa: ca } = this.options;
    if (ca === undefined) return [given, ...rest];
    return [{ ...(given as object), ca, requestCert: true, rejectUnauthorized: true }, ...rest];
  }

  /** The package's WebSocket server shows itself when the package listens for its connections. */
  #watchWebSocketServer(original: (this: unknown, ...args: unknown[]) => unknown) {
    const { site } = this;
    const certificates = this.#certificates;
    const flows = this.#webSockets;
    const connections =
      (listener: Loose) =>
      (socket: WebSocketLike, ...rest: unknown[]) => {
        guardWebSocket(socket, 'WS', site, certificates.watch(socket._socket));
        const { remoteAddress, remotePort } = socket._socket ?? {};
        const key = `${remoteAddress},${remotePort}`;
        flows.add(key);
        socket.once('close', () => flows.delete(key));
        listener(socket, ...rest);
      };
    return function (this: unknown, event: unknown, listener: unknown) {
      if (event !== 'connection' || this instanceof net.Server) return original.call(this, event, listener);
      const server = this as WebSocketServerLike;
      if (server.options) server.options.maxPayload = site.limits.maxMessageBytes;
      original.call(server, 'error', () => undefined);
      return original.call(server, event, connections(listener as Loose));
    };
  }

  #adoptUdp(made: unknown, onMessage: unknown): dgram.Socket {
    const socket = made as dgram.Socket;
    const port = this.options.port ?? 5060;
    this.#sendDatagram = guardDatagrams(socket, onMessage as Loose, this.site);
    const bind = socket.bind.bind(socket);
    Object.defineProperty(socket, 'bind', {
      value: (_port: number, address: string) => bind({ port, address }),
    });
    this.#file('UDP', socket, port);
    return socket;
  }

  #adopt(protocol: ListenerProtocol, server: net.Server, port: number): net.Server {
    const { address } = this.options;
    const listen = server.listen.bind(server);
    Object.defineProperty(server, 'listen', {
      value: () => listen({ port, ...(address !== undefined && { host: address }) }),
    });
    if (protocol === 'WS' || protocol === 'WSS') this.#guardUpgrades(server);
    this.#admitOnly(server, protocol !== 'TCP');
    server.on('connection', (stream: net.Socket) => {
      this.#streams.add(stream);
      stream.once('close', () => this.#streams.delete(stream));
    });
    this.#file(protocol, server, port);
    return server;
  }

  /** A connection beyond the bounds is closed before anything has been made for it. */
  #admitOnly(server: net.Server, hasHandshake: boolean): void {
    const emit = server.emit.bind(server) as (event: string, ...args: unknown[]) => boolean;
    Object.defineProperty(server, 'emit', {
      configurable: true,
      value: (event: string, ...args: unknown[]) => {
        const [stream] = args;
        const isAdmitted =
          event !== 'connection' ||
          !(stream instanceof net.Socket) ||
          this.site.connections.admit(stream, hasHandshake);
        if (isAdmitted) return emit(event, ...args);
        stream.destroy();
        return true;
      },
    });
  }

  /** An upgrade that the package's `ws` cannot read must not throw into the HTTP server. */
  #guardUpgrades(server: net.Server): void {
    const on = server.on.bind(server) as (event: string, listener: Loose) => net.Server;
    Object.defineProperty(server, 'on', {
      value: (event: string, listener: Loose) => {
        if (event !== 'upgrade') return on(event, listener);
        return on(event, (request, socket, head) => {
          try {
            if (this.#isForeign(request as http.IncomingMessage)) return this.#turnAway(socket as net.Socket);
            listener(request, socket, head);
          } catch (error) {
            this.site.onFault('WS', error);
            (socket as net.Socket).destroy();
          }
        });
      },
    });
  }

  /** A page that a browser has from elsewhere: it could call in the name of whoever looks at it (RFC 6455 10.2). */
  #isForeign({ headers: { origin } }: http.IncomingMessage): boolean {
    return this.#origins !== undefined && origin !== undefined && !this.#origins.includes(origin);
  }

  #turnAway(socket: net.Socket): void {
    this.site.onFault('origin', new Error('a WebSocket was refused for its Origin'));
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  }

  #file(protocol: ListenerProtocol, socket: net.Server | dgram.Socket, port: number): void {
    const where = `${protocol} ${this.options.address ?? '*'}:${port}`;
    const ready = new Promise<void>((resolve, reject) => {
      socket.once('listening', resolve);
      socket.on('error', (error: NodeJS.ErrnoException) => {
        const reason = REASONS[error.code ?? ''] ?? error.message;
        reject(new Error(`sip: cannot listen on ${where}: ${reason}`, { cause: error }));
        if (DESCRIPTORS.includes(error.code ?? '')) this.site.bounds.count('descriptors');
        else if (!this.#isClosed) this.site.onFault(protocol, error);
      });
    });
    ready.catch(() => undefined);
    this.#listening.push({ protocol, socket, ready, port });
  }
}

function boundAddress({ protocol, socket }: Listening): ListenerAddress | undefined {
  try {
    const bound = socket.address();
    if (bound === null || typeof bound === 'string') return undefined;
    return { protocol, address: bound.address, port: bound.port };
  } catch {
    return undefined;
  }
}
