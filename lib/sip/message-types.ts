/**
 * SIP messages as values: what a parser makes of the text, and what a writer takes. The shapes are those of the untyped `sip`
 * package (0.0.6); a plugin for another stack translates. No behaviour here.
 */
import type { Signalling } from '../index.js';

export type SipParams = Record<string, string | null | undefined>;

export interface SipUri {
  schema?: string | undefined;
  user?: string | undefined;
  password?: string | undefined;
  host: string;
  /** NaN where the text names none: that is how the package parses it. */
  port?: number | string | undefined;
  params: SipParams;
  headers?: Record<string, string> | undefined;
}

export interface SipAddress {
  name?: string | undefined;
  uri: string | SipUri;
  params?: SipParams | undefined;
}

export interface SipVia {
  version?: string;
  protocol?: string;
  host?: string;
  port?: number | undefined;
  params: SipParams;
}

/** A challenge or an answer to one: `scheme`, and each parameter as it was sent, with its quotes. */
export interface SipCredentials {
  scheme: string;
  [name: string]: string;
}

export interface SipHeaders {
  via?: SipVia[];
  to?: SipAddress;
  from?: SipAddress;
  contact?: SipAddress[] | string;
  route?: SipAddress[] | string | undefined;
  'record-route'?: SipAddress[] | string;
  'call-id'?: string;
  cseq?: { seq: number; method: string } | string;
  'content-type'?: string;
  warning?: string;
  authorization?: SipCredentials[] | undefined;
  require?: string;
  rseq?: string | number;
  rack?: string;
  'session-expires'?: string | number;
  [name: string]: unknown;
}

export interface SipMessage {
  method?: string;
  uri?: string | SipUri;
  status?: number;
  reason?: string;
  version?: string;
  headers: SipHeaders;
  content?: string | undefined;
}

/** A request on its way in or out. */
export interface SipRequest extends SipMessage {
  method: string;
  uri: string | SipUri;
}

/** A response on its way in or out. */
export interface SipResponse extends SipMessage {
  status: number;
}

/** The hop on the other side of a proxy. */
export interface HopBefore {
  readonly signalling: Signalling;
  /** Whose it is; absent where the proxy does not say. */
  readonly address?: string;
}

/** Where a message came from, or goes to. `local` is there for a flow that exists already. */
export interface SipFlow {
  protocol: string;
  address?: string;
  host?: string;
  port: number | string;
  local?: { address: string; port: number };
  /** It came by a TLS listener of ours that asks for certificates, and showed one that the listener trusts. */
  isCertified?: boolean;
  /** The other end is a proxy that the owner trusts: what is known of the hop behind it. */
  behind?: HopBefore;
}

/** Of the application. What it throws, or rejects with, is told as a fault; a request that had no answer yet is answered 500. */
export type OnRequest = (request: SipRequest, remote: SipFlow) => unknown;
export type OnResponse = (response: SipResponse) => unknown;
