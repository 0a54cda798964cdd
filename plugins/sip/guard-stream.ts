/**
 * Between a socket and the package's listeners on it: messages pass the gate, exceptions are caught, closed flows are silent.
 * Works on the one object it is given; no prototype is changed.
 */
import type { Socket as DatagramSocket } from 'node:dgram';
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { MessageFramer, answerRefused, examineMessage } from '../../lib/sip/index.js';
import type { GateCounters, GateLimits, GateRefusal, GateVerdict } from '../../lib/sip/index.js';
import { packageText } from './package-text.js';

export interface GuardSite {
  readonly limits: GateLimits;
  readonly counters: GateCounters;
  /** The To tag of answers that are given at the gate. */
  readonly tag: string;
  /** Something was dropped or caught; the process goes on. */
  onFault(where: string, error: unknown): void;
  /** True while a dialog lives on the flow from this address: it is not to be closed for being idle. */
  isInUse(address: string | undefined, port: number | undefined): boolean;
}

type Listener = (...args: unknown[]) => void;

/**
 * Counts a refusal, tells of the first ones, and makes the answer where there may be one: it goes back to where the request
 * came from, whatever the Via says, and is never much longer (protocol.md P11).
 */
function refuse(
  { reason, answerable }: GateRefusal,
  where: string,
  source: { readonly address: string | undefined; readonly port: number | undefined },
  sizeBytes: number,
  site: GuardSite,
): string | undefined {
  if (site.counters.countRefused(reason)) {
    site.onFault(where, new Error(`a message was refused at the gate: ${reason}`));
  }
  const { address, port } = source;
  if (!answerable || address === undefined || port === undefined) return undefined;
  const answer = answerRefused(answerable, reason, { address, port }, site.tag, sizeBytes);
  if (answer !== undefined) site.counters.countAnswered();
  return answer;
}

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
      const answer = (refusal: GateRefusal, sizeBytes: number) => {
        const source = { address: stream.remoteAddress, port: stream.remotePort };
        const text = refuse(refusal, where, source, sizeBytes, site);
        if (text !== undefined && stream.writable) stream.write(text, 'latin1');
      };
      const framer = new MessageFramer(site.limits, {
        onVerdict: (verdict: GateVerdict, sizeBytes) => {
          if (verdict.ok) parser(packageText(verdict.message));
          else answer(verdict, sizeBytes);
        },
        onBroken: (refusal, sizeBytes) => {
          answer(refusal, sizeBytes);
          stream.destroySoon();
        },
      });
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
      const isText = typeof data === 'string';
      const text = isText ? data : Buffer.isBuffer(data) ? data.toString('latin1') : '';
      try {
        const verdict = examineMessage(
          text,
          site.limits,
          isText ? (body) => Buffer.byteLength(body) : undefined,
        );
        if (verdict?.ok) onMessage(packageText(verdict.message));
        if (verdict?.ok !== false) return;
        const source = { address: socket._socket?.remoteAddress, port: socket._socket?.remotePort };
        const answer = refuse(verdict, where, source, text.length, site);
        if (answer !== undefined) socket.send(isText ? answer : Buffer.from(answer, 'latin1'));
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
    try {
      const verdict = examineMessage(bytes.toString('latin1'), site.limits);
      if (verdict?.ok) onMessage(Buffer.from(packageText(verdict.message), 'latin1'), info);
      if (verdict?.ok !== false) return;
      const answer = refuse(verdict, 'UDP', info, bytes.length, site);
      if (answer !== undefined) socket.send(Buffer.from(answer, 'latin1'), info.port, info.address);
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
