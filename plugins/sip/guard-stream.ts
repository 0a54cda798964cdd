/**
 * Between a socket and the package's listeners on it: frames tidied, exceptions caught, closed flows silent.
 * Works on the one object it is given; no prototype is changed.
 */
import type { Socket as DatagramSocket } from 'node:dgram';
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { StreamFramer, tidyMessage } from './frame.js';
import type { FrameLimits } from './frame.js';

export interface GuardSite {
  readonly limits: FrameLimits;
  /** Something was dropped or caught; the process goes on. */
  onFault(where: string, error: unknown): void;
  /** True while a dialog lives on the flow from this address: it is not to be closed for being idle. */
  isInUse(address: string | undefined, port: number | undefined): boolean;
}

type Listener = (...args: unknown[]) => void;

/** Replaces `on` of one emitter, for one event, by a version whose listener is wrapped. */
function interceptOn(emitter: EventEmitter, wraps: Record<string, (listener: Listener) => Listener>): void {
  const on = emitter.on.bind(emitter);
  Object.defineProperty(emitter, 'on', {
    configurable: true,
    writable: true,
    value: (event: string | symbol, listener: Listener) => {
      const wrap = typeof event === 'string' && Object.hasOwn(wraps, event) ? wraps[event] : undefined;
      return on(event, wrap ? wrap(listener) : listener);
    },
  });
}

/** The package prints errors to the console: it is told that there was one, and `fault` tells which. */
function withoutDetails(onError: Listener): Listener {
  // `listener` is what removeListener() knows a wrapped listener by.
  return Object.assign(() => onError(), { listener: onError });
}

/** A TCP or TLS connection, accepted or dialled, before the package puts its parser on it. */
export function guardStream(stream: Socket, where: string, site: GuardSite): void {
  stream.on('error', (error) => site.onFault(where, error));
  interceptOn(stream, {
    error: withoutDetails,
    data: (parser) => {
      const fail = (error: unknown) => {
        site.onFault(where, error);
        stream.destroy();
      };
      const framer = new StreamFramer(site.limits, parser, (why) => fail(new Error(why)));
      return (data) => {
        try {
          framer.push(String(data));
        } catch (error) {
          fail(error);
        }
      };
    },
    timeout: (onTimeout) => () => {
      // The package closes any flow after 120 s of silence: in mid call no BYE would find its way back.
      if (!site.isInUse(stream.remoteAddress, stream.remotePort)) onTimeout();
    },
  });
}

/** What is used of a `ws` WebSocket (the package brings its own version 6). */
export interface WebSocketLike extends EventEmitter {
  readonly readyState: number;
  /** Where the package reads the addresses, too. */
  readonly _socket?: { readonly remoteAddress?: string; readonly remotePort?: number };
  send(data: unknown, ...rest: unknown[]): void;
  terminate(): void;
}

const OPEN = 1;

/** A WebSocket, accepted or dialled: without an `error` listener one malformed frame would end the process. */
export function guardWebSocket(socket: WebSocketLike, where: string, site: GuardSite): void {
  socket.on('error', (error: unknown) => site.onFault(where, error));
  interceptOn(socket, {
    error: withoutDetails,
    message: (onMessage) => (data) => {
      const text = typeof data === 'string' ? data : Buffer.isBuffer(data) ? data.toString('latin1') : '';
      const tidy = tidyMessage(text, site.limits);
      if (tidy === undefined) return;
      try {
        onMessage(tidy);
      } catch (error) {
        site.onFault(where, error);
      }
    },
  });
  const send = socket.send.bind(socket);
  socket.send = (data: unknown, ...rest: unknown[]) => {
    if (socket.readyState !== OPEN) return site.onFault(where, new Error('the WebSocket is closed'));
    send(data, ...rest);
  };
}

/** The package's UDP socket: `onMessage` is its listener. */
export function guardDatagrams(socket: DatagramSocket, onMessage: Listener, site: GuardSite): void {
  socket.on('message', (bytes, info) => {
    const tidy = tidyMessage(bytes.toString('latin1'), site.limits);
    if (tidy === undefined) return;
    try {
      onMessage(Buffer.from(tidy, 'latin1'), info);
    } catch (error) {
      site.onFault('UDP', error);
    }
  });
  const send = socket.send.bind(socket) as Listener;
  Object.defineProperty(socket, 'send', {
    configurable: true,
    writable: true,
    value: (...args: unknown[]) => {
      try {
        send(...args);
      } catch (error) {
        site.onFault('UDP', error);
      }
    },
  });
}
