// The calling side of one call as the terminal needs it, whatever carries the SIP: the sip package for TLS, TCP and UDP,
// sip.js for WebSockets. Chooses between the two; speaks nothing itself.
import type { EventEmitter } from 'node:events';
import type { Session } from '../index.js';
import { SipClient } from './sip-client.js';
import type { Describe, SipClientEvents, SipClientOptions } from './sip-client.js';
import { WebSocketClient } from './web-socket-client.js';

export interface SignallingClient extends EventEmitter<SipClientEvents> {
  /** The latch session of the call, there from the start. */
  readonly session: Session;
  /** How the hop to the server is protected. */
  readonly signalling: 'encrypted' | 'loopback' | 'clear';
  /** Calls; resolves with the answer's text, attributes included. Rejects with a Failure. */
  invite(offer: string, describe: Describe): Promise<string>;
  /** Ends the call, or gives it up; resolves when the other side knows, or will not. */
  hangUp(): Promise<void>;
  close(): void;
}

/** Opens what the URI's transport needs. Throws a Failure. */
export function openSignalling(options: SipClientOptions): Promise<SignallingClient> {
  const { transport } = options.uri;
  return transport === 'ws' || transport === 'wss' ? WebSocketClient.open(options) : SipClient.open(options);
}
