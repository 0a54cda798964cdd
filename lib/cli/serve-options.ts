// The options of `latchkey serve`, in one table: flags and a JSON file with the same names, checked alike; flags win. Says
// which option is wrong and what it accepts, and opens nothing itself but the file of --config.
import { readFileSync } from 'node:fs';
import { isIPv6, isIP } from 'node:net';
import { z } from 'zod';
import { SIP_LIMITS } from '../../plugins/sip/index.js';
import type { SipLimits } from '../../plugins/sip/index.js';
import { IOS, POLICIES } from '../index.js';
import type { Io, Policy, SdpLimits } from '../index.js';
import { isAddressRange, isLoopback, parseCallUri } from '../sip/index.js';
import type { CallUri } from '../sip/index.js';
import { SRTP_USES } from '../room/sections.js';
import type { SrtpUse } from '../room/sections.js';
import { mediaFault } from '../server/media-ports.js';
import type { ListenPort, MediaPorts } from '../server/media-sockets.js';
import { SDP_LIMITS } from '../wire/index.js';
import { Failure, unreadable } from '../phone/failure.js';
import type { OptionRow } from './option-table.js';

/** One IP address, or one of each family. */
export type PerFamily = readonly [string] | readonly [string, string];

export interface ServeOptions {
  /** The addresses that sockets are bound to: one, or one of each family. */
  readonly listen: PerFamily;
  /** The addresses that peers are told: in SDP, Contact and Via. */
  readonly advertise: PerFamily;
  readonly udp: ListenPort;
  readonly tcp: ListenPort;
  readonly tls: ListenPort;
  readonly ws: ListenPort;
  readonly wss: ListenPort;
  readonly https: ListenPort;
  readonly rtsp: ListenPort;
  readonly rtsps: ListenPort;
  /** Where the page of the rooms is served. */
  readonly watch: { readonly address: string; readonly port: ListenPort } | undefined;
  /** Files in PEM; both or neither. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** A file of users, for this realm. */
  readonly users: string | undefined;
  readonly realm: string;
  /** A file in PEM. */
  readonly clientCa: string | undefined;
  readonly trunks: readonly string[];
  /** At which TLS ends. */
  readonly proxies: readonly string[];
  readonly isOpen: boolean;
  readonly origins: readonly string[];
  /** Those that were given. */
  readonly limits: Partial<SipLimits>;
  readonly sdpLimits: Partial<SdpLimits>;
  readonly media: MediaPorts;
  readonly io: Io;
  readonly gatherMs: number | undefined;
  readonly policy: Policy;
  /** Ranges of addresses that peers without a key may send from, beside that of their signalling. */
  readonly homes: readonly string[];
  /** Peers without a key may send from another port than they receive at. */
  readonly isAsymmetric: boolean;
  readonly srtp: SrtpUse;
  readonly isPairs: boolean;
  readonly allowInsecureSignalling: boolean;
  readonly callOut: { readonly uri: CallUri; readonly room: string; readonly ringMs: number } | undefined;
  readonly durationMs: number | undefined;
  /** How long calls may go on once the server is to end. */
  readonly drainMs: number;
  readonly json: boolean;
  readonly isVerbose: boolean;
}

const PORT_MAX = 65535;
/** Node's timers take 31 bits of milliseconds. */
const DURATION_MAX_S = Math.floor((2 ** 31 - 1) / 1000);

/** Below 2^31, since some are milliseconds of a timer. */
const LIMIT = /^(\w+)=([1-9]\d{0,8}|1\d{9}|20\d{8}|21[0-3]\d{7})$/;

const text = z.string().min(1);
const number = z.union([z.string(), z.number()]).transform(String);
const port = number.transform((value, context) => readPort(value) ?? refuse(context));
const media = number.transform((value, context) => readMediaPorts(value) ?? refuse(context));
const addresses = z
  .union([z.string(), z.array(z.string())])
  .transform(
    (value, context) => readAddresses([value].flat().flatMap((one) => one.split(','))) ?? refuse(context),
  );
