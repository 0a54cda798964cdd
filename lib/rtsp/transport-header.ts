/**
 * The Transport header of RTSP (RFC 2326 section 12.39): which way the packets of one stream go. A client lists what it can, best
 * first; what we do not know it is passed over. Multicast is not read: nobody is sent what he has not asked for himself.
 */

/** What a client offers for one stream. */
export type TransportOffer = {
  readonly isRecord: boolean;
} & (
  | { readonly kind: 'interleaved'; readonly channels: readonly [number, number] | undefined }
  | {
      readonly kind: 'udp';
      readonly clientPorts: readonly [number, number];
      /** Where the client wants its media, if not at its own address. */
      readonly destination: string | undefined;
    }
);

const SPECS_MAX = 8;
const PORT_MAX = 65_535;
const CHANNEL_MAX = 255;

/** Those that can be read, in the client's order; empty where there is none. */
export function parseTransport(value: string): readonly TransportOffer[] {
  return value
    .split(',', SPECS_MAX)
    .map(readSpec)
    .filter((offer) => offer !== undefined);
}

function readSpec(text: string): TransportOffer | undefined {
  const [protocol = '', ...params] = text.trim().split(';');
  const lower = protocol.trim().toUpperCase();
  const named = new Map<string, string>();
  for (const param of params) {
    const equals = param.indexOf('=');
    const name = (equals < 0 ? param : param.slice(0, equals)).trim().toLowerCase();
    if (named.has(name)) return undefined;
    named.set(name, equals < 0 ? '' : unquote(param.slice(equals + 1).trim()));
  }
  if (named.has('multicast')) return undefined;
  const isRecord = /^record$/i.test(named.get('mode') ?? '');
  if (lower === 'RTP/AVP/TCP') {
    const interleaved = named.get('interleaved');
    const channels = interleaved === undefined ? undefined : readPair(interleaved, CHANNEL_MAX);
    if (interleaved !== undefined && channels === undefined) return undefined;
    return { isRecord, kind: 'interleaved', channels };
  }
  if (lower !== 'RTP/AVP' && lower !== 'RTP/AVP/UDP') return undefined;
  const clientPorts = readPair(named.get('client_port') ?? '', PORT_MAX);
  if (clientPorts === undefined || clientPorts[0] === 0) return undefined;
  return { isRecord, kind: 'udp', clientPorts, destination: named.get('destination') };
}

/** `8` is short for `8-9`. */
function readPair(text: string, most: number): [number, number] | undefined {
  const [, first = '', second] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const low = first === '' ? NaN : Number(first);
  const high = second === undefined ? low + 1 : Number(second);
  return low <= most && high <= most && low !== high ? [low, high] : undefined;
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** What was agreed for one stream, as the 200 to a SETUP says it. */
export type TransportChoice = { readonly isRecord: boolean } & (
  | { readonly kind: 'interleaved'; readonly channels: readonly [number, number] }
  | {
      readonly kind: 'udp';
      readonly clientPorts: readonly [number, number];
      readonly serverPorts: readonly [number, number];
      /** Our IP address for media, where it is not that of the connection. */
      readonly source: string | undefined;
    }
);

export function formatTransport(choice: TransportChoice): string {
  const mode = choice.isRecord ? ['mode=record'] : [];
  if (choice.kind === 'interleaved')
    return ['RTP/AVP/TCP', 'unicast', `interleaved=${choice.channels.join('-')}`, ...mode].join(';');
  const { clientPorts, serverPorts, source } = choice;
  return [
    ...['RTP/AVP', 'unicast', `client_port=${clientPorts.join('-')}`],
    ...(source === undefined ? [] : [`source=${source}`]),
    ...[`server_port=${serverPorts.join('-')}`, ...mode],
  ].join(';');
}
