/**
 * How far the hop of a user agent's signalling can be trusted with the secret (protocol.md 2), by the URL that its transport
 * dials and nothing else. A name is never loopback: what it resolves to is not known here.
 */
import type { Signalling } from '../../lib/index.js';

/** `wss:` is encrypted, `ws:` to 127/8 or ::1 is loopback; all else, a transport of another make included, is clear. */
export function signallingOf(transport: object): Signalling {
  const { server } = transport as { server?: unknown };
  const url = typeof server === 'string' && URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol === 'wss:') return 'encrypted';
  // URL has brought the address into its canonical form.
  const isLoopback = url !== undefined && /^(127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  return url?.protocol === 'ws:' && isLoopback ? 'loopback' : 'clear';
}