const place = number.transform((value, context) => readPlace(value) ?? refuse(context));
const list = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => [value].flat().flatMap((one) => one.split(',')))
  .refine((values) => values.every((one) => one !== ''));
const seconds = number.transform((value, context) => readSeconds(value) ?? refuse(context));
const patience = number.transform((value, context) =>
  value === '0' ? 0 : (readSeconds(value) ?? refuse(context)),
);

/** What `--limit` can name, with the defaults. */
export const LIMITS: Readonly<Record<string, number>> = { ...SIP_LIMITS, ...SDP_LIMITS };

interface ServeRow extends OptionRow {
  /** Takes what stands on the command line and what stands in the file of --config. */
  readonly schema: z.ZodType;
  /** What it accepts, for who gave another thing. */
  readonly expects: string;
}

const portExpected = `a port from 1 to ${PORT_MAX}, "auto", or 0 for off`;
const secondsExpected = `seconds, above 0 and up to ${DURATION_MAX_S}`;

/** Every option by its name, which is that in the file too. */
export const SERVE_ROWS = {
  listen: {
    flag: '--listen <addr>',
    default: '127.0.0.1',
    text: 'IP address to listen on, or two, one of each family, with a comma: media then goes by the family that a caller names',
    schema: addresses,
    expects: 'an IP address, or one of each family',
  },
  advertise: {
    flag: '--advertise <addr>',
    default: 'that of `--listen`',
    text: 'IP address that peers are told; with two, one of each family',
    schema: addresses,
    expects: 'an IP address, or one of each family',
  },
  udp: {
    flag: '--udp <port>',
    default: '5060',
    text: 'SIP over UDP; 0 is off, `auto` is any free port, for this and the next four',
    schema: port,
    expects: portExpected,
  },
  tcp: {
    flag: '--tcp <port>',
    default: '5060',
    text: 'SIP over TCP',
    schema: port,
    expects: portExpected,
  },
  tls: {
    flag: '--tls <port>',
    default: '5061',
    text: 'SIP over TLS',
    schema: port,
    expects: portExpected,
  },
  ws: {
    flag: '--ws <port>',
    default: '0',
    text: 'SIP over WebSocket',
    schema: port,
    expects: portExpected,
  },
  wss: {
    flag: '--wss <port>',
    default: '0',
    text: 'SIP over secure WebSocket',
    schema: port,
    expects: portExpected,
  },
  https: {
    flag: '--https <port>',
    default: '0',
    text: 'keys for calls and sessions without SIP, by [HTTPS](plugins/https/README.md); 0 is off. It asks users for their password by Basic',
    schema: port,
    expects: portExpected,
  },
  rtsp: {
    flag: '--rtsp <port>',
    default: '0',
    text: 'the rooms for players and cameras, by [RTSP](plugins/rtsp/README.md): `rtsp://host/ROOM`; 0 is off',
    schema: port,
    expects: portExpected,
  },
  rtsps: {
    flag: '--rtsps <port>',
    default: '0',
    text: 'the same over TLS, where media goes over UDP with latch too; 0 is off. It asks users for their password by Basic',
    schema: port,
    expects: portExpected,
  },
  watch: {
    flag: '--watch <port>',
    default: '0',
    text: '[a page](plugins/watch/README.md) that shows the rooms, on 127.0.0.1; 0 is off. Its address, with the token, is printed once on standard error. `ADDRESS:PORT` serves it there, over HTTPS unless that is loopback',
    schema: place,
    expects: `${portExpected}, or ADDRESS:PORT`,
  },
  cert: {
    flag: '--cert <pem>',
    default: 'a self-signed one',
    text: 'certificate for TLS and WSS. The self-signed one is made at start; the first line says where it was written',
    schema: text,
    expects: 'the path of a PEM file',
  },
  key: {
    flag: '--key <pem>',
    text: 'key of the certificate',
    schema: text,
    expects: 'the path of a PEM file',
  },
  users: {
    flag: '--users <file>',
    text: 'who may call, by name and password: `latchkey passwd` writes the file, which nobody but its owner may read. Read at start and on SIGHUP',
    schema: text,
    expects: 'the path of a file',
  },
  realm: {
    flag: '--realm <name>',
    default: 'latchkey',
    text: 'which the passwords were hashed for',
    schema: text.refine((value) => !/[:"\\\r\n]/.test(value)),
    expects: 'a name without colon, quote and backslash',
  },
  'client-ca': {
    flag: '--client-ca <pem>',
    text: 'who may call, by certificate: TLS and WSS take no connection without one that this authority has signed',
    schema: text,
    expects: 'the path of a PEM file',
  },
  trunk: {
    flag: '--trunk <cidr...>',
    text: "a carrier's addresses, such as `192.0.2.0/24`: who calls from there may. Several: once more, or with commas",
    schema: list,
    expects: 'ranges of addresses such as 192.0.2.0/24',
  },
  open: {
    flag: '--open',
    default: 'off; on where `--listen` is loopback and nothing else says who may call',
    text: 'anybody may call',
    schema: z.boolean(),
    expects: 'true or false',
  },
  proxy: {
    flag: '--proxy <cidr...>',
    text: 'your own proxy at which TLS ends, such as `192.0.2.7/32`: what comes from there in clear is as safe as the hop before it. Several: as with `--trunk`',
    schema: list.refine((values) => values.every(isAddressRange)),
    expects: 'ranges of addresses such as 192.0.2.0/24',
  },
  origin: {
    flag: '--origin <url...>',
    text: 'a page whose WebSockets are taken, such as `https://phone.example`; those of other pages are refused. Several: as with `--trunk`',
    schema: list.refine((values) => values.every(isOrigin)),
    expects: 'origins such as https://phone.example',
  },
  limit: {
    flag: '--limit <bound...>',
    text: '`NAME=NUMBER`: another bound on what strangers take up, such as `maxConnections=1000`. Names and defaults are below. Several: as with `--trunk`',
    schema: list.refine((values) => values.every((one) => LIMIT.test(one))),
    expects: 'NAME=NUMBER such as maxConnections=1000, the number above 0 and below 2^31',
  },
  media: {
    flag: '--media <ports>',
    default: '40000-49999',
    text: '`PORT`: one, and the next, for all calls. `LOW-HIGH`: a pair for each. `PORT,LOW-HIGH`: one for peers with latch or ICE, a pair for each of the others',
    schema: media,
    expects: `a port below ${PORT_MAX}, "auto", LOW-HIGH, or PORT,LOW-HIGH such as 40000,41000-41999`,
  },
  io: {
    flag: '--io <io>',
    default: 'auto',
    text: 'how media goes to and from the kernel: `batch`, many datagrams at a time, on Linux; `dgram`, one by one; `auto`: by the batch where it can be',
    schema: z.enum(IOS),
    expects: 'auto, dgram or batch',
  },
  gather: {
    flag: '--gather <ms>',
    default: '0.1 where packets follow each other so fast',
    text: 'how long to wait for more media while little comes, with `--io batch`: to 0.5 ms. Saves CPU, adds as much delay. 0: never',
    schema: number.transform(Number).pipe(z.number().min(0).max(0.5)),
    expects: 'a number of milliseconds from 0 to 0.5',
  },
  policy: {
    flag: '--policy <policy>',
    default: 'prefer',
    text: 'for peers without latch, ICE and SRTP. `require`: they are refused. `prefer`: evidence tells where they are. `legacy`: so it does, and who cannot be told by it is latched blindly after 2 s. `blind`: whoever sends first, as RFC 7362 has it; for comparison only',
    schema: z.enum(POLICIES),
    expects: 'require, prefer, legacy or blind',
  },
  home: {
    flag: '--home <cidr...>',
    text: 'addresses that peers without latch, ICE and SRTP may send from, beside that of their signalling: those of a carrier whose media comes from elsewhere. Several: as with `--trunk`',
    schema: list.refine((values) => values.every(isAddressRange)),
    expects: 'ranges of addresses such as 192.0.2.0/24',
  },
  asymmetric: {
    flag: '--asymmetric',
    default: 'off',
    text: 'such peers may send from another port than they receive at: media goes to the port in their description',
    schema: z.boolean(),
    expects: 'true or false',
  },
  srtp: {
    flag: '--srtp <use>',
    default: 'accept',
    text: 'SRTP with keys in the descriptions, over TLS or WSS: `off`, `accept` or `require`, which refuses other media',
    schema: z.enum(SRTP_USES),
    expects: 'off, accept or require',
  },
  pairs: {
    flag: '--pairs',
    default: 'off',
    text: 'every room is closed at two: who comes third is refused, and nobody watches. What a phone without a key sends then keeps its SSRC, sequence numbers and timestamps',
    schema: z.boolean(),
    expects: 'true or false',
  },
  'allow-insecure-signalling': {
    flag: '--allow-insecure-signalling',
    default: 'off',
    text: 'exchange secrets over clear signalling too. For tests',
    schema: z.boolean(),
    expects: 'true or false',
  },
  call: {
    flag: '--call <uri>',
    text: 'call this URI once, when all listens: `sip:USER@host:port;transport=…` of a transport that is listened on, but `wss`',
    schema: text,
    expects: 'a SIP URI',
  },
  room: {
    flag: '--room <name>',
    text: 'the room for who is called',
    schema: text,
    expects: 'the name of a room',
  },
  ring: {
    flag: '--ring <s>',
    default: '60',
    text: 'how long the call may ring before it is given up',
    schema: seconds,
    expects: secondsExpected,
  },
  config: {
    flag: '--config <json>',
    text: 'a file with options of these names; what stands on the command line wins',
    schema: text,
    expects: 'the path of a JSON file',
  },
  duration: {
    flag: '--duration <s>',
    default: 'for ever',
    text: 'end after so many seconds',
    schema: seconds,
    expects: secondsExpected,
  },
  json: {
    flag: '--json',
    default: 'off',
    text: 'one JSON object a line on standard output',
    schema: z.boolean(),
    expects: 'true or false',
  },
  drain: {
    flag: '--drain <s>',
    default: '0',
    text: 'on SIGTERM or SIGINT take no newcomers, and let calls go on for so many seconds at most before they are ended',
    schema: patience,
    expects: `seconds, from 0 to ${DURATION_MAX_S}`,
  },
  verbose: {
    flag: '--verbose',
    default: 'off',
    text: 'all events, and the line `counters` every five seconds, with what each call has counted',
    schema: z.boolean(),
    expects: 'true or false',
  },
} satisfies Record<string, ServeRow>;

type Rows = typeof SERVE_ROWS;
type Schemas = { readonly [Name in keyof Rows]: Rows[Name]['schema'] };

const schemas = Object.fromEntries(
  Object.entries(SERVE_ROWS).map(([name, row]) => [name, row.schema]),
) as unknown as Schemas;
const onCommandLine = z.strictObject(schemas).partial();
/** The defaults that are values, read as if they had been given. */
const DEFAULTS = z
  .object(schemas)
  .pick({
    ...{
      listen: true,
      udp: true,
      tcp: true,
      tls: true,
      ws: true,
      wss: true,
      https: true,
      rtsp: true,
      rtsps: true,
    },
    ...{
      watch: true,
      media: true,
      io: true,
      policy: true,
      srtp: true,
      ring: true,
      realm: true,
      drain: true,
    },
  })
  .parse(
    Object.fromEntries(
      Object.entries(SERVE_ROWS).map(([name, row]: [string, ServeRow]) => [name, row.default]),
    ),
  );
/** One file names no other. */
const inFile = onCommandLine.omit({ config: true });
type Given = z.infer<typeof onCommandLine>;

/**
 * Checks what commander has read, `config` (the path of a file) included.
 * Throws a Failure naming the option, or the file and the option.
 */
export function readServeOptions(flags: Readonly<Record<string, unknown>>): ServeOptions {
  const fromFlags = check(onCommandLine, kebabKeys(flags), (name) => `--${name}`);
  const fromFile = fromFlags.config === undefined ? {} : readConfig(fromFlags.config);
  // None is undefined: what was not given is not there.
  const given = { ...DEFAULTS, ...fromFile, ...fromFlags } as Given & typeof DEFAULTS;
  const { listen, udp, tcp, tls, ws, wss, https, rtsp, rtsps, cert, key, media: ports, policy, srtp } = given;
  const advertise = given.advertise ?? listen;
  for (const address of listen) {
    const told = advertise.find((one) => isIPv6(one) === isIPv6(address));
    if (told === undefined || advertise.length > listen.length)
      throw new Failure('--advertise has an address for each of --listen: both IPv4, or both IPv6');
    if (isUnspecified(told))
      throw new Failure(`--listen ${address} needs --advertise ADDR: peers must be told one address`);
  }
  if ((cert === undefined) !== (key === undefined))
    throw new Failure(`--${cert === undefined ? 'cert' : 'key'} is missing: --cert and --key go together`);
  if ([udp, tcp, tls, ws, wss, https, rtsp, rtsps].every((one) => one === 0))
    throw new Failure(
      'nothing to listen on: --udp, --tcp, --tls, --ws, --wss, --https, --rtsp and --rtsps are all 0',
    );
  const fault = mediaFault(ports);
  if (fault !== undefined) throw new Failure(`--media: expects ${fault}`);
  const admission = readAdmission(given);
  return {
    ...admission,
    ...{ listen, advertise, udp, tcp, tls, ws, wss, https, rtsp, rtsps, cert, key, media: ports, policy },
    ...{ srtp, io: given.io, gatherMs: given.gather, isPairs: given.pairs ?? false },
    ...readLimits(given.limit),
    homes: given.home ?? [],
    isAsymmetric: given.asymmetric ?? false,
    allowInsecureSignalling: given['allow-insecure-signalling'] ?? false,
    watch: given.watch.port === 0 ? undefined : given.watch,
    callOut: readCallOut(given),
    durationMs: given.duration === undefined ? undefined : given.duration * 1000,
    drainMs: given.drain * 1000,
    json: given.json ?? false,
    isVerbose: given.verbose ?? false,
  };
}

/** Beyond loopback somebody has to say who may call: nobody is let in by what was forgotten. */
function readAdmission(given: Given & typeof DEFAULTS) {
  const { listen, users, realm, tls, wss, https, rtsps, open = false } = given;
  const abroad = listen.find((address) => !isLoopback(address));
  const { 'client-ca': clientCa, trunk: trunks = [], origin: origins = [], proxy: proxies = [] } = given;
  const others = Object.entries({ users, 'client-ca': clientCa, trunk: given.trunk });
  const other = others.find(([, value]) => value !== undefined)?.[0];
  if (open && other !== undefined)
    throw new Failure(`--open and --${other} contradict each other: --open lets anybody call`);
  if (clientCa !== undefined && [tls, wss, https, rtsps].every((one) => one === 0))
    throw new Failure(
      '--client-ca is for TLS, WSS, HTTPS and RTSPS: --tls, --wss, --https and --rtsps are all 0',
    );
  if (!open && users === undefined && clientCa === undefined && abroad !== undefined)
    throw new Failure(
      `--listen ${abroad}: say who may call: --users FILE (by name and password; latchkey passwd writes it), ` +
        '--client-ca PEM (by certificate, over TLS and WSS), or --open (anybody)',
    );
  return { users, realm, clientCa, trunks, proxies, origins, isOpen: open || other === undefined };
}

/** By the names of the options that they become. */
function readLimits(given: readonly string[] = []): Pick<ServeOptions, 'limits' | 'sdpLimits'> {
  const limits: Record<string, number> = {};
  const sdpLimits: Record<string, number> = {};
  for (const one of given) {
    const [, name = '', number] = LIMIT.exec(one) ?? [];
    if (!Object.hasOwn(LIMITS, name))
      throw new Failure(
        `--limit ${name}: there is no such limit; there are ${Object.keys(LIMITS).join(', ')}`,
      );
    (Object.hasOwn(SDP_LIMITS, name) ? sdpLimits : limits)[name] = Number(number);
  }
  return { limits, sdpLimits };
}

function readAddresses(values: readonly string[]): PerFamily | undefined {
  const [first, second, ...more] = values;
  if (first === undefined || more.length > 0) return undefined;
  if (!values.every((value) => isIP(value) !== 0 && !value.includes('%'))) return undefined;
  if (second === undefined) return [first];
  return isIPv6(first) === isIPv6(second) ? undefined : [first, second];
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || /^[0:]+$/.test(address);
}

function readConfig(file: string): z.infer<typeof inFile> {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable('--config', file, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    throw new Failure(`--config ${file}: this is no JSON`);
  }
  return check(inFile, value, (name) => (name === '' ? `--config ${file}` : `--config ${file}: "${name}"`));
}

function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  nameOf: (name: string) => string,
): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys')
    throw new Failure(`${nameOf(String(issue.keys[0]))}: there is no such option`);
  const name = String(issue?.path[0] ?? '');
  throw new Failure(`${nameOf(name)}: expects ${expectedOf(name)}`);
}

