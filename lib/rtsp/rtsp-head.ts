/**
 * The head of an RTSP message (RFC 2326 section 4, 15): a strict gate. What could be read in two ways does not pass: it is refused
 * by a name out of a closed list. One pass over its text, with one character a byte (latin1). It knows no state and sends nothing.
 */
import { hasControl } from '../sip/index.js';

export interface RtspLimits {
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
  /** Of one header field. */
  readonly maxLineBytes: number;
  /** Header fields. */
  readonly maxLines: number;
}

/** A request of any player has a few hundred bytes; the body is the description of an ANNOUNCE. */
export const RTSP_LIMITS: RtspLimits = {
  maxHeadBytes: 16_384,
  maxBodyBytes: 65_536,
  maxLineBytes: 4096,
  maxLines: 64,
};

/** Why a message does not pass. */
export const RTSP_REASONS = [
  /** Neither a head nor an interleaved frame begins here. */
  'no-head',
  'head-size',
  'body-size',
  'line-size',
  'line-count',
  /** A line break that ends no line, a zero byte and the like. */
  'control-character',
  'start-line',
  /** Another than RTSP/1.0. */
  'version',
  /** No colon, or no token before it. */
  'header-line',
  /** CSeq. */
  'header-missing',
  'header-twice',
  'header-malformed',
  /** No number, or two that differ. */
  'content-length',
] as const;
export type RtspReason = (typeof RTSP_REASONS)[number];

export type RtspStart =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string };

/** A message that may pass. */
export interface RtspMessage {
  readonly start: RtspStart;
  readonly cseq: number;
  /** By names in lower case; of a field that came several times, in the order in which they came. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** One character a byte. */
  readonly body: string;
}

export interface RtspRefusal {
  readonly ok: false;
  /** The first that was found. */
  readonly reason: RtspReason;
  /** What an answer repeats, where it is a request whose CSeq can be read. */
  readonly cseq: number | undefined;
}

export type RtspVerdict = { readonly ok: true; readonly message: RtspMessage } | RtspRefusal;

/** Fields of which two would contradict each other. */
const ONCE: ReadonlySet<string> = new Set(['cseq', 'content-length', 'session', 'transport', 'content-type']);
const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~#$&^|]+$/;
const VERSION = /^RTSP\/\d{1,8}\.\d{1,8}$/i;
const REQUEST_URI = /^(?:\*|rtspu?s?:\/\/[!#-;=?-~]+)$/i;
const CSEQ_MAX = 2 ** 32;
/** The head of a message, read as far as it goes. */
export class RtspHead {
  readonly #limits: RtspLimits;
  readonly #fields = new Map<string, string[]>();
  #start: RtspStart | undefined;
  #cseq: number | undefined;
  #bodyBytes = 0;
  #fault: RtspReason | undefined;
  /** Where the message ends is not known, or nobody wants to wait for it. */
  #isGivenUp = false;

  /** @param text From the start line on, without the empty line at its end. */
  constructor(text: string, limits: RtspLimits) {
    this.#limits = limits;
    this.#read(text.split('\r\n'));
  }

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** False where nothing can follow on a stream. */
  get hasKnownEnd(): boolean {
    return !this.#isGivenUp;
  }

  judge(body: string): RtspVerdict {
    const [start, cseq] = [this.#start, this.#cseq];
    if (this.#fault !== undefined || !start || cseq === undefined) return this.refuse();
    return { ok: true, message: { start, cseq, fields: this.#fields, body } };
  }

  refuse(): RtspRefusal {
    const cseq = this.#start?.kind === 'response' ? undefined : this.#cseq;
    return { ok: false, reason: this.#fault ?? 'header-malformed', cseq };
  }

  #note(reason: RtspReason): void {
    this.#fault ??= reason;
  }

  #giveUp(reason: RtspReason): void {
    this.#note(reason);
    this.#isGivenUp = true;
  }

  #read([start = '', ...lines]: readonly string[]): void {
    const { maxLineBytes, maxLines, maxBodyBytes } = this.#limits;
    if (start.length > maxLineBytes) return this.#giveUp('line-size');
    this.#readStart(start);
    if (lines.length > maxLines) return this.#giveUp('line-count');
    for (const line of lines) {
      if (line.length > maxLineBytes) return this.#giveUp('line-size');
      this.#readLine(line);
    }
    if (this.#cseq === undefined)
      this.#note(this.#fields.has('cseq') ? 'header-malformed' : 'header-missing');
    this.#readContentLength(this.#fields.get('content-length') ?? []);
    if (this.#bodyBytes > maxBodyBytes) this.#giveUp('body-size');
  }

  #readStart(line: string): void {
    if (hasControl(line) || line.includes('\t')) return this.#note('control-character');
    if (line.slice(0, 5).toUpperCase() === 'RTSP/') return this.#readStatusLine(line);
    const [method = '', uri = '', version = '', ...more] = line.split(' ');
    if (!TOKEN.test(method) || !VERSION.test(version) || more.length > 0 || !REQUEST_URI.test(uri))
      return this.#note('start-line');
    if (version.toUpperCase() !== 'RTSP/1.0') this.#note('version');
    this.#start = { kind: 'request', method, uri };
  }

  #readStatusLine(line: string): void {
    const [, version = '', status = '', reason = ''] = /^(\S{1,24}) (\d{3})(?: (.*))?$/.exec(line) ?? [];
    if (!VERSION.test(version)) return this.#note('start-line');
    if (version.toUpperCase() !== 'RTSP/1.0') this.#note('version');
    this.#start = { kind: 'response', status: Number(status), reason };
  }

  /** No folded lines: a line that begins with white space has no name. */
  #readLine(line: string): void {
    if (hasControl(line)) return this.#note('control-character');
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) return this.#note('header-line');
    const key = name.toLowerCase();
    const value = line.slice(colon + 1).trim();
    const others = this.#fields.get(key);
    if (others) {
      others.push(value);
      if (ONCE.has(key)) this.#note('header-twice');
    } else {
      this.#fields.set(key, [value]);
      if (key === 'cseq' && /^\d{1,10}$/.test(value) && Number(value) < CSEQ_MAX) this.#cseq = Number(value);
    }
  }

  #readContentLength(values: readonly string[]): void {
    const [value, ...more] = values;
    if (value === undefined) return;
    if (!/^\d{1,9}$/.test(value) || more.length > 0) return this.#giveUp('content-length');
    this.#bodyBytes = Number(value);
  }
}
