/**
 * Connections that the package opens: seen at birth like its listeners, guarded, and TLS checked against the URI's host
 * (RFC 5922) instead of the address it resolved to. A flow that another host's certificate opened is not shared.
 */
import { EventEmitter } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { guardStream, guardWebSocket } from './guard-stream.js';
import type { GuardSite, WebSocketLike } from './guard-stream.js';
import { checkSipIdentity } from '../../lib/sip/index.js';
import { withSwapped } from './swap.js';
import type { Swap } from './swap.js';
import type { Target } from './target.js';

interface Flow {
  readonly hosts: Set<string>;
  readonly socket: tls.TLSSocket;
}

export class Dialling {
  readonly #flows = new Map<string, Flow>();
  readonly #streams = new Set<net.Socket>();
  readonly #webSockets = new Set<WebSocketLike>();
  #isRunning = false;

  constructor(
    private readonly site: GuardSite,
    /** False: the owner switched certificate checks off by name. */
    private readonly isVerifying: boolean,
  ) {}

  /** False where a connection to the target is open whose certificate does not belong to this host. */
  mayReuse(host: string, target: Target): boolean {
    const flow = this.#flows.get(`${target.address},${target.port}`);
    if (target.protocol !== 'TLS' || !flow || !this.isVerifying || flow.hosts.has(host)) return true;
    if (!flow.socket.authorized) {
      // The handshake is under way: it will be checked for this host too.
      flow.hosts.add(host);
      return true;
    }
    return checkSipIdentity(host, flow.socket.getPeerCertificate()) === undefined;
  }

  /** Runs `send`, which may dial the target on behalf of a URI with this host. */
  run(host: string, send: () => void): void {
    this.#isRunning = true;
    try {
      withSwapped(this.#swaps(host), send);
    } finally {
      this.#isRunning = false;
    }
  }

  /** True inside `run`: no code of the application may be called then, its own connections would be taken for SIP. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  close(): void {
    for (const stream of this.#streams) stream.destroySoon();
    for (const socket of this.#webSockets) socket.terminate();
  }

  #swaps(host: string): Swap[] {
    const { site } = this;
    const track = this.#track.bind(this);
    const webSocket = this.#adoptWebSocket.bind(this);
    return [
      {
        target: net,
        key: 'connect',
        make:
          (original) =>
          (...args) => {
            const stream = original(...args) as net.Socket;
            // The package dials (port, host); its `ws` passes an object, and speaks HTTP there.
            return typeof args[0] === 'number' ? track(stream, 'TCP') : stream;
          },
      },
      {
        target: tls,
        key: 'connect',
        make: (original) => (port, address, options) => {
          const given = (options ?? {}) as tls.ConnectionOptions;
          const hosts = new Set([host]);
          const socket = original(port, address, {
            ...this.#identity(host, hosts),
            ...given,
          }) as tls.TLSSocket;
          const key = `${String(address)},${String(port)}`;
          this.#flows.set(key, { hosts, socket });
          socket.once('close', () => {
            if (this.#flows.get(key)?.socket === socket) this.#flows.delete(key);
          });
          return track(socket, 'TLS');
        },
      },
      {
        target: EventEmitter.prototype,
        key: 'on',
        make: (original) =>
          function (event, listener) {
            // The package's WebSocket client shows itself when the package waits for it to open.
            const socket = this as Partial<WebSocketLike>;
            if (event === 'open' && typeof socket.terminate === 'function')
              webSocket(this as WebSocketLike, site);
            return original.call(this, event, listener);
          },
      },
    ];
  }

  #identity(host: string, hosts: ReadonlySet<string>): tls.ConnectionOptions {
    return {
      ...(net.isIP(host) === 0 && { servername: host }),
      checkServerIdentity: (_name, certificate) => {
        for (const one of hosts) {
          const error = checkSipIdentity(one, certificate);
          if (error) return error;
        }
        return undefined;
      },
    };
  }

  #track<T extends net.Socket>(stream: T, where: string): T {
    guardStream(stream, where, this.site);
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    return stream;
  }

  #adoptWebSocket(socket: WebSocketLike, site: GuardSite): void {
    guardWebSocket(socket, 'WS', site);
    this.#webSockets.add(socket);
    socket.once('close', () => this.#webSockets.delete(socket));
  }
}
