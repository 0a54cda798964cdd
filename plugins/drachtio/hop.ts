/**
 * How far a message on its way between the peer and this process can be trusted with the secret (protocol.md 2). There are two
 * hops: the peer's to the daemon, and the daemon's to this process; a chain is as strong as its weaker link. Where the daemon
 * says what a message came by, that counts for what begins a call and for nothing else: inside a dialog daemons before 0.9.10
 * say `tcp` for TLS.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Signalling } from '../../lib/index.js';
import { hopSignalling } from '../../lib/sip/index.js';
import type { SipFlow, SipRequest, TrustedProxies } from '../../lib/sip/index.js';
import type { SipLine } from './daemon-line.js';

export interface HopTrust {
  readonly allowInsecureDaemon: boolean;
  readonly allowUnverifiedTls: boolean;
  /** Ports of the daemon's where nothing but WSS is listened for. */
  readonly wssPorts: readonly number[];
  /** At which TLS ends. */
  readonly proxies: TrustedProxies;
}

/** The hop between the daemon and this process. */
export function daemonHop(
  socket: Socket,
  { allowInsecureDaemon }: Pick<HopTrust, 'allowInsecureDaemon'>,
): Signalling {
  const { remoteAddress: address, remotePort: port = 0, localAddress, localPort = 0 } = socket;
  // Who dials must have verified whom it reached. A daemon that dials does not; what it shows is a certificate that we trust.
  const isVerified = (socket as Partial<TLSSocket>).authorized === true;
  const signalling = hopSignalling({
    protocol: isVerified ? 'TLS' : 'TCP',
    ...(address !== undefined && { address }),
    port,
    ...(localAddress !== undefined && { local: { address: localAddress, port: localPort } }),
  });
  return signalling === 'clear' && allowInsecureDaemon ? 'encrypted' : signalling;
}

/** Two hops in a row. */
export function bothHops(first: Signalling, second: Signalling): Signalling {
  if (first === 'clear' || second === 'clear') return 'clear';
  return first === 'encrypted' || second === 'encrypted' ? 'encrypted' : 'loopback';
}

/**
 * What begins a call came by this. The daemon says `tcp` of every WebSocket (drachtio-server 0.9.10, SipMsgData_t: sofia counts only plain
 * TLS as TLS); at which port of its own it came, it says rightly, and what is listened for there the owner knows. What the message says
 * of itself (Via) counts for nothing: its sender wrote it.
 */
export function protocolOf(line: SipLine, { wssPorts }: Pick<HopTrust, 'wssPorts'>): string {
  const isWss = line.protocol === 'tcp' && wssPorts.includes(Number(line.listenerPort));
  return isWss ? 'wss' : line.protocol;
}

/** The hop of a peer's message inside a dialog that began over `initial`. */
export function hopInDialog(initial: Signalling, flow: SipFlow): Signalling {
  // UDP is what no daemon says of anything else.
  return flow.protocol === 'udp' ? bothHops(initial, hopSignalling(flow)) : initial;
}

/** Where a URI leads, as far as its text says. */
export interface NextHop {
  /** `tls`, `wss` and so on; undefined where the daemon is to find out. */
  readonly transport: string | undefined;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const URI = /^<?(sips?):(?:[^@]*@)?(\[[^\]]*\]|[^:;?>[\]]+)(?::(\d{1,5}))?([^?]*)/i;

/** A SIP URI, or no more than `host:port`, which drachtio takes for the URI of a proxy too. */
export function readNextHop(text: string): NextHop | undefined {
  const uri = /^<?sips?:/i.test(text) ? text : `sip:${text}`;
  const [, scheme = '', host, port, params = ''] = URI.exec(uri) ?? [];
  if (host === undefined) return undefined;
  const named = /;[ \t]*transport[ \t]*=[ \t]*([a-z]+)/i.exec(params)?.[1]?.toLowerCase();
  // RFC 3261 26.2.2: sips is TLS on every hop.
  const transport = scheme.toLowerCase() === 'sips' && named !== 'wss' ? 'tls' : named;
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  // RFC 6761 6.3: the name localhost is this machine.
  return { transport, host: bare === 'localhost' ? '127.0.0.1' : bare, port: Number(port ?? 5060) };
}

/** The hop of an INVITE of ours that begins a call. A name is never loopback: what it resolves to only the daemon knows. */
export function hopOfCall(
  hop: NextHop | undefined,
  request: SipRequest,
  { allowUnverifiedTls, proxies }: Pick<HopTrust, 'allowUnverifiedTls' | 'proxies'>,
): Signalling {
  if (!hop) return 'clear';
  if (proxies.has({ host: hop.host })) return proxies.hopBeyond(request);
  const isTls = hop.transport === 'tls' || hop.transport === 'wss';
  const protocol = isTls && allowUnverifiedTls ? 'TLS' : 'UDP';
  return hopSignalling({ protocol, address: hop.host, port: hop.port });
}

/** The hop of a request of ours inside a dialog: the daemon sends it by the connection that it has, unless the target says otherwise. */
export function hopOfRequest(initial: Signalling, hop: NextHop | undefined): Signalling {
  if (initial !== 'encrypted' || !hop) return initial;
  // Over WSS too a Contact says `ws` (RFC 7118 section 5). To a name in .invalid nobody can be dialled (RFC 6761 6.4): what goes there goes by
  // the connection that there is.
  if (hop.transport === 'ws' && hop.host.endsWith('.invalid')) return initial;
  return ['udp', 'tcp', 'ws'].includes(hop.transport ?? '') ? 'clear' : initial;
}
