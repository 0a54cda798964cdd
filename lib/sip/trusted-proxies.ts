/**
 * Proxies that the owner names, by their addresses: what comes from there in clear is as safe as the hop before the proxy, and comes from
 * whoever that hop is (protocol.md 8). Nobody else's Via is believed.
 */
import { isIP } from 'node:net';
import { normaliseIp } from '../index.js';
import type { Signalling } from '../index.js';
import { AddressRanges } from './address-ranges.js';
import { isLoopback } from './hop.js';
import type { HopBefore, SipFlow, SipMessage, SipVia } from './message-types.js';

export class TrustedProxies {
  readonly #ranges: AddressRanges;

  /** @throws LatchkeyError LATCHKEY_OPTION for a range that is none. */
  constructor(ranges: readonly string[] = []) {
    this.#ranges = new AddressRanges(ranges);
  }

  /** The other end of the flow is one of them. */
  has({ address, host }: Pick<SipFlow, 'address' | 'host'>): boolean {
    return this.#ranges.has((address ?? host ?? '').replace(/^\[|\]$/g, ''));
  }

  /**
   * The hop that ends at the proxy: of a request from it by the Via below its own, and of the response that goes back the same way.
   * Where there is none, the proxy shows nothing of it: then its owner's word is all there is. Kamailio's topoh shows a mask instead,
   * UDP at 127.0.0.8: nobody's address (protocol.md 8), and clear, as it says.
   *
   * @param proxy From where the message came.
   */
  hopBefore(message: SipMessage, proxy: Pick<SipFlow, 'address' | 'host'>): HopBefore {
    const below = message.headers.via?.[1];
    if (!below) return { signalling: 'encrypted' };
    const protocol = below.protocol?.toUpperCase();
    const signalling: Signalling = protocol === 'TLS' || protocol === 'WSS' ? 'encrypted' : 'clear';
    const address = addressOf(below);
    const isMask = isLoopback(address) && !isLoopback(proxy.address ?? proxy.host);
    return { signalling, ...(address !== undefined && !isMask && { address }) };
  }

  /** The hop that begins at the proxy, for a request outside a dialog: encrypted where its URI says so. */
  hopBeyond({ uri = '' }: SipMessage): Signalling {
    const { schema, params } =
      typeof uri === 'string'
        ? { schema: /^sips:/i.test(uri) ? 'sips' : 'sip', params: { transport: transportOf(uri) } }
        : uri;
    const isSecure = schema === 'sips' || /^(?:tls|wss)$/i.test(params['transport'] ?? '');
    return isSecure ? 'encrypted' : 'clear';
  }
}

function transportOf(uri: string): string | undefined {
  return /;transport=([a-z]+)/i.exec(uri)?.[1];
}

/** What the proxy has seen, else what the one before it says of itself: an IP address, or none. */
function addressOf({ host, params: { received } }: SipVia): string | undefined {
  const address = [received, host]
    .map((one) => one?.replace(/^\[|\]$/g, ''))
    .find((one) => isIP(one ?? '') !== 0);
  return address === undefined ? undefined : normaliseIp(address);
}
