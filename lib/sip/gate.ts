/**
 * A strict gate in front of a SIP stack: one pass over the text of a message before any parser sees it. What a parser could
 * take in two ways, or not in linear time, does not pass: it is refused by a name out of a closed list. It knows no stack, keeps
 * no state and sends nothing; bodies are not looked into. Texts have one character a byte (latin1), but for WebSockets' own.
 */
import { hasControl, isToken, listElements, readAddress, readVia } from './field-values.js';
import type { AddressValue, ViaValue } from './field-values.js';

export interface GateLimits {
  /** Head and body together. */
  readonly maxMessageBytes: number;
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
  /** Of one header field, unfolded. */
  readonly maxLineBytes: number;
  /** Header fields; each element of a list of addresses counts as one, as it may stand in a field of its own. */
  readonly maxLines: number;
}

/** Twice a datagram; a head as large as the `sip` package takes; lines for long Identity and Route fields. */
export const GATE_LIMITS: GateLimits = {
  maxMessageBytes: 128 * 1024,
  maxHeadBytes: 60_480,
  maxBodyBytes: 128 * 1024,
  maxLineBytes: 8192,
  maxLines: 128,
};

/** Why a message does not pass. */
export const GATE_REASONS = [
  /** No empty line ends a head. */
  'no-head',
  'message-size',
  'head-size',
  'body-size',
  'line-size',
  'line-count',
  /** In the head: a line break that ends no line, a zero byte and the like. */
  'control-character',
  /** Neither a request line nor a status line as RFC 3261 section 7 has them. */
  'start-line',
  /** Another than SIP/2.0. */
  'version',
  /** No colon, or no token before it. */
  'header-line',
  /** A name that stands for the prototype of objects in JavaScript. */
  'header-name',
  /** An escape where none belongs: in a method, a field's name or CSeq. Parsers that undo it can be made to break lines. */
  'percent',
  /** Via, From, To, Call-ID, CSeq; Contact in an INVITE and its 2xx. */
  'header-missing',
  'header-twice',
  'header-malformed',
  /** CSeq names another method than the request. */
  'cseq-method',
  /** No number, two that differ, or more than there is. */
  'content-length',
] as const;
export type GateReason = (typeof GATE_REASONS)[number];

export type StartLine =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string };

/** One header field, tidied: unfolded, without tabs, without white space around its value. */
export interface GateField {
  /** As sent. */
  readonly name: string;
  /** In lower case, compact forms written out. */
  readonly key: string;
  readonly value: string;
  /** Of Via, Contact, Route, Record-Route and Path. */
  readonly elements?: readonly string[];
}

/** A message that may pass. */
export interface GateMessage {
  readonly start: StartLine;
  /** In the order in which they came. */
  readonly fields: readonly GateField[];
  readonly vias: readonly ViaValue[];
  readonly from: AddressValue;
  readonly to: AddressValue;
  readonly callId: string;
  readonly cseq: { readonly seq: number; readonly method: string };
  /** As long as Content-Length says; all there is where that is not said. */
  readonly body: string;
}

/** What an answer to a refused request is made of. */
export interface AnswerableRequest {
  readonly status: 400 | 413 | 505;
  readonly topVia: ViaValue;
  /** Those below it, as sent. */
  readonly vias: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly hasToTag: boolean;
  readonly callId: string;
  readonly cseq: string;
}

export interface GateRefusal {
  readonly ok: false;
  /** The first that was found. */
  readonly reason: GateReason;
  /** Where an answer is safe: a request, no ACK, whose top Via, From, To, Call-ID and CSeq are there once and can be read. */
  readonly answerable: AnswerableRequest | undefined;
}

export type GateVerdict = { readonly ok: true; readonly message: GateMessage } | GateRefusal;

