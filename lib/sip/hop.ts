/**
 * How far a hop can be trusted with the secret (protocol.md 2: "encrypted on this hop", or "the hop is loopback").
 * Judges by the listener and the addresses only; a header never makes a hop safer than it is, but the Via of a proxy that the owner names.
 */
import type { Signalling } from '../index.js';
import type { SipFlow } from './message-types.js';

export type { Signalling } from '../index.js';

/** True for 127/8, ::1 and their IPv4-mapped forms. A name is never loopback: what it resolves to is. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const bare = address
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '');
  return bare === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}

/** It came, or goes, by TLS, or by a WebSocket over TLS: what `sips:` means (RFC 3261 26.2.2). The arguments are those of `hopSignalling`. */
export function isSecureFlow({ protocol, local }: SipFlow, isWssListener = false): boolean {
  const upper = protocol.toUpperCase();
  if (upper === 'TLS' || upper === 'WSS') return true;
  return upper === 'WS' && isWssListener && local !== undefined;
}

const UNSPECIFIED = new Set(['0.0.0.0', '::', '']);

/**
 * The hop to, or from, one address. The only place that judges: plugins say what they know of the hop.
 *
 * @param flow Its protocol, the other end by address or name, and our own end where there is a socket already.
 * @param isWssListener The `sip` package reports WSS as `WS`; which of the two it is depends on the listener. A WebSocket
 *   that the package dials is never encrypted: it can only dial `ws:`.
 */
export function hopSignalling(flow: SipFlow, isWssListener = false): Signalling {
  if (isSecureFlow(flow, isWssListener)) return 'encrypted';
  const local = flow.local?.address;
  // A datagram from 127/8 comes from this machine even where the socket is bound to all addresses.
  const isLocalEnd = local === undefined || UNSPECIFIED.has(local) || isLoopback(local);
  if (isLoopback(flow.address ?? flow.host) && isLocalEnd) return 'loopback';
  return flow.behind?.signalling ?? 'clear';
}
