// Opens the calling side of one call: the sip package for TLS, TCP and UDP, sip.js for WebSockets. Chooses between the two;
// speaks nothing itself.
import { SipClient } from '../phone/sip-client.js';
import type { SignallingClient, SipClientOptions } from '../phone/signalling-types.js';
import { WebSocketClient } from './web-socket-client.js';

/** Opens what the URI's transport needs. Throws a Failure. */
export function openSignalling(options: SipClientOptions): Promise<SignallingClient> {
  const { transport } = options.uri;
  return transport === 'ws' || transport === 'wss' ? WebSocketClient.open(options) : SipClient.open(options);
}
