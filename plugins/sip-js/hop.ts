/**
 * The hop of a user agent's signalling, out of the URL that its transport dials and nothing else. How far it can be trusted
 * is said where all hops are judged. A name is never loopback: what it resolves to is not known here.
 */
import type { Signalling } from '../../lib/index.js';
import { hopSignalling } from '../../lib/sip/index.js';

/** `wss:` is encrypted, `ws:` to 127/8 or ::1 is loopback; all else, a transport of another make included, is clear. */
export function signallingOf(transport: object): Signalling {
  const { server } = transport as { server?: unknown };
  const url = typeof server === 'string' && URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== 'wss:' && url?.protocol !== 'ws:') return 'clear';
  // URL has brought the address into its canonical form.
  const { protocol, hostname: host, port } = url;
  return hopSignalling({ protocol: protocol.slice(0, -1), host, port });
}
