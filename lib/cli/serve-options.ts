// The options of `latchkey serve`: flags and a JSON file with the same names, checked alike; flags win. Says which
// option is wrong and what it accepts, and opens nothing itself but the file of --config.
import { readFileSync } from 'node:fs';
import { isIPv6, isIP } from 'node:net';
import { z } from 'zod';
import type { Policy } from '../index.js';
import { parseCallUri } from '../sip/index.js';
import type { CallUri } from '../sip/index.js';
import type { ListenPort, MediaPorts } from '../server/media-sockets.js';
import { Failure, unreadable } from '../phone/failure.js';

export interface ServeOptions {
  /** The address all sockets are bound to. */
  readonly listen: string;
  /** The address that peers are told: in SDP, Contact and Via. */
  readonly advertise: string;
  readonly udp: ListenPort;
  readonly tcp: ListenPort;
  readonly tls: ListenPort;
  readonly ws: ListenPort;
  readonly wss: ListenPort;
  /** Files in PEM; both or neither. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly media: MediaPorts;
  readonly policy: Policy;
  readonly allowInsecureSignalling: boolean;
  readonly callOut: { readonly uri: CallUri; readonly room: string; readonly ringMs: number } | undefined;
  readonly durationMs: number | undefined;
  readonly json: boolean;
}

const PORT_MAX = 65535;
/** How long a phone rings before a person gives up, with some patience. */
const RING_S = 60;
/** Node's timers take 31 bits of milliseconds. */
const DURATION_MAX_S = Math.floor((2 ** 31 - 1) / 1000);

const text = z.string().min(1);
const ipAddress = z.string().refine((value) => isIP(value) !== 0 && !value.includes('%'));
const number = z.union([z.string(), z.number()]).transform(String);
const port = number.transform((value, context) => readPort(value) ?? refuse(context));
const media = number.transform((value, context) => readMediaPorts(value) ?? refuse(context));
const seconds = number.transform((value, context) => readSeconds(value) ?? refuse(context));

/** The names of the flags, which are those of the file too, and what each accepts. */
const schema = z
  .strictObject({
    listen: ipAddress,
    advertise: ipAddress,
    udp: port,
    tcp: port,
    tls: port,
    ws: port,
    wss: port,
    cert: text,
    key: text,
    media,
    policy: z.enum(['require', 'prefer', 'legacy']),
    'allow-insecure-signalling': z.boolean(),
    call: text,
    room: text,
    ring: seconds,
    duration: seconds,
    json: z.boolean(),
  })
  .partial();

/**
 * Checks what commander has read, `config` (the path of a file) included.
 * Throws a Failure naming the option, or the file and the option.
 */
export function readServeOptions(flags: Readonly<Record<string, unknown>>): ServeOptions {
  const { config, ...own } = flags;
  const fromFile = typeof config === 'string' ? readConfig(config) : {};
  const fromFlags = check(kebabKeys(own), (name) => `--${name}`);
  const given = { ...fromFile, ...fromFlags };
  const { listen = '127.0.0.1', cert, key } = given;
  const isUnspecified = listen === '0.0.0.0' || /^[0:]+$/.test(listen);
  if (isUnspecified && given.advertise === undefined)
    throw new Failure(`--listen ${listen} needs --advertise ADDR: peers must be told one address`);
  const advertise = given.advertise ?? listen;
  if (isIPv6(advertise) !== isIPv6(listen))
    throw new Failure('--advertise and --listen must be both IPv4 or both IPv6');
  if ((cert === undefined) !== (key === undefined))
    throw new Failure(`--${cert === undefined ? 'cert' : 'key'} is missing: --cert and --key go together`);
  const options: ServeOptions = {
    listen,
    advertise,
    udp: given.udp ?? 5060,
    tcp: given.tcp ?? 5060,
    tls: given.tls ?? 5061,
    ws: given.ws ?? 0,
    wss: given.wss ?? 0,
    cert,
    key,
    media: given.media ?? { kind: 'range', low: 40000, high: 49999 },
    policy: given.policy ?? 'prefer',
    allowInsecureSignalling: given['allow-insecure-signalling'] ?? false,
    callOut: readCallOut(given),
    durationMs: given.duration === undefined ? undefined : given.duration * 1000,
    json: given.json ?? false,
  };
  if ([options.udp, options.tcp, options.tls, options.ws, options.wss].every((one) => one === 0))
    throw new Failure('nothing to listen on: --udp, --tcp, --tls, --ws and --wss are all 0');
  return options;
}

function readConfig(file: string): z.infer<typeof schema> {
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
  return check(value, (name) => (name === '' ? `--config ${file}` : `--config ${file}: "${name}"`));
}

function check(value: unknown, nameOf: (name: string) => string): z.infer<typeof schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys')
    throw new Failure(`${nameOf(String(issue.keys[0]))}: there is no such option`);
  const name = String(issue?.path[0] ?? '');
  throw new Failure(`${nameOf(name)}: ${EXPECTED[name] ?? issue?.message ?? 'not accepted'}`);
}

const EXPECTED: Readonly<Record<string, string>> = {
  '': 'expects an object of options',
  listen: 'expects an IP address',
  advertise: 'expects an IP address',
  ...Object.fromEntries(
    ['udp', 'tcp', 'tls', 'ws', 'wss'].map((name) => [
      name,
      `expects a port from 1 to ${PORT_MAX}, "auto", or 0 for off`,
    ]),
  ),
  cert: 'expects the path of a PEM file',
  key: 'expects the path of a PEM file',
  media: `expects a port below ${PORT_MAX}, "auto", or LOW-HIGH with room for a pair of ports`,
  policy: 'expects require, prefer or legacy',
  'allow-insecure-signalling': 'expects true or false',
  call: 'expects a SIP URI',
  room: 'expects the name of a room',
  ring: `expects seconds, above 0 and up to ${DURATION_MAX_S}`,
  duration: `expects seconds, above 0 and up to ${DURATION_MAX_S}`,
  json: 'expects true or false',
};

function readCallOut({ call, room, ring = RING_S }: z.infer<typeof schema>): ServeOptions['callOut'] {
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

function readSeconds(value: string): number | undefined {
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
  return number > 0 && number <= DURATION_MAX_S ? number : undefined;
}

function readPort(value: string): ListenPort | undefined {
  if (value === 'auto') return 'auto';
  const number = /^\d{1,5}$/.test(value) ? Number(value) : NaN;
  return number <= PORT_MAX ? number : undefined;
}

function readMediaPorts(value: string): MediaPorts | undefined {
  const [low, high] = value.split('-').map(readPort);
  if (!value.includes('-'))
    return low === undefined || low === 0 || low === PORT_MAX ? undefined : { kind: 'shared', port: low };
  if (typeof low !== 'number' || typeof high !== 'number' || value.split('-').length !== 2) return undefined;
  const firstEven = low + (low % 2);
  return low > 0 && firstEven + 1 <= high ? { kind: 'range', low, high } : undefined;
}

function kebabKeys(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isGiven = ([, value]: [string, unknown]) => value !== undefined;
  const kebab = ([name, value]: [string, unknown]): [string, unknown] => [
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    value,
  ];
  return Object.fromEntries(Object.entries(flags).filter(isGiven).map(kebab));
}
