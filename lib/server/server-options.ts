// What `createDistributionServer` may be given, checked by hand like the options of the root entry: a wrong one is told by
// its name and by what it accepts, an unknown one by its name.
import { isIP, isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import { LatchkeyError } from '../index.js';
import type { Latchkey, LatchkeyOptions } from '../index.js';
import type { RoomsOptions } from '../room/index.js';
import { isLoopback } from '../sip/index.js';
import type { AdmissionOptions, ListenOptions, ListenRenewal, SipSignalling } from '../sip/index.js';
import type { ListenPort, MediaPorts, MediaSockets } from './media-sockets.js';
import type {
  DistributionServerOptions,
  ServerAdmission,
  ServerListenOptions,
  ServerRenewal,
} from './server-types.js';

const PORT_MAX = 65535;
/** Node's timers take 31 bits of milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const TRANSPORTS = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;
type Transport = (typeof TRANSPORTS)[number];
const DEFAULT_MEDIA: MediaPorts = { kind: 'range', low: 40000, high: 49999 };

export interface CheckedServerOptions {
  readonly latchkey: Latchkey | LatchkeyOptions;
  readonly signalling: SipSignalling | ((latchkey: Latchkey) => SipSignalling) | undefined;
  readonly listen: ListenOptions & { readonly advertise: string };
  readonly admission: AdmissionOptions;
  readonly media: MediaPorts | MediaSockets;
  readonly rooms: RoomsOptions;
}

/** Throws LATCHKEY_OPTION. */
export function checkServerOptions(given: DistributionServerOptions = {}): CheckedServerOptions {
  checkNames('createDistributionServer', given, [
    'latchkey',
    'signalling',
    'listen',
    'advertise',
    'admission',
    'media',
    'rooms',
  ]);
  const { latchkey = {}, signalling, media = DEFAULT_MEDIA, rooms = {} } = given;
  if (!isObject(latchkey)) refuse('latchkey', 'what createLatchkey makes, or its options', latchkey);
  const listen = checkListen(given.listen);
  const advertise = checkAdvertise(given.advertise, listen.address);
  const hasPorts = TRANSPORTS.some((transport) => listen[transport] !== undefined);
  checkSignalling(given, latchkey, hasPorts);
  checkRooms(rooms);
  const admission = checkAdmission(given.admission, listen, hasPorts);
  return {
    ...{ latchkey, signalling, listen: { ...listen, advertise }, admission },
    ...{ media: checkMedia(media), rooms },
  };
}

function checkSignalling(
  { signalling, listen }: DistributionServerOptions,
  latchkey: Latchkey | LatchkeyOptions,
  hasPorts: boolean,
): void {
  if (signalling === undefined && hasPorts)
    refuse('signalling', '(latchkey) => latchSip(sip, latchkey) where listen has ports', signalling);
  if (signalling !== undefined && !isSignalling(signalling))
    refuse('signalling', '(latchkey) => latchSip(sip, latchkey), or what latchSip makes', signalling);
  if (signalling !== undefined && !hasPorts) refuse('listen', 'a port to listen on', listen);
  if (typeof signalling === 'object' && !isLatchkey(latchkey))
    refuse('latchkey', 'the latchkey that the signalling was made with', latchkey);
}

/** What a server that listens like this can take up. Throws LATCHKEY_OPTION. */
export function checkRenewal(
  given: ServerRenewal,
  listen: ListenOptions,
): { readonly renewal: ListenRenewal; readonly admission: AdmissionOptions | undefined } {
  checkNames('renew', given, ['cert', 'key', 'clientCa', 'origins', 'admission']);
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
  checkOrigins('origins', origins ?? []);
  const renewal = { cert, key, clientCa, origins };
  const hasPorts = TRANSPORTS.some((transport) => listen[transport] !== undefined);
  const admission = given.admission && checkAdmission(given.admission, listen, hasPorts);
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

/** For `ringMs` and `graceMs`. Throws LATCHKEY_OPTION. */
export function checkMs(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0 && value <= TIMER_MS_MAX) return value;
  return refuse(name, 'a number of milliseconds, 0 or more', value);
}

/** Throws LATCHKEY_OPTION. */
export function checkNames(what: string, given: object, names: readonly string[]): void {
  if (!isObject(given)) refuse(what, 'an object of options', given);
  for (const name of Object.keys(given))
    if (!names.includes(name))
      throw new LatchkeyError(
        'LATCHKEY_OPTION',
        `${what} has no option "${name}": it has ${names.join(', ')}`,
      );
}

function checkAdvertise(advertise: string | undefined, address: string): string {
  const told = advertise ?? address;
  if (!isAddress(told) || isUnspecified(told))
    refuse('advertise', 'one IP address that peers can be told', told);
  if (isIPv6(told) !== isIPv6(address))
    refuse('advertise', `an address of the same family as ${address}, which is listened on`, told);
  return told;
}

function checkListen(given: ServerListenOptions = {}): ListenOptions {
  checkNames('listen', given, ['address', ...TRANSPORTS, 'cert', 'key', 'clientCa', 'origins']);
  const { address = '127.0.0.1', cert, key, clientCa, origins = [] } = given;
  if (!isAddress(address)) refuse('listen.address', 'an IP address', address);
  const ports = TRANSPORTS.map((transport) => [
    transport,
    checkPort(`listen.${transport}`, given[transport] ?? 0),
  ]);
  const { tls, wss, ...others } = Object.fromEntries(ports) as Record<Transport, number | undefined>;
  for (const [name, pem] of Object.entries({ cert, key }))
    // Its kind only: what was given may be a key.
    if (typeof pem !== 'string' && (pem !== undefined || tls !== undefined || wss !== undefined))
      refuse(`listen.${name}`, 'a text in PEM where TLS or WSS has a port', pem);
  if (clientCa !== undefined && (typeof clientCa !== 'string' || (tls === undefined && wss === undefined)))
    refuse('listen.clientCa', 'a text in PEM where TLS or WSS has a port', clientCa);
  checkOrigins('listen.origins', origins);
  return { address, ...others, tls, wss, cert, key, clientCa, origins };
}

function checkOrigins(name: string, origins: readonly string[]): void {
  if (!Array.isArray(origins) || !origins.every((origin) => typeof origin === 'string'))
    refuse(name, "a list such as ['https://phone.example']", origins);
}

/** Nobody is let in by what was forgotten: beyond loopback somebody has to say who may call. */
function checkAdmission(
  given: DistributionServerOptions['admission'],
  { address, clientCa }: ListenOptions,
  hasPorts: boolean,
): AdmissionOptions {
  const hasClientCertificates = clientCa !== undefined;
  const accepts = "'anybody', or { users, realm, trunks }";
  if (given === undefined) {
    if (hasPorts && !hasClientCertificates && !isLoopback(address))
      refuse('admission', `${accepts}, or listen.clientCa, where ${address} is listened on`, given);
    return { isOpen: !hasClientCertificates, hasClientCertificates };
  }
  if (given === 'anybody') return { isOpen: true };
  if (!isObject(given)) refuse('admission', accepts, given);
  checkNames('admission', given, ['users', 'realm', 'trunks']);
  const { users, realm = 'latchkey', trunks = [] }: ServerAdmission = given;
  if (users !== undefined && !(users instanceof Map))
    refuse('admission.users', 'a Map of users, as parseUsers makes it', users);
  if (typeof realm !== 'string' || !/^[^:"\\\r\n]+$/.test(realm))
    refuse('admission.realm', 'a text without colon, quote and backslash', realm);
  if (!Array.isArray(trunks)) refuse('admission.trunks', "a list such as ['192.0.2.0/24']", trunks);
  return { users, realm, trunks, hasClientCertificates };
}

/** As signalling has it: undefined is none, 0 any free one. */
function checkPort(name: string, value: ListenPort): number | undefined {
  if (value === 'auto') return 0;
  if (Number.isInteger(value) && value >= 0 && value <= PORT_MAX) return value === 0 ? undefined : value;
  return refuse(name, `a port up to ${PORT_MAX}, 'auto', or 0 for none`, value);
}

function checkMedia(media: MediaPorts | MediaSockets): MediaPorts | MediaSockets {
  const accepts = "{ kind: 'shared', port }, { kind: 'range', low, high }, or sockets with lend and close";
  if (!isObject(media)) refuse('media', accepts, media);
  if ('lend' in media) return media;
  if (media.kind === 'shared') {
    checkNames('media', media, ['kind', 'port']);
    if (media.port === 'auto' || isPort(media.port, PORT_MAX - 1)) return media;
    return refuse('media.port', `a port below ${PORT_MAX}, or 'auto'`, media.port);
  }
  if (media.kind !== 'range') refuse('media', accepts, media);
  checkNames('media', media, ['kind', 'low', 'high']);
  const { low, high } = media;
  const hasPair = isPort(low, PORT_MAX) && isPort(high, PORT_MAX) && low + (low % 2) + 1 <= high;
  if (!hasPair) refuse('media', 'a range of ports with room for a pair', `${String(low)}-${String(high)}`);
  return media;
}

function checkRooms(rooms: RoomsOptions): void {
  checkNames('rooms', rooms, ['random', 'nowMs']);
  for (const name of ['random', 'nowMs'] as const)
    if (rooms[name] !== undefined && typeof rooms[name] !== 'function')
      refuse(`rooms.${name}`, 'a function that gives a number', rooms[name]);
}

function isPort(value: unknown, max: number): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) <= max;
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%');
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || /^[0:]+$/.test(address);
}

function isSignalling(value: object): boolean {
  return typeof value === 'function' || (isObject(value) && 'listen' in value);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function refuse(name: string, accepts: string, value: unknown): never {
  throw new LatchkeyError(
    'LATCHKEY_OPTION',
    `option "${name}" accepts ${accepts}; it is ${described(value)}`,
  );
}

/** A short text for an error: what an option holds may be anything, so objects are told by their kind only. */
function described(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? 'a longer text' : `'${value}'`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return String(value);
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