function expectedOf(name: string): string {
  return name === '' ? 'an object of options' : SERVE_ROWS[name as keyof Rows].expects;
}

function readCallOut({ call, room, ring }: Given & typeof DEFAULTS): ServeOptions['callOut'] {
  if (call === undefined && room === undefined) return undefined;
  if (call === undefined || room === undefined)
    throw new Failure(`--${call === undefined ? 'call' : 'room'} is missing: --call and --room go together`);
  const parsed = parseCallUri(call);
  if (!parsed.ok) throw new Failure(`--call: ${parsed.message}`);
  if (parsed.uri.transport === 'wss') throw new Failure('--call: transport=wss cannot be dialled: tls can');
  return { uri: parsed.uri, room, ringMs: ring * 1000 };
}

function refuse(context: z.RefinementCtx): never {
  context.addIssue('not accepted');
  return z.NEVER;
}

/** As a browser writes it: scheme, host, and the port where it is not the scheme's. */
function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value;
}

function readSeconds(value: string): number | undefined {
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
  return number > 0 && number <= DURATION_MAX_S ? number : undefined;
}

function readPort(value: string): ListenPort | undefined {
  if (value === 'auto') return 'auto';
  const number = /^\d{1,5}$/.test(value) ? Number(value) : NaN;
  return number <= PORT_MAX ? number : undefined;
}

