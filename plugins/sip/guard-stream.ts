/**
 * Between a connection and the package's listeners on it: messages pass the gate, exceptions are caught, closed flows are silent.
 * Works on the one object it is given; no prototype is changed.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { MessageFramer, answerPassed, answerRefused, examineMessage } from '../../lib/sip/index.js';
import type {
  GateAnswer,
  GateCounters,
  GateLimits,
  GateMessage,
  GateRefusal,
  GateVerdict,
  SipFlow,
} from '../../lib/sip/index.js';
import type { ConnectionBounds } from './connection-bounds.js';
import type { OpenFlows } from './open-flows.js';
import { packageText } from './package-text.js';

export interface GuardSite {
  readonly limits: GateLimits;
  readonly counters: GateCounters;
  readonly connections: ConnectionBounds;
  /** The To tag of answers that are given at the gate. */
  readonly tag: string;
  /** Something was dropped or caught; the process goes on. */
  onFault(where: string, error: unknown): void;
  /** What a message that passed the gate is answered there, without the package; undefined: it goes on to the package. */
  turnAway(message: GateMessage, flow: SipFlow): GateAnswer | undefined;
  /** Hands a message to the package, and tells what is known of its flow. */
  handOn(flow: SipFlow, parse: () => void): void;
  /** Open connections, to be kept alive. */
  readonly flows: OpenFlows;
  /** True while a dialog lives on the flow from this address: it is not to be closed for being idle. */
  isInUse(address: string | undefined, port: number | undefined): boolean;
}

export type Listener = (...args: unknown[]) => void;

/**
 * Counts a refusal, tells of the first ones, and makes the answer where there may be one: it goes back to where the request
 * came from, whatever the Via says, and is never much longer (protocol.md P11).
 */
