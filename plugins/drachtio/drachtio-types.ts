/**
 * The shapes of drachtio-srf (5.0.29) that this plugin touches and that its own types leave out, written down from its source.
 * Nothing here is ambient.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/** What writes lines to a daemon and reads them: one for each `connect` or `listen`, whatever the number of connections. */
export interface DrachtioWire extends EventEmitter {
  /** Writes one line, and returns the name under which its answer comes. */
  send: (socket: Socket, text: string) => string;
  /** Set when the application wants the lines logged. */
  _logger?: (text: string) => void;
  /** What of a line has come so far. */
  readonly mapIncomingMsg?: Map<Socket, { readonly incomingMsg: Buffer }>;
}

export interface DrachtioAgent {
  readonly wp?: DrachtioWire;
  /** By connection that is up. */
  readonly mapServer?: Map<Socket, unknown>;
}

export type DrachtioHandler = (...args: unknown[]) => unknown;

/** What the application gave to `srf.use`, `srf.invite` and the like. */
export interface DrachtioLayer {
  handle: DrachtioHandler;
}

export interface DrachtioApp {
  client?: DrachtioAgent;
  readonly stack: readonly DrachtioLayer[];
  connect: (...args: unknown[]) => unknown;
  listen: (...args: unknown[]) => unknown;
  handle: (...args: unknown[]) => unknown;
}

/** Of a response that the application still owes. */
export interface DrachtioResponse {
  readonly finalResponseSent: boolean;
  send(status: number): void;
}

/** As much of a request, a response or a dialog as tells whose it is. */
export interface DrachtioReference {
  /** Of a dialog. */
  readonly id?: string;
  /** Of a request or a response. */
  readonly stackTxnId?: string;
  readonly stackDialogId?: string;
  /** Of a response. */
  readonly status?: number;
  getParsedHeader?(name: string): { readonly params?: { readonly tag?: string } };
}