/** A port of loopback, or of the IP address before it; an IPv6 address in brackets. */
function readPlace(value: string): { address: string; port: ListenPort } | undefined {
  const [, before, text = ''] = /^(?:(.*):)?([^:]*)$/.exec(value) ?? [];
  const address = before?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1';
  const isBracketed = before !== undefined && before !== address;
  const number = readPort(text);
  if (number === undefined || isIP(address) === 0 || isIPv6(address) !== isBracketed) return undefined;
  return { address, port: number };
}

function readMediaPorts(value: string): MediaPorts | undefined {
  const [first = '', second, ...more] = value.split(',');
  if (more.length > 0) return undefined;
  if (second === undefined) return first.includes('-') ? readRange(first) : readSharedPort(first);
  const [shared, range] = [readSharedPort(first), readRange(second)];
  if (typeof shared?.port !== 'number' || !range) return undefined;
  return { ...range, kind: 'split', port: shared.port };
}

function readSharedPort(value: string): Extract<MediaPorts, { kind: 'shared' }> | undefined {
  const port = readPort(value);
  // The next one is RTCP's.
  return port === undefined || port === 0 || port === PORT_MAX ? undefined : { kind: 'shared', port };
}

function readRange(value: string): Extract<MediaPorts, { kind: 'range' }> | undefined {
  const [low, high, ...more] = value.split('-').map(readPort);
  if (typeof low !== 'number' || typeof high !== 'number' || low === 0 || more.length > 0) return undefined;
  return { kind: 'range', low, high };
}

function kebabKeys(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isGiven = ([, value]: [string, unknown]) => value !== undefined;
  const kebab = ([name, value]: [string, unknown]): [string, unknown] => [
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    value,
  ];
  return Object.fromEntries(Object.entries(flags).filter(isGiven).map(kebab));
}