/** RFC 3261 section 7.3.3, for the fields that are looked at here. */
const COMPACT: ReadonlyMap<string, string> = new Map([
  ['v', 'via'],
  ['f', 'from'],
  ['t', 'to'],
  ['i', 'call-id'],
  ['m', 'contact'],
  ['l', 'content-length'],
  ['c', 'content-type'],
  ['e', 'content-encoding'],
]);
const LISTS: ReadonlySet<string> = new Set(['via', 'contact', 'route', 'record-route', 'path']);
const VERSION = /^SIP\/\d{1,8}\.\d{1,8}$/i;
const REQUEST_URI = /^[a-z][a-z0-9+.-]*:[!#-;=?-~]+$/i;
/** RFC 3261 section 8.1.1.5. */
const SEQ_LIMIT = 2 ** 31;

/** The head of a message, read as far as it goes. */
export class GateHead {
  readonly #limits: GateLimits;
  readonly #fields: GateField[] = [];
  readonly #count = new Map<string, number>();
  readonly #vias: (ViaValue | undefined)[] = [];
  readonly #viaTexts: string[] = [];
  readonly #contacts: string[] = [];
  #start: StartLine | undefined;
  #lines = 0;
  #from: AddressValue | undefined;
  #to: AddressValue | undefined;
  #fromText = '';
  #toText = '';
  #callId = '';
  #cseq: { seq: number; method: string } | undefined;
  #bodyBytes: number | undefined;
  #fault: GateReason | undefined;
  /** Nothing more was read: where the message ends is not known. */
  #isGivenUp = false;

  /** @param text From the start line on, without the empty line at its end. */
  constructor(text: string, limits: GateLimits) {
    this.#limits = limits;
    if (text.length > limits.maxHeadBytes) this.#giveUp('head-size');
    else this.#read(text.replace(/\r\n[ \t]+/g, ' ').split('\r\n'));
  }

  /** What Content-Length says; undefined where there is none. */
  get bodyBytes(): number | undefined {
    return this.#bodyBytes;
  }

  /** False where nobody can tell where the message ends, or wants to wait for it: on a stream nothing can follow. */
  get hasKnownEnd(): boolean {
    return !this.#isGivenUp && this.#bodyBytes !== undefined && this.#bodyBytes <= this.#limits.maxBodyBytes;
  }

  /** @param body Of the length that was said, or less where there is no more. */
  judge(body: string, isComplete: boolean): GateVerdict {
    if (!isComplete) this.#note('content-length');
    const [start, from, to, cseq] = [this.#start, this.#from, this.#to, this.#cseq];
    const vias = this.#vias.filter((via) => via !== undefined);
    if (this.#fault !== undefined || !start || !from || !to || !cseq) {
      return this.refuse('header-malformed');
    }
    const fields = this.#fields;
    return { ok: true, message: { start, fields, vias, from, to, callId: this.#callId, cseq, body } };
  }

  /** For what was found before, or else for this. */
  refuse(otherwise: GateReason): GateRefusal {
    const reason = this.#fault ?? otherwise;
    return { ok: false, reason, answerable: this.#answerable(reason) };
  }

  #note(reason: GateReason): void {
    this.#fault ??= reason;
  }

  #giveUp(reason: GateReason): void {
    this.#note(reason);
    this.#isGivenUp = true;
  }

  #read([start = '', ...lines]: readonly string[]): void {
    const { maxLineBytes, maxLines, maxBodyBytes } = this.#limits;
    if (start.length > maxLineBytes) return this.#giveUp('line-size');
    this.#readStart(start);
    for (const line of lines) {
      if (line.length > maxLineBytes) return this.#giveUp('line-size');
      if (++this.#lines > maxLines) return this.#giveUp('line-count');
      this.#readLine(line);
      if (this.#isGivenUp) return;
    }
    this.#checkHeaders();
    if ((this.#bodyBytes ?? 0) > maxBodyBytes) this.#note('body-size');
  }

  #readStart(line: string): void {
    if (hasControl(line) || line.includes('\t')) return this.#note('control-character');
    if (/__proto__/i.test(line)) return this.#note('header-name');
    if (line.slice(0, 4).toUpperCase() === 'SIP/') return this.#readStatusLine(line);
    const [first, last] = [line.indexOf(' '), line.lastIndexOf(' ')];
    const [method, uri, version] = [line.slice(0, first), line.slice(first + 1, last), line.slice(last + 1)];
    if (first < 1 || !isToken(method)) return this.#note('start-line');
    if (method.includes('%')) return this.#note('percent');
    if (last === first || !REQUEST_URI.test(uri) || !VERSION.test(version)) {
      this.#note('start-line');
      // A request all the same, where it ends as one does.
      if (!/ SIP\/\d{1,8}\.\d{1,8} {0,8}$/i.test(line)) return;
    }
    this.#start = { kind: 'request', method, uri };
    if (version.toUpperCase() !== 'SIP/2.0') this.#note('version');
  }

  #readStatusLine(line: string): void {
    const space = line.indexOf(' ');
    const version = space < 0 ? line : line.slice(0, space);
    const status = line.slice(space + 1, space + 4);
    const after = line.charAt(space + 4);
    if (!VERSION.test(version) || !/^[1-6]\d\d$/.test(status) || (after !== '' && after !== ' ')) {
      return this.#note('start-line');
    }
    if (version.toUpperCase() !== 'SIP/2.0') return this.#note('version');
    this.#start = { kind: 'response', status: Number(status), reason: line.slice(space + 5) };
  }

  #readLine(line: string): void {
    if (hasControl(line)) return this.#note('control-character');
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trimEnd();
    if (!isToken(name)) return this.#note('header-line');
    if (name.includes('%')) return this.#note('percent');
    // Anywhere in the line: parameters and the members of a URI are names as well.
    if (/__proto__/i.test(line)) return this.#note('header-name');
    const lower = name.toLowerCase();
    const key = COMPACT.get(lower) ?? lower;
    // Long runs of white space are hard on the expressions of whoever reads on.
    const value = line
      .slice(colon + 1)
      .replaceAll('\t', ' ')
      .replace(/ {9,}/g, ' ')
      .trim();
    this.#count.set(key, (this.#count.get(key) ?? 0) + 1);
    const elements = LISTS.has(key) ? listElements(value) : undefined;
    this.#fields.push({ name, key, value, ...(elements && { elements }) });
    if (elements) {
      this.#lines += elements.length - 1;
      if (this.#lines > this.#limits.maxLines) return this.#giveUp('line-count');
    }
    this.#take(key, value, elements ?? []);
  }

  #take(key: string, value: string, elements: readonly string[]): void {
    switch (key) {
      case 'via':
        for (const element of elements) {
          const via = readVia(element);
          if (via !== undefined && via.version !== '2.0') this.#note('version');
          this.#viaTexts.push(element);
          this.#vias.push(via);
        }
        return;
      case 'from':
        this.#from = readAddress(value);
        this.#fromText = value;
        return;
      case 'to':
        this.#to = readAddress(value);
        this.#toText = value;
        return;
      case 'call-id':
        this.#callId = /^[^\s]+$/.test(value) ? value : '';
        return;
      case 'cseq':
        return this.#readCseq(value);
      case 'contact':
        this.#contacts.push(...elements);
        return;
      case 'content-length':
        return this.#readContentLength(value);
      default:
        return;
    }
  }

  #readCseq(value: string): void {
    if (value.includes('%')) return this.#note('percent');
    const [digits = '', method = '', ...rest] = value.split(/ +/, 3);
    const isRead = /^\d{1,10}$/.test(digits) && Number(digits) < SEQ_LIMIT && isToken(method);
    this.#cseq = isRead && rest.length === 0 ? { seq: Number(digits), method } : undefined;
  }

  #readContentLength(value: string): void {
    const said = /^\d{1,9}$/.test(value) ? Number(value) : undefined;
    const isOther = this.#bodyBytes !== undefined && this.#bodyBytes !== said;
    if (said === undefined || isOther) {
      this.#note('content-length');
      // What follows is read, for the answer; but where it ends is anybody's guess.
      this.#bodyBytes = Infinity;
    } else this.#bodyBytes = said;
  }

  #checkHeaders(): void {
    for (const key of ['via', 'from', 'to', 'call-id', 'cseq'])
      if (!this.#count.has(key)) this.#note('header-missing');
    for (const key of ['from', 'to', 'call-id', 'cseq'])
      if ((this.#count.get(key) ?? 0) > 1) this.#note('header-twice');
    const areViasRead = this.#vias.every((via) => via !== undefined);
    if (!areViasRead || !this.#from || !this.#to || this.#callId === '' || !this.#cseq)
      this.#note('header-malformed');
    this.#checkContact();
    const start = this.#start;
    if (start?.kind === 'request' && this.#cseq && this.#cseq.method !== start.method)
      this.#note('cseq-method');
  }

  /** What begins a call must say where its end is (RFC 3261 section 8.1.1.8, 12.1.1). */
  #checkContact(): void {
    const start = this.#start;
    const isInvite = start?.kind === 'request' && start.method === 'INVITE';
    const isAccepted =
      start?.kind === 'response' &&
      start.status >= 200 &&
      start.status < 300 &&
      this.#cseq?.method === 'INVITE';
    if (!isInvite && !isAccepted) return;
    const [contact] = this.#contacts;
    if (contact === undefined) this.#note('header-missing');
    else if (this.#contacts.length > 1) this.#note('header-twice');
    else if (!readAddress(contact)) this.#note('header-malformed');
  }

  #answerable(reason: GateReason): AnswerableRequest | undefined {
    const [start, cseq, to] = [this.#start, this.#cseq, this.#to];
    const [topVia] = this.#vias;
    if (this.#isGivenUp || start?.kind !== 'request' || start.method === 'ACK') return undefined;
    if (!topVia || !this.#from || !to || !cseq || this.#callId === '') return undefined;
    if (['from', 'to', 'call-id', 'cseq'].some((key) => this.#count.get(key) !== 1)) return undefined;
    return {
      status: reason === 'version' ? 505 : reason === 'body-size' ? 413 : 400,
      topVia,
      vias: this.#viaTexts.slice(1),
      from: this.#fromText,
      to: this.#toText,
      hasToTag: hasTag(to),
      callId: this.#callId,
      cseq: `${cseq.seq} ${cseq.method}`,
    };
  }
}

/** Bytes of a body that has one character a byte. */
const countCharacters = (body: string): number => body.length;

/**
 * Judges a datagram or a WebSocket message.
 *
 * @param bytesOf How many bytes a body has, where it has not one character for each.
 * @returns undefined for what keeps a flow open: line breaks, or nothing.
 */
export function examineMessage(
  raw: string,
  limits: GateLimits,
  bytesOf: (body: string) => number = countCharacters,
): GateVerdict | undefined {
  const start = skipLineBreaks(raw);
  if (start === raw.length) return undefined;
  if (raw.length > limits.maxMessageBytes)
    return { ok: false, reason: 'message-size', answerable: undefined };
  const end = raw.indexOf('\r\n\r\n', start);
  if (end === -1) return { ok: false, reason: 'no-head', answerable: undefined };
  const head = new GateHead(raw.slice(start, end), limits);
  const rest = raw.slice(end + 4);
  const bytes = bytesOf(rest);
  if (bytes > limits.maxBodyBytes) return head.refuse('body-size');
  // Of a datagram what Content-Length leaves out is no part of the message (RFC 3261 section 18.3).
  const said = head.bodyBytes ?? bytes;
  return head.judge(said < rest.length ? rest.slice(0, said) : rest, said <= bytes);
}

/** How many characters at the beginning are line breaks, which belong to no message (RFC 3261 section 7.5). */
export function skipLineBreaks(text: string): number {
  let at = 0;
  while (at < text.length && (text[at] === '\r' || text[at] === '\n')) at++;
  return at;
}

const ANSWERS = {
  400: 'Bad Request',
  413: 'Request Entity Too Large',
  505: 'Version Not Supported',
} as const;

/** Where a message came from: its answer goes there and nowhere else. */
export interface GateSource {
  readonly address: string;
  readonly port: number;
}

/**
 * The answer to a refused request, for its source. Undefined where it would be longer than three times what came from there
 * (protocol.md P11).
 *
 * @param tag The To tag, the same for a request that is repeated.
 */
export function answerRefused(
  request: AnswerableRequest,
  reason: GateReason,
  source: GateSource,
  tag: string,
  receivedBytes: number,
): string | undefined {
  const { status } = request;
  const header = `Warning: 399 latchkey "${reason}"`;
  return writeAnswer(request, { status, reason: ANSWERS[status], header }, source, tag, receivedBytes);
}

/** What is answered at the gate to a request that passed it. */
export interface GateAnswer {
  readonly status: number;
  readonly reason: string;
  /** One more header field. */
  readonly header: string;
}

/**
 * The answer to a request that passed the gate and goes no further, as where its caller is not let in. Undefined, and with the
 * same tag for a repetition, like that to a refused one.
 */
export function answerPassed(
  message: GateMessage,
  answer: GateAnswer,
  source: GateSource,
  tag: string,
  receivedBytes: number,
): string | undefined {
  const [topVia] = message.vias;
  if (!topVia) return undefined;
  const valueOf = (name: string) => message.fields.find(({ key }) => key === name)?.value ?? '';
  const vias = message.fields.filter(({ key }) => key === 'via').flatMap(({ elements = [] }) => elements);
  const { seq, method } = message.cseq;
  const request = {
    ...{ topVia, vias: vias.slice(1), from: valueOf('from'), to: valueOf('to') },
    hasToTag: hasTag(message.to),
    ...{ callId: message.callId, cseq: `${seq} ${method}` },
  };
  return writeAnswer(request, answer, source, tag, receivedBytes);
}

function hasTag(address: AddressValue): boolean {
  return address.params.some(({ name }) => name.toLowerCase() === 'tag');
}

function writeAnswer(
  { topVia, vias, from, to, hasToTag, callId, cseq }: Omit<AnswerableRequest, 'status'>,
  { status, reason, header }: GateAnswer,
  source: GateSource,
  tag: string,
  receivedBytes: number,
): string | undefined {
  const params = topVia.params.flatMap(({ name, value }) => {
    const lower = name.toLowerCase();
    if (lower === 'received') return [];
    if (lower === 'rport') return [`;rport=${source.port}`];
    return [value === undefined ? `;${name}` : `;${name}=${value}`];
  });
  const port = topVia.port === undefined ? '' : `:${topVia.port}`;
  const lines = [
    `SIP/2.0 ${status} ${reason}`,
    `Via: SIP/${topVia.version}/${topVia.transport} ${topVia.host}${port}${params.join('')};received=${source.address}`,
    ...vias.map((via) => `Via: ${via}`),
    `From: ${from}`,
    `To: ${to}${hasToTag ? '' : `;tag=${tag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq}`,
    header,
    'Content-Length: 0',
  ];
  const answer = `${lines.join('\r\n')}\r\n\r\n`;
  return answer.length <= 3 * receivedBytes ? answer : undefined;
}
