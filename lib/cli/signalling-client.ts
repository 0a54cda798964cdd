// Opens the calling side of one call: the sip package for TLS, TCP and UDP, sip.js for WebSockets, HTTPS without SIP. Joins them to the phone;
// speaks nothing itself.
import { createRequire } from 'node:module';
import { latchSip } from '../../plugins/sip/index.js';
import type { SipPackage } from '../../plugins/sip/index.js';
import { Failure } from '../phone/failure.js';
import { HttpsClient } from '../phone/https-client.js';
import { withPeers } from '../phone/optional-peer.js';
import { SipClient } from '../phone/sip-client.js';
import type { SignallingClient, SipClientOptions } from '../phone/signalling-types.js';
import { muteConnectionLog } from './package-log.js';
import { WebSocketClient } from './web-socket-client.js';

/** Opens what the URI's transport needs. Throws a Failure. */
export function openSignalling(options: SipClientOptions): Promise<SignallingClient> {
  const { transport } = options.uri;
  if (transport === 'https') return Promise.resolve(new HttpsClient(options));
  return transport === 'ws' || transport === 'wss' ? WebSocketClient.open(options) : openSip(options);
}

async function openSip(options: SipClientOptions): Promise<SignallingClient> {
  const { latchkey, uri, local, credentials, ca, isInsecure, policy, srtp, role = 'prover' } = options;
  const sip = await withPeers(() => Promise.resolve(createRequire(import.meta.url)('sip') as SipPackage));
  const signalling = latchSip(sip, latchkey, { role, ...(policy && { policy }), ...(srtp && { srtp }) });
  const unmute = muteConnectionLog();
  // Nobody knows the port before its INVITE has gone out.
  let client: SipClient | undefined;
  try {
    const where = { address: local, [uri.transport]: 0, ca, rejectUnauthorized: isInsecure !== true };
    const listeners = await signalling.listen(where, (arrival) => client?.handle(arrival));
    const release = () => {
      listeners.close();
      unmute();
    };
    const stack = listeners.stackOf(uri.transport);
    if (!stack) throw new Error(`nothing listens for transport=${uri.transport}`);
    return (client = new SipClient({ uri, local, credentials }, { signalling, stack, release }));
  } catch (error) {
    unmute();
    throw new Failure(`SIP cannot start: ${error instanceof Error ? error.message : String(error)}`);
  }
}
