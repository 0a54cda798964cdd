// What `createDistributionServer` may be given, checked by the rules of the root entry; what belongs together is checked here.
import { isIP, isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import { checkOptions, GATHER_RULE, IOS, LatchkeyError, option, refuseOption as refuse } from '../index.js';
import type { Latchkey, LatchkeyOptions, OpenSocketOptions, OptionRules } from '../index.js';
import type { RoomsOptions } from '../room/index.js';
import { isAddressRange, isLoopback } from '../sip/index.js';
import type { AdmissionOptions, ListenOptions, ListenRenewal, SipSignalling } from '../sip/index.js';
import { mediaFault } from './media-ports.js';
import type { ListenPort, MediaPorts, MediaSockets } from './media-sockets.js';
import type {
  DistributionServerOptions,
  ServerAdmission,
  ServerListenOptions,
  ServerRenewal,
} from './server-types.js';

const PORT_MAX = 65535;
const TRANSPORTS = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;
type Transport = (typeof TRANSPORTS)[number];
const DEFAULT_MEDIA: MediaPorts = { kind: 'range', low: 40000, high: 49999 };

const port = option.of(
  `a port up to ${PORT_MAX}, 'auto', or 0 for none`,
  (value) => value === 'auto' || value === 0 || isPort(value, PORT_MAX),
);
/** Its kind only: what was given may be a key. */
const pem = option.of('a text in PEM where TLS or WSS has a port', (value) => typeof value === 'string');
const LISTEN_RULES: OptionRules<ServerListenOptions> = {
  address: option.of('an IP address, or one of each family', (value) => isOnePerFamily(value)),
  ...{ udp: port, tcp: port, tls: port, ws: port, wss: port },
  ...{ cert: pem, key: pem, clientCa: pem },
  origins: option.of("a list such as ['https://phone.example']", isTexts),
};
const ADMISSION_RULES: OptionRules<ServerAdmission> = {
  users: option.of('a Map of users, as parseUsers makes it', (value) => value instanceof Map),
  realm: option.of('a text without colon, quote and backslash', isRealm),
  trunks: option.of(
    'ranges of addresses such as 192.0.2.0/24',
    (value) => Array.isArray(value) && value.every(isAddressRange),
  ),
};
const ROOMS_RULES: OptionRules<RoomsOptions> = {
  random: option.callback('that gives a number'),
  nowMs: option.callback('that gives a number'),
  isPair: option.callback('that says whether a room is closed at two'),
};
const RULES: OptionRules<DistributionServerOptions> = {
  latchkey: option.of('what createLatchkey makes, or its options', isObject),
  signalling: option.of('(latchkey) => latchSip(sip, latchkey), or what latchSip makes', isSignalling),
  listen: option.record(LISTEN_RULES),
  advertise: option.of(
    'one IP address that peers can be told, or one of each family',
    (value) => isOnePerFamily(value) && ![value].flat().some((one) => isUnspecified(String(one))),
  ),
  admission: (name, value) => {
    if (value === 'anybody') return;
    if (!isObject(value)) refuse(name, ADMISSION, value);
    option.record(ADMISSION_RULES)(name, value);
  },
  media: (_name, value) => checkMedia(value as MediaPorts | MediaSockets),
  io: option.oneOf(IOS),
  gatherMs: GATHER_RULE,
  rooms: option.record(ROOMS_RULES),
  srtp: option.oneOf(['accept', 'require']),
};
const RENEWAL_RULES: OptionRules<ServerRenewal> = {
  ...{ cert: pem, key: pem, clientCa: pem },
  origins: LISTEN_RULES.origins,
  admission: RULES.admission,
};
const ADMISSION = "'anybody', or { users, realm, trunks }";

/** An address that is listened on, and what peers are told of it. */
export interface ListenPlace {
  readonly address: string;
  readonly advertise: string;
}

export type Places = readonly [ListenPlace, ListenPlace?];

export interface CheckedServerOptions {
  readonly latchkey: Latchkey | LatchkeyOptions;
  readonly signalling: SipSignalling | ((latchkey: Latchkey) => SipSignalling) | undefined;
  readonly listen: Omit<ListenOptions, 'address' | 'advertise'>;
  /** One, or one of each family. */
  readonly places: Places;
  readonly admission: AdmissionOptions;
  readonly media: MediaPorts | MediaSockets;
  readonly io: Pick<OpenSocketOptions, 'io' | 'gatherMs'>;
  readonly rooms: RoomsOptions;
  readonly srtp: 'accept' | 'require';
}

/** Throws LATCHKEY_OPTION. */
export function checkServerOptions(given: DistributionServerOptions = {}): CheckedServerOptions {
  checkOptions('createDistributionServer', given, RULES);
  const { latchkey = {}, signalling, media = DEFAULT_MEDIA, rooms = {}, srtp = 'accept' } = given;
  const { io = 'auto', gatherMs } = given;
  const listen = checkListen(given.listen);
  const places = checkPlaces(given);
  if (places.length > 1 && 'lend' in media)
    refuse('media', 'ports where two addresses are listened on', 'sockets of your own');
  const hasPorts = TRANSPORTS.some((transport) => listen[transport] !== undefined);
  checkSignalling(given, latchkey, hasPorts);
  const admission = checkAdmission(given.admission, listen, places, hasPorts);
  return {
    ...{ latchkey, signalling, listen, places, admission },
    ...{ media, rooms, srtp },
    io: { io, ...(gatherMs !== undefined && { gatherMs }) },
  };
}

function checkSignalling(
  { signalling, listen }: DistributionServerOptions,
  latchkey: Latchkey | LatchkeyOptions,
  hasPorts: boolean,
): void {
  if (signalling === undefined && hasPorts)
    refuse('signalling', '(latchkey) => latchSip(sip, latchkey) where listen has ports', signalling);
  if (signalling !== undefined && !hasPorts) refuse('listen', 'a port to listen on', listen);
  if (typeof signalling === 'object' && !isLatchkey(latchkey))
    refuse('latchkey', 'the latchkey that the signalling was made with', latchkey);
}

/** What a server that listens like this can take up. Throws LATCHKEY_OPTION. */
export function checkRenewal(
  given: ServerRenewal,
  { listen, places }: Pick<CheckedServerOptions, 'listen' | 'places'>,
): { readonly renewal: ListenRenewal; readonly admission: AdmissionOptions | undefined } {
  checkOptions('renew', given, RENEWAL_RULES);
  const { cert, key, clientCa, origins } = given;
  const isSecure = listen.tls !== undefined || listen.wss !== undefined;
  if ((cert === undefined) !== (key === undefined))
    refuse(
      cert === undefined ? 'cert' : 'key',
      'a text in PEM where the other of cert and key is given',
      undefined,
    );
  if (clientCa !== undefined && listen.clientCa === undefined)
    refuse('clientCa', 'nothing where the server was started without one', clientCa);
  if ((cert !== undefined || clientCa !== undefined) && !isSecure)
    refuse(cert === undefined ? 'clientCa' : 'cert', 'a text in PEM where TLS or WSS has a port', 'PEM');
  checkPem({ cert: cert ?? listen.cert, key: key ?? listen.key, ca: clientCa ?? listen.clientCa }, isSecure);
  const renewal = { cert, key, clientCa, origins };
  const hasPorts = TRANSPORTS.some((transport) => listen[transport] !== undefined);
  const admission = given.admission && checkAdmission(given.admission, listen, places, hasPorts);
  return { renewal, admission };
}

/** As TLS would take it. Says nothing of what is in it. */
function checkPem(pem: Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>, isSecure: boolean): void {
  if (!isSecure) return;
  try {
    createSecureContext(pem);
  } catch {
    throw new LatchkeyError(
      'LATCHKEY_OPTION',
      'cert, key and clientCa accept texts in PEM, the key that of the certificate',
    );
  }
}

/** Whether it is a latchkey, and not the options of one. */
export function isLatchkey(value: Latchkey | LatchkeyOptions): value is Latchkey {
  return 'createSession' in value;
}

function checkPlaces({ listen, advertise }: DistributionServerOptions): Places {
  const addresses = [listen?.address ?? '127.0.0.1'].flat();
  const told = [advertise ?? addresses].flat();
  const [first, second] = addresses.map((address): ListenPlace => {
    const own = told.find((one) => isIPv6(one) === isIPv6(address));
    if (own === undefined || told.length > addresses.length)
      refuse(
        'advertise',
        `an address of the same family as ${address}, which is listened on`,
        told.join(', '),
      );
    if (isUnspecified(own)) refuse('advertise', 'one IP address that peers can be told', own);
    return { address, advertise: own };
  });
  return second ? [first as ListenPlace, second] : [first as ListenPlace];
}

function checkListen(given: ServerListenOptions = {}): CheckedServerOptions['listen'] {
  const { cert, key, clientCa, origins = [] } = given;
  const ports = TRANSPORTS.map((transport) => [transport, portOf(given[transport])]);
  const { tls, wss, ...others } = Object.fromEntries(ports) as Record<Transport, number | undefined>;
  const isSecure = tls !== undefined || wss !== undefined;
  for (const [name, text] of Object.entries({ cert, key }))
    if (isSecure && text === undefined) pem(`listen.${name}`, text);
  if (clientCa !== undefined && !isSecure)
    refuse('listen.clientCa', 'a text in PEM where TLS or WSS has a port', clientCa);
  return { ...others, tls, wss, cert, key, clientCa, origins };
}

/** Nobody is let in by what was forgotten: beyond loopback somebody has to say who may call. */
function checkAdmission(
  given: DistributionServerOptions['admission'],
  { clientCa }: CheckedServerOptions['listen'],
  places: Places,
  hasPorts: boolean,
): AdmissionOptions {
  const hasClientCertificates = clientCa !== undefined;
  if (given === undefined) {
    const abroad = places.find((place) => place && !isLoopback(place.address));
    if (hasPorts && !hasClientCertificates && abroad)
      refuse('admission', `${ADMISSION}, or listen.clientCa, where ${abroad.address} is listened on`, given);
    return { isOpen: !hasClientCertificates, hasClientCertificates };
  }
  if (given === 'anybody') return { isOpen: true };
  const { users, realm = 'latchkey', trunks = [] } = given;
  return { users, realm, trunks, hasClientCertificates };
}

/** As signalling has it: undefined is none, 0 any free one. */
function portOf(value: ListenPort | undefined): number | undefined {
  if (value === 'auto') return 0;
  return value === 0 ? undefined : value;
}

/** Of a shared port the next one is RTCP's. */
const SHARED_RULES: OptionRules<Extract<MediaPorts, { kind: 'shared' }>> = {
  kind: option.anything,
  port: option.required(
    option.of(
      `a port below ${PORT_MAX}, or 'auto'`,
      (value) => value === 'auto' || isPort(value, PORT_MAX - 1),
    ),
  ),
};
const aPort = option.required(option.of(`a port up to ${PORT_MAX}`, (value) => isPort(value, PORT_MAX)));
const RANGE_RULES: OptionRules<Extract<MediaPorts, { kind: 'range' }>> = {
  kind: option.anything,
  ...{ low: aPort, high: aPort },
};
const SPLIT_RULES: OptionRules<Extract<MediaPorts, { kind: 'split' }>> = {
  kind: option.anything,
  ...{ port: aPort, low: aPort, high: aPort },
};
const MEDIA_RULES = { shared: SHARED_RULES, range: RANGE_RULES, split: SPLIT_RULES };

function checkMedia(media: MediaPorts | MediaSockets): void {
  const accepts =
    "{ kind: 'shared', port }, { kind: 'range', low, high }, { kind: 'split', port, low, high }, or sockets with lend and close";
  if (!isObject(media)) refuse('media', accepts, media);
  if ('lend' in media) return;
  if (!Object.hasOwn(MEDIA_RULES, media.kind)) refuse('media', accepts, media);
  option.record<object>(MEDIA_RULES[media.kind])('media', media);
  const fault = mediaFault(media);
  if (fault !== undefined) throw new LatchkeyError('LATCHKEY_OPTION', `"media" accepts ${fault}`);
}

function isPort(value: unknown, max: number): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) <= max;
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%');
}

function isOnePerFamily(value: unknown): boolean {
  const values: unknown[] = [value].flat();
  const families = values.filter(isAddress).map(isIPv6);
  return values.length > 0 && families.length === values.length && new Set(families).size === values.length;
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || /^[0:]+$/.test(address);
}

function isSignalling(value: unknown): boolean {
  return typeof value === 'function' || (isObject(value) && 'listen' in value);
}

function isRealm(value: unknown): boolean {
  return typeof value === 'string' && /^[^:"\\\r\n]+$/.test(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
