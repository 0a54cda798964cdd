// What `latchkey serve` prints: an object a line with --json, with its time and its level, else a line for people. Fields are named one by one, so
// that nothing which is not meant for print gets there: no SDP, no secret, no word, no proof.
import { formatAddress } from '../index.js';
import type { LatchEvent, LatchEventType, TransportAddress } from '../index.js';

/** Events of the server itself, beside those of its sessions. */
export const SERVER_EVENTS = [
  'listening',
  'session',
  'answered',
  'rejected',
  'ended',
  'mismatch',
  'rangeFull',
  'callout',
  'watching',
  'publishing',
  'unreached',
  'gone',
  'video',
  'reload',
  'drain',
  'counters',
] as const;
type ServerEvent = (typeof SERVER_EVENTS)[number];

/** Lines that somebody may want to be woken by; all others are `info`. */
const WARNINGS: ReadonlySet<string> = new Set<ServerEvent | LatchEventType>([
  ...(['rejected', 'ended', 'mismatch', 'rangeFull', 'unreached'] as const),
  ...(['conflict', 'contested', 'unheard', 'expired', 'downgraded', 'unprotected'] as const),
]);

/**
 * On the way to `verified`, or to nothing: whoever sends from many addresses makes one each; and to `expired`, or to nothing: who is on hold
 * is asked every 10 s; and on the way to `locked` of a phone without a key, which is asked to send to another port. Only who asks for all is told.
 */
const STEPS: readonly (ServerEvent | LatchEventType)[] = [
  ...(['candidate', 'proven', 'silent', 'question', 'released'] as const),
];

/** What may be printed of an event of a session, in this order. */
const EVENT_FIELDS = [
  'session',
  'call',
  'media',
  'component',
  'local',
  'remote',
  'signalled',
  'mapping',
  'serverSeenAs',
  'previous',
  'expected',
  'nat',
  'ground',
  'protection',
  'suite',
  'rttMs',
  'to',
  'reason',
  'status',
  'warning',
] as const;

/** Texts, numbers, addresses, and lists and records of them. */
export type Fields = Readonly<Record<string, unknown>>;

export class EventLog {
  /** Every step is wanted, too. */
  isVerbose = false;
  readonly #write: (line: string) => void;
  /** Lines that came before the first one: a call may arrive while listeners are still being opened. */
  #early: string[] | undefined = [];

  constructor(
    readonly isJson: boolean,
    write: (line: string) => void = lineWriter((text) => void process.stdout.write(text)),
  ) {
    this.#write = write;
  }

  /** Prints the event that is to stand before all others, and what waited for it. */
  open(event: ServerEvent, fields: Fields): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    this.print(event, fields);
    for (const line of early) this.#write(line);
  }

  /** Prints one event, with the time (UTC) and its level. Addresses become `address:port`, an IPv6 address in brackets. */
  print(event: ServerEvent | LatchEventType, fields: Fields): void {
    const printable = flatten(fields);
    const time = new Date().toISOString();
    const level = levelOf(event, fields);
    const line = this.isJson
      ? `${JSON.stringify({ time, level, event, ...(printable as object) })}\n`
      : `${time.slice(11, 23)} ${event.padEnd(10)} ${readable(printable as Fields)}\n`;
    if (this.#early) this.#early.push(line);
    else this.#write(line);
  }

  /** Prints an event of a session, with `more` behind it. */
  printEvent(event: LatchEvent, more: Fields = {}): void {
    if (STEPS.includes(event.type) && !this.isVerbose) return;
    this.print(event.type, { ...fieldsOf(event), ...more });
  }
}

function levelOf(event: ServerEvent | LatchEventType, fields: Fields): 'debug' | 'info' | 'warn' | 'error' {
  if (fields['error'] !== undefined) return 'error';
  if (STEPS.includes(event)) return 'debug';
  return WARNINGS.has(event) ? 'warn' : 'info';
}

/**
 * Lines of one turn of the loop go out together: a call makes several, and a write for each costs more than what made them. What is left
 * when the process ends goes out then.
 */
export function lineWriter(write: (text: string) => void): (line: string) => void {
  let waiting = '';
  const flush = () => {
    const text = waiting;
    waiting = '';
    if (text !== '') write(text);
  };
  process.on('exit', flush);
  return (line) => {
    if (waiting === '') setImmediate(flush);
    waiting += line;
  };
}

/** What may be printed of an event of a session. */
export function fieldsOf(event: LatchEvent): Fields {
  const given = event as unknown as Fields;
  const named = EVENT_FIELDS.filter((name) => given[name] !== undefined);
  return Object.fromEntries(named.map((name) => [name, given[name]]));
}

/** The same with numbers rounded to thousandths and addresses as `address:port`, an IPv6 address in brackets. */
export function flatten(value: unknown): unknown {
  if (typeof value === 'number') return Math.round(value * 1000) / 1000;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(flatten);
  if (isTransportAddress(value)) return formatAddress(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, flatten(one)]));
}

function isTransportAddress(value: object): value is TransportAddress {
  const { address, port } = value as Partial<TransportAddress>;
  return typeof address === 'string' && typeof port === 'number';
}

/** In one line, `name=value`. */
export function readable(fields: Fields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined && !isEmpty(value))
    .map(([name, value]) => `${name}=${readableValue(value)}`)
    .join(' ');
}

/** A Call-ID or a room may hold anything: what could move the cursor or look like another field is quoted. */
function readableValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(readableValue).join(' ')}]`;
  if (typeof value === 'object' && value !== null) return `{${readable(nonZero(value))}}`;
  if (typeof value !== 'string') return String(value);
  return /^[\x21-\x7e]+$/.test(value) && !/["=[\]{}]/.test(value.replace(/^\[[\da-f:.]+\](:\d+)?$/, ''))
    ? value
    : JSON.stringify(value).replace(/[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}

/** Of the many counters a person wants those that counted. */
function nonZero(value: object): Fields {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== 0 && !isEmpty(one)));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(nonZero(value)).length === 0;
}
