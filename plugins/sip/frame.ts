/**
 * What may reach the package's parser. It has regular expressions that take quadratic time over runs of white space, waits
 * for ever on a Content-Length that is no number, recurses once per empty message, and dies on a parameter called
 * `__proto__`. So messages are cut, measured and tidied here, in linear time; nothing is parsed beyond Content-Length.
 */
import { veilViaAddresses } from './via-address.js';

export interface FrameLimits {
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
}

/** Enough for a SIP head (the package's own default) and for long Identity and Route headers. */
export const DEFAULT_LIMITS: FrameLimits = { maxHeadBytes: 60_480, maxBodyBytes: 604_800 };

/** A line the package's expressions still handle in milliseconds. */
const MAX_LINE = 8192;
const MAX_LINES = 512;

export interface Head {
  /** Tidied: no folding, no stray line breaks, no long runs of white space; without the empty line at its end. */
  readonly text: string;
  /** undefined: there is no Content-Length. */
  readonly bodyBytes: number | undefined;
}

/** Reads a message's head; a string says why it cannot be taken. */
export function readHead(raw: string, limits: FrameLimits): Head | string {
  if (raw.length > limits.maxHeadBytes) return 'the head is too long';
  const lines = raw.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  if (lines.length > MAX_LINES) return 'too many header lines';
  let bodyBytes: number | undefined;
  const tidy: string[] = [];
  for (const line of lines) {
    if (line.length > MAX_LINE) return 'a header line is too long';
    if (/__proto__/i.test(line)) return 'a name is not acceptable';
    const length = /^(?:content-length|l)[ \t]*:([^]*)$/i.exec(line)?.[1];
    if (length !== undefined) {
      const digits = /^\s{0,64}(\d{1,9})\s{0,64}$/.exec(length)?.[1];
      if (digits === undefined || (bodyBytes !== undefined && bodyBytes !== Number(digits))) {
        return 'Content-Length is not one number';
      }
      bodyBytes = Number(digits);
    }
    tidy.push(veilViaAddresses(line.replace(/[\r\n\0]/g, ' ').replace(/\s{9,}/g, ' ')));
  }
  if (bodyBytes !== undefined && bodyBytes > limits.maxBodyBytes) return 'the body is too long';
  return { text: tidy.join('\r\n'), bodyBytes };
}

function skipLineBreaks(text: string): number {
  let at = 0;
  while (at < text.length && (text[at] === '\r' || text[at] === '\n')) at++;
  return at;
}

/**
 * One datagram or WebSocket message, tidied.
 *
 * @returns undefined where there is no message in it: a keep-alive, or what the package could not take.
 */
export function tidyMessage(raw: string, limits: FrameLimits = DEFAULT_LIMITS): string | undefined {
  const start = skipLineBreaks(raw);
  const end = raw.indexOf('\r\n\r\n', start);
  if (end === -1) return undefined;
  const head = readHead(raw.slice(start, end), limits);
  if (typeof head === 'string') return undefined;
  const body = raw.slice(end + 4);
  return body.length > limits.maxBodyBytes ? undefined : `${head.text}\r\n\r\n${body}`;
}

/**
 * Cuts a byte stream (latin1 strings) into messages (RFC 3261 18.3) and hands head and body on, one whole message at a
 * time. Holds at most one head and one body. After an error a stream has no next message: `onBroken`, once, and silence.
 */
export class StreamFramer {
  #pending = '';
  #searched = 0;
  #head: Head | undefined;
  #isBroken = false;

  constructor(
    private readonly limits: FrameLimits,
    private readonly onPart: (part: string) => void,
    private readonly onBroken: (why: string) => void,
  ) {}

  push(data: string): void {
    if (this.#isBroken) return;
    this.#pending += data;
    while (!this.#isBroken && this.#step());
  }

  #step(): boolean {
    return this.#head ? this.#takeBody(this.#head) : this.#takeHead();
  }

  #takeHead(): boolean {
    const skipped = this.#searched === 0 ? skipLineBreaks(this.#pending) : 0;
    if (skipped > 0) this.#pending = this.#pending.slice(skipped);
    const end = this.#pending.indexOf('\r\n\r\n', Math.max(0, this.#searched - 3));
    if (end === -1) {
      this.#searched = this.#pending.length;
      if (this.#searched > this.limits.maxHeadBytes) this.#break('the head is too long');
      return false;
    }
    const head = readHead(this.#pending.slice(0, end), this.limits);
    if (typeof head === 'string') {
      this.#break(head);
      return false;
    }
    this.#pending = this.#pending.slice(end + 4);
    this.#searched = 0;
    // A message on a stream without Content-Length has no end that could be known: the package skips it, and so do we.
    if (head.bodyBytes !== undefined) this.#head = head;
    return this.#pending !== '' || head.bodyBytes === 0;
  }

  #takeBody(head: Head): boolean {
    const length = head.bodyBytes ?? 0;
    if (this.#pending.length < length) return false;
    const body = this.#pending.slice(0, length);
    this.#pending = this.#pending.slice(length);
    this.#head = undefined;
    this.onPart(`${head.text}\r\n\r\n`);
    if (body !== '') this.onPart(body);
    return this.#pending !== '';
  }

  #break(why: string): void {
    this.#isBroken = true;
    this.#pending = '';
    this.onBroken(why);
  }
}
