// What `call` and `doctor` share on the command line: the URI, and what the server's certificate is held against. It reads
// files and checks words; it dials nothing.
import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { hasCertificate, parseCallUri } from '../sip/index.js';
import type { CallUri, DigestCredentials } from '../sip/index.js';
import { Failure } from '../phone/failure.js';
import { readPassword } from './password.js';
import type { OptionRow } from './option-table.js';

export interface TrustOptions {
  readonly user?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly listen?: string;
  readonly json?: boolean;
  readonly keys?: string;
}

/** The options that both commands have. */
export const TRUST_ROWS: readonly OptionRow[] = [
  {
    flag: '--user <name>',
    text: 'for a server that asks who calls; the password comes from `LATCHKEY_PASSWORD`, or is asked for',
  },
  {
    flag: '--ca <pem>',
    default: "the system's",
    text: 'authorities that may vouch for the server',
  },
  { flag: '--insecure', default: 'off', text: "do not verify the server's certificate; warns" },
  {
    flag: '--listen <address>',
    default: 'chosen by the route',
    text: 'IPv4 address for signalling and media',
    read: readAddress,
  },
  { flag: '--json', default: 'off', text: 'objects, one a line, the summary last' },
];

/** The options of `latchkey doctor`. */
export const DOCTOR_ROWS: readonly OptionRow[] = [
  ...TRUST_ROWS,
  {
    flag: '--srtp',
    default: 'off',
    text: 'call as a phone does that has SRTP with keys in its SDP, and neither latch nor ICE: over TLS or WSS',
  },
  {
    flag: '--duration <seconds>',
    default: '20',
    text: 'say what is known after that long, whatever is under way: a name, a connection, the call or its end',
    read: readSeconds,
  },
];

/** Of what goes on until it is ended. */
export const DURATION_ROW: OptionRow = {
  flag: '--duration <seconds>',
  default: 'until you hang up',
  text: 'hang up after that long',
  read: readSeconds,
};

/** The options of `latchkey call`. */
export const CALL_ROWS: readonly OptionRow[] = [
  ...TRUST_ROWS,
  {
    flag: '--keys <url>',
    text: 'fetch a key from this server first, `https://host`, and name it in the call: it is latched over clear signalling too. `--user`, `--ca` and `--insecure` hold for it',
    read: readHttpsUrl,
  },
  { flag: '--play <file>', default: 'a tone', text: 'the RTP of a capture, or a WAV, over and over' },
  { flag: '--record <file>', text: 'write the media of the call to this capture' },
  DURATION_ROW,
  {
    flag: '--srtp',
    default: 'off',
    text: 'offer SRTP and nothing else, over TLS or WSS, beside latch: the media is encrypted',
  },
  {
    flag: '--commands',
    default: 'off',
    text: 'read `hold`, `resume`, `mute`, `unmute`, `move` and `bye` from standard input, one a line',
  },
];

/** The URI to call; `defaultUser` where it names nobody. Throws a Failure. */
export function readUri(text: string, defaultUser?: string): CallUri {
  const parsed = parseCallUri(text, defaultUser);
  if (!parsed.ok) throw new Failure(parsed.message);
  if (parsed.uri.user === undefined)
    throw new Failure(`${text} names no room: sip:ROOM@${parsed.uri.host} would`);
  return parsed.uri;
}

/** The PEM that `--ca` names. Throws a Failure where there is no certificate in it, or where it contradicts the rest. */
export function readTrust(options: TrustOptions, { transport }: CallUri): string | undefined {
  const { ca, insecure, keys } = options;
  if (!hasCertificate(transport) && keys === undefined && (ca !== undefined || insecure === true))
    throw new Failure(`transport=${transport} has no certificate: --ca and --insecure are for TLS and WSS`);
  return readAuthority(options);
}

/** The same, whatever the transport is. */
export function readAuthority({ ca, insecure }: TrustOptions): string | undefined {
  if (ca !== undefined && insecure === true) throw new Failure('--ca and --insecure contradict each other');
  if (ca === undefined) return undefined;
  let pem: string;
  try {
    pem = readFileSync(ca, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(`cannot read ${ca}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
  try {
    new X509Certificate(pem);
  } catch {
    throw new Failure(`there is no certificate in ${ca}`);
  }
  return pem;
}

/** The name of `--user`, and its password. Throws a Failure where there is none. */
export async function askCredentials({ user }: TrustOptions): Promise<DigestCredentials | undefined> {
  if (user === undefined) return undefined;
  if (user === '') throw new Failure('--user wants a name');
  return { user, password: await readPassword() };
}

/** What `--insecure` gives away (protocol.md 2: a client verifies the server's certificate). */
export function warnInsecure(): void {
  console.error(
    'latchkey: --insecure: nobody vouches for this server; whoever sits in between can read the key of the call',
  );
}

/** For commander: a number of seconds above 0. */
function readSeconds(text: string): number {
  const seconds = Number(text);
  // Node's timers take 31 bits of milliseconds.
  if (text.trim() !== '' && seconds > 0 && seconds * 1000 < 2 ** 31) return seconds;
  throw new InvalidArgumentError('It is a number of seconds, above 0.');
}

function readHttpsUrl(text: string): string {
  if (/^https:\/\//i.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('It is the URL of a server: https://host.');
}

function readAddress(text: string): string {
  if (isIPv4(text)) return text;
  const isIpv6 = isIP(text) === 6;
  throw new InvalidArgumentError(
    isIpv6 ? 'Calls are made over IPv4 only.' : 'It is an IPv4 address of this machine.',
  );
}
