/**
 * The shapes of the untyped `sip` package (0.0.6) that this plugin touches, written down from its source.
 * Nothing here is ambient: a user of latchkey sees these types by import only. What the plugin does not use is not typed.
 */

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

/** Where a message came from, or goes to. `local` is there for a flow that exists already. */
export interface SipFlow {
  protocol: string;
  address?: string;
  host?: string;
  port: number | string;
  local?: { address: string; port: number };
}

export interface SipLogger {
  recv?: ((message: SipMessage, remote: SipFlow) => void) | undefined;
  send?: ((message: SipMessage, target: SipFlow) => void) | undefined;
  error?: ((error: unknown) => void) | undefined;
}

export interface SipOptions {
  address?: string | undefined;
  hostname?: string | undefined;
  publicAddress?: string | undefined;
  /** UDP and TCP; 0 lets the system choose. */
  port?: number | undefined;
  udp?: boolean | undefined;
  tcp?: boolean | undefined;
  /** Options of node:tls, for the listener and for connections going out. */
  tls?: object | undefined;
  tls_port?: number | undefined;
  /** Off when undefined; 0 lets the system choose. WSS where `tls` is given, WS else. */
  ws_port?: number | undefined;
  rport?: boolean | undefined;
  maxBytesHeaders?: number | undefined;
  maxContentLength?: number | undefined;
  logger?: SipLogger | undefined;
  [name: string]: unknown;
}

export type OnRequest = (request: SipRequest, remote: SipFlow) => void;
export type OnResponse = (response: SipResponse) => void;

/** What the package's `create` returns. */
export interface PackageStack {
  send(message: SipMessage, onResponse?: OnResponse): void;
  encodeFlowUri(flow: SipFlow): SipUri;
  decodeFlowUri(uri: string | SipUri): SipFlow | undefined;
  hostname(): string;
  destroy(): void;
}

/** The package itself: what `import sip from 'sip'` gives. */
export interface SipPackage {
  create(options: SipOptions, onRequest: (request: never, remote: never) => void): PackageStack;
  parse(text: string): SipMessage | undefined;
  parseUri(uri: string | SipUri): SipUri | undefined;
  stringify(message: SipMessage): string;
  makeResponse(
    request: SipMessage,
    status: number,
    reason?: string,
    extension?: { headers?: SipHeaders; content?: string },
  ): SipResponse;
}
