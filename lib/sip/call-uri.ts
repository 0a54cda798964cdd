// The URI that `call` and `doctor` are given: where the server is, by which transport, and who is called. It resolves no
// names and dials nothing; what it refuses is told in one line.
import { isIPv6 } from 'node:net';

type SipTransport = 'tls' | 'tcp' | 'udp' | 'wss' | 'ws';

/** `https`: a session without SIP (protocol.md 2). */
export type CallTransport = SipTransport | 'https';

export interface CallUri {
  readonly scheme: 'sip' | 'sips' | 'https';
  /** Whom to call: a room's name. Undefined where the URI names nobody. */
  readonly user: string | undefined;
  /** A host name or an IPv4 address. */
  readonly host: string;
  readonly port: number;
  readonly transport: CallTransport;
  /** As it stands in the request line; with HTTPS, what sessions are asked of. */
  readonly text: string;
}

export type ParsedCallUri =
  { readonly ok: true; readonly uri: CallUri } | { readonly ok: false; readonly message: string };

const FORM = 'sip:ROOM@host:port;transport=tls';
const HTTPS_FORM = 'https://host:port/ROOM';
const PORTS: Readonly<Record<SipTransport, number>> = { tls: 5061, tcp: 5060, udp: 5060, wss: 443, ws: 80 };
const TRANSPORTS: readonly string[] = Object.keys(PORTS);
/** What `sips:` makes of each (RFC 3261 19.1: TLS on every hop). */
const SECURE: Readonly<Record<SipTransport, SipTransport>> = {
  ...{ tls: 'tls', tcp: 'tls', udp: 'tls' },
  ...{ wss: 'wss', ws: 'wss' },
};
const SHAPE = /^(sips?):(?:([^@]*)@)?(\[[^\]]*\]|[^:;?[\]]+)(?::(\d{1,5}))?(;[^?]*)?$/i;
/** RFC 3261 section 25.1: user = unreserved / escaped / user-unreserved. */
const USER = /^(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+$/;
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9\-.]*[A-Za-z0-9])?\.?$/;

/** Whether the server shows a certificate. */
export function hasCertificate(transport: CallTransport): boolean {
  return transport === 'https' || SECURE[transport] === transport;
}

/**
 * Reads `sip:ROOM@host:port;transport=tls|tcp|udp|wss|ws`. Without `transport` it is TLS: a key travels over nothing less
 * (protocol.md 2). `sips:` is TLS or WSS. The port is that of the transport, unless given. `defaultUser` is called
 * where the URI names nobody. `https://host/ROOM` is a session without SIP.
 */
export function parseCallUri(text: string, defaultUser?: string): ParsedCallUri {
  if (/^https:/i.test(text.trim())) return parseHttps(text.trim(), defaultUser);
  const match = SHAPE.exec(text.trim());
  if (!match) return refuse(`"${text}" is no SIP URI: ${FORM} is`);
  const [, schemeText = '', userText, host = '', portText, params = ''] = match;
  const scheme = schemeText.toLowerCase() === 'sips' ? 'sips' : 'sip';
  const user = userText || defaultUser;
  const refusal = refuseHost(host) ?? refuseUser(user) ?? refusePort(portText);
  if (refusal !== undefined) return refusal;
  const asked = transportParam(params) ?? 'tls';
  if (!isTransport(asked))
    return refuse(`transport=${asked} is not known here: ${TRANSPORTS.join(', ')} are`);
  if (scheme === 'sips' && asked === 'udp') return refuse('sips: is TLS, which transport=udp contradicts');
  const transport = scheme === 'sips' ? SECURE[asked] : asked;
  const port = portText === undefined ? PORTS[transport] : Number(portText);
  const uri = { scheme, user, host, port, transport } as const;
  return { ok: true, uri: { ...uri, text: writeUri(uri) } };
}

/** The room is the last part of the path (protocol.md 2). */
function parseHttps(text: string, defaultUser: string | undefined): ParsedCallUri {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.search !== '' || url.hash !== '') return refuse(`"${text}" is no ${HTTPS_FORM}`);
  if (url.username !== '' || url.password !== '')
    return refuse('a name and a password in the URI are refused: they would stand in the clear');
  const [, room] = /([^/]+)\/?$/.exec(url.pathname) ?? [];
  const host = url.hostname;
  const port = url.port === '' ? 443 : Number(url.port);
  const user = room ?? defaultUser;
  const refusal = refuseHost(host) ?? refuseUser(user);
  if (refusal) return refusal;
  const sessions = new URL('/latch/v1/sessions', url).href;
  return { ok: true, uri: { scheme: 'https', user, host, port, transport: 'https', text: sessions } };
}

function refuseUser(user: string | undefined): ParsedCallUri | undefined {
  if (user === undefined || USER.test(user)) return undefined;
  return refuse(
    user.includes(':')
      ? 'a password in a SIP URI is refused: it would stand in the clear'
      : `"${user}" is no user of a SIP URI`,
  );
}

function refusePort(text: string | undefined): ParsedCallUri | undefined {
  const isPort = text === undefined || (Number(text) >= 1 && Number(text) <= 65535);
  return isPort ? undefined : refuse(`${text} is no port: 1 to 65535 are`);
}

function refuseHost(host: string): ParsedCallUri | undefined {
  if (!host.startsWith('['))
    return HOST.test(host) ? undefined : refuse(`"${host}" is no host name and no IPv4 address`);
  return refuse(
    isIPv6(host.slice(1, -1))
      ? `${host} cannot be called: the sip package knows no IPv6 hosts. Use a name or an IPv4 address`
      : `${host} is no IPv6 address`,
  );
}

function isTransport(text: string): text is SipTransport {
  return TRANSPORTS.includes(text);
}

function writeUri({
  scheme,
  user,
  host,
  port,
  transport,
}: Omit<CallUri, 'text' | 'transport'> & { transport: SipTransport }): string {
  const at = user === undefined ? '' : `${user}@`;
  return `${scheme}:${at}${host}:${port};transport=${transport}`;
}

function transportParam(params: string): string | undefined {
  for (const param of params.split(';')) {
    const [name = '', value = ''] = param.split('=');
    if (name.trim().toLowerCase() === 'transport') return value.trim().toLowerCase();
  }
  return undefined;
}

function refuse(message: string): ParsedCallUri {
  return { ok: false, message };
}