export function refuse(
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

/**
 * A message that passed the gate: to the package, or back with an answer, which then is all that there ever was of the request
 * (a stateless UAS, RFC 3261 8.2.7): a flood of calls that are not let in costs no memory.
 */
export function pass(
  message: GateMessage,
  flow: SipFlow,
  sizeBytes: number,
  site: GuardSite,
  parse: (text: string) => void,
): string | undefined {
  const answer = site.turnAway(message, flow);
  if (!answer) {
    site.handOn(flow, () => parse(packageText(message)));
    return undefined;
  }
  const { address, port } = flow;
  if (address === undefined || typeof port !== 'number') return undefined;
  return answerPassed(message, answer, { address, port }, site.tag, sizeBytes);
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

/** How a connection ends whose other end is gone, or whose network is. */
const HANG_UPS: readonly string[] = [
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENETUNREACH',
  'EHOSTUNREACH',
];

/** Who hangs up without a word is no fault of anybody's. Of a connection that we dial it says why there is no call. */
function tellError(error: NodeJS.ErrnoException, where: string, site: GuardSite, isDialled: boolean): void {
  if (isDialled || !HANG_UPS.includes(error.code ?? '')) site.onFault(where, error);
}

/** The package prints errors to the console: it is told that there was one, and `fault` tells which. */
function withoutDetails(onError: Listener): Listener {
  // `listener` is what removeListener() knows a wrapped listener by.
  return Object.assign(() => onError(), { listener: onError });
}

/**
 * A TCP or TLS connection, accepted or dialled, before the package puts its parser on it.
 *
 * @param isCertified Whether it was accepted with a certificate of the client's that counts now; undefined where it was dialled.
 */
export function guardStream(
  stream: Socket,
  where: string,
  site: GuardSite,
  isCertified?: () => boolean,
): void {
  const { connections } = site;
  // Who has dialled asks, and is answered (RFC 5626 3.5.1); to the other side one line break means nothing (RFC 3261 7.5).
  const ping = isCertified ? PONG : PING;
  connections.noteOpen(stream);
  stream.on('error', (error) => tellError(error, where, site, isCertified === undefined));
  interceptOn(stream, {
    error: withoutDetails,
    data: (parser) => {
      const fail = (error: unknown) => {
        site.onFault(where, error);
        stream.destroy();
      };
      const write = (text: string | undefined) => {
        if (text !== undefined && stream.writable) stream.write(text, 'latin1');
      };
      const source = () => ({ address: stream.remoteAddress, port: stream.remotePort });
      const answer = (refusal: GateRefusal, sizeBytes: number) =>
        write(refuse(refusal, where, source(), sizeBytes, site));
      const flow = (): SipFlow => {
        const { address, port } = source();
        const known = address !== undefined && { address };
        return { protocol: where, ...known, port: port ?? NaN, isCertified: isCertified?.() === true };
      };
      let hasEnded = false;
      const framer = new MessageFramer(site.limits, {
        onVerdict: (verdict: GateVerdict, sizeBytes) => {
          hasEnded = true;
          connections.noteWhole(stream);
          if (verdict.ok) write(pass(verdict.message, flow(), sizeBytes, site, parser));
          else answer(verdict, sizeBytes);
        },
        onPing: () => write(PONG),
        onBroken: (refusal, sizeBytes) => {
          answer(refusal, sizeBytes);
          stream.destroySoon();
        },
      });
      return (data) => {
        try {
          site.flows.note(stream, stream, () => write(ping));
          hasEnded = false;
          framer.push(String(data));
          connections.noteIncomplete(stream, framer.pendingBytes, hasEnded);
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
  ping(): void;
  readonly readyState: number;
  /** Where the package reads the addresses, too. */
  readonly _socket?: Socket;
  /** What has come of frames that are not whole, and of a message in frames. */
  readonly _receiver?: { readonly _bufferedBytes: number; readonly _messageLength: number };
  send(data: unknown, ...rest: unknown[]): void;
  terminate(): void;
}

const OPEN = 1;
const PING = '\r\n\r\n';
const PONG = '\r\n';

/** A WebSocket, accepted or dialled: without an `error` listener one malformed frame would end the process. */
export function guardWebSocket(
  socket: WebSocketLike,
  where: string,
  site: GuardSite,
  isCertified?: () => boolean,
): void {
  socket.on('error', (error: Error) => tellError(error, where, site, isCertified === undefined));
  const watch = watchFrames(socket, site.connections);
  interceptOn(socket, {
    error: withoutDetails,
    message: (onMessage) => (data) => {
      watch.noteWhole();
      const isText = typeof data === 'string';
      const text = isText ? data : Buffer.isBuffer(data) ? data.toString('latin1') : '';
      try {
        const verdict = examineMessage(
          text,
          site.limits,
          isText ? (body) => Buffer.byteLength(body) : undefined,
        );
        if (socket._socket) site.flows.note(socket, socket._socket, () => socket.ping());
        if (!verdict) return text === PING ? socket.send(PONG) : undefined;
        const { remoteAddress: address, remotePort: port } = socket._socket ?? {};
        const flow = {
          protocol: 'WS',
          ...(address !== undefined && { address }),
          port: port ?? NaN,
          isCertified: isCertified?.() ?? false,
        };
        const answer = verdict.ok
          ? pass(verdict.message, flow, text.length, site, onMessage)
          : refuse(verdict, where, { address, port }, text.length, site);
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

/** An accepted WebSocket is open, and has frames under way that may never end. */
function watchFrames(socket: WebSocketLike, connections: ConnectionBounds): { noteWhole(): void } {
  const stream = socket._socket;
  if (!stream) return { noteWhole: () => undefined };
  let hasEnded = false;
  connections.noteOpen(stream);
  // The WebSocket's own listener is there already, and has read what is told here.
  stream.on('data', () => {
    const { _bufferedBytes = 0, _messageLength = 0 } = socket._receiver ?? {};
    connections.noteIncomplete(stream, _bufferedBytes + _messageLength, hasEnded);
    hasEnded = false;
  });
  return {
    noteWhole: () => {
      hasEnded = true;
      connections.noteWhole(stream);
    },
  };
}
