/**
 * The shapes of the untyped `sip` package (0.0.6) that this plugin touches, written down from its source.
 * Nothing here is ambient: a user of latchkey sees these types by import only. What the plugin does not use is not typed.
 */

import type {
  Doorkeeper,
  OnResponse,
  SipFlow,
  SipHeaders,
  SipMessage,
  SipResponse,
  SipUri,
} from '../../lib/sip/index.js';

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
  /** Bytes of a message's head at most. 60,480 unless set. */
  maxBytesHeaders?: number | undefined;
  /** Bytes of a message's body at most. Unless set, what `maxMessageBytes` leaves. */
  maxContentLength?: number | undefined;
  /** Bytes of a message at most. 131,072 unless set; the two above together, where one of them is. */
  maxMessageBytes?: number | undefined;
  /** Bytes of a header field at most. 8,192 unless set. */
  maxLineBytes?: number | undefined;
  /** Header fields of a message at most; each element of a list of addresses counts as one. 128 unless set. */
  maxLines?: number | undefined;
  /** PEM: the TLS listeners, WSS too, take no connection without a certificate that one of these authorities has signed. */
  clientCa?: string | undefined;
  /** What the `Origin` of a WebSocket may be. Unset: anything. */
  origins?: readonly string[] | undefined;
  /** Who may begin a call. Anybody unless set. */
  doorkeeper?: Doorkeeper | undefined;
  logger?: SipLogger | undefined;
}

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
