// What the plugin is made with, and what it gives. Types only.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SessionsOptions } from './sessions.js';

export type Resource = 'keys' | 'sessions';

/** A request, for the application to say whether it may be made. */
export interface Ask {
  readonly method: 'POST' | 'DELETE';
  readonly resource: Resource;
  /** Of `Authorization: Bearer …`. */
  readonly token: string | undefined;
  /** The whole field, for other schemes. A password may be in it: log neither. */
  readonly authorization: string | undefined;
  /** The client's IP address; behind one of `tlsProxies` the one that it names, if it does. */
  readonly address: string | undefined;
  /** Of a DELETE: who made it, by the name that you gave then. Undefined where there is no such thing. */
  readonly owner: string | undefined;
}

export interface KeysOptions {
  /** Milliseconds until a key can no longer begin a call. An hour unless set. */
  readonly lifetimeMs?: number | undefined;
  /** Kept in all: 100,000 unless set. */
  readonly max?: number | undefined;
  /** Kept of one asker: 100 unless set. */
  readonly maxPerAsker?: number | undefined;
}

export interface LatchHttpsOptions {
  /**
   * Who asks: any name that you know them by, or undefined where they may not. Bounds are counted by that name. What it throws
   * is answered with 500 and told to `onFault`.
   */
  readonly mayAsk: (ask: Ask) => string | undefined | Promise<string | undefined>;
  readonly keys?: KeysOptions | undefined;
  /** Sessions without SIP. Without it there are none. */
  readonly sessions?: SessionsOptions | undefined;
  /** What a 401 asks for. `Bearer realm="latchkey"` unless set. */
  readonly challenge?: string | undefined;
  /** Bytes of a body: 16,384 unless set. */
  readonly maxBodyBytes?: number | undefined;
  /** Milliseconds that a body may take: 10,000 unless set. */
  readonly bodyTimeoutMs?: number | undefined;
  /** Requests a minute from one IPv4 address or IPv6 /64: 60 unless set. */
  readonly requestsPerMinute?: number | undefined;
  /**
   * Ranges of addresses (CIDR) of your own proxies at which TLS ends. They set `X-Forwarded-Proto`, and append the client's address
   * to `X-Forwarded-For`. From everybody else only TLS is taken.
   */
  readonly tlsProxies?: readonly string[] | undefined;
  /** What went wrong on our side while a request was answered. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

export interface HttpsCounters {
  /** Handed out since the start, and in force. */
  readonly keysMade: number;
  readonly keys: number;
  /** Opened since the start, and open. */
  readonly sessionsMade: number;
  readonly sessions: number;
  /** Refused requests by their status. */
  readonly problems: Readonly<Record<string, number>>;
}

export interface LatchHttps {
  /** For `node:https`, or mounted in a framework. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  /** For `createLatchkey({ findKey })`. Calls that have begun outlive the key. */
  readonly findKey: (kid: string) => Uint8Array | undefined;
  readonly counters: HttpsCounters;
  /** Forgets the keys and ends the sessions. Idempotent. */
  close(): void;
}
