/**
 * A transport for sip.js in Node: WebSockets of the `ws` package, with the TLS options that a browser does not have. The
 * global `WebSocket` that sip.js constructs is ours only while it does so.
 */
import type { Web } from 'sip.js';
import { checkOptions, option } from '../../lib/index.js';
import type { OptionRules } from '../../lib/index.js';

type TransportClass = typeof Web.Transport;

/** The class `WebSocket` of the `ws` package. */
export type WebSocketClass = new (
  address: string,
  protocols: string,
  options: object,
) => { on(event: 'error', listener: (error: Error) => void): unknown };

export interface NodeTransportOptions {
  /** PEM of the authorities to trust, in place of the system's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** false: the server's certificate is not verified, and whoever sits in between can read the keys of the calls. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Hears why a WebSocket failed: sip.js itself only says that it did. */
  readonly onError?: ((error: Error) => void) | undefined;
}

const TRANSPORT_RULES: OptionRules<NodeTransportOptions> = {
  // Its kind only: what was given may be a key.
  ca: option.of('a text or a Buffer in PEM, or a list of them', (value) =>
    [value].flat().every((one) => typeof one === 'string' || Buffer.isBuffer(one)),
  ),
  rejectUnauthorized: option.boolean,
  onError: option.callback('(error: Error) => void'),
};

/**
 * For `UserAgentOptions.transportConstructor`: `createTransportConstructor(Web.Transport, WebSocket, { ca })`, with `Web` of
 * sip.js and `WebSocket` of ws.
 *
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function createTransportConstructor(
  Transport: TransportClass,
  WebSocket: WebSocketClass,
  options: NodeTransportOptions = {},
): TransportClass {
  checkOptions('createTransportConstructor', options, TRANSPORT_RULES);
  const { ca, rejectUnauthorized = true, onError } = options;
  const tls = { rejectUnauthorized, ...(ca !== undefined && { ca }) };
  class NodeWebSocket extends WebSocket {
    constructor(address: string, protocols: string) {
      super(address, protocols, tls);
      this.on('error', (error) => {
        try {
          onError?.(error);
        } catch (thrown) {
          // It must not end the process: there is no latchkey here to tell it.
          process.emitWarning(thrown instanceof Error ? thrown : String(thrown), 'LatchkeyFault');
        }
      });
    }
  }
  return class NodeTransport extends Transport {
    /** sip.js makes its socket within this one synchronous call. */
    override connect(): Promise<void> {
      const { WebSocket: original } = globalThis as { WebSocket?: unknown };
      Object.assign(globalThis, { WebSocket: NodeWebSocket });
      try {
        return super.connect();
      } finally {
        Object.assign(globalThis, { WebSocket: original });
      }
    }
  };
}
