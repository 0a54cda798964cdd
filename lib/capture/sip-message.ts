/*
 * One SIP message (RFC 3261), read as far as telling calls apart needs: start line, Call-ID, From, To, CSeq, the top
 * Via's branch, and an SDP. It takes what real and broken senders write: compact names, folded lines, bare line
 * feeds, junk before the start line, a wrong Content-Length. It is no SIP stack: it validates nothing and answers nothing.
 */

/** One side as a From or To header names it. */
export interface SipSide {
  /** Without display name and parameters of the header; '' where the header is missing. */
  readonly uri: string;
  readonly tag: string;
}

/** What was read. Texts are as sent, one character a byte, and may hold anything: quote them before printing. */
export interface SipMessage {
  /** Of the request itself, of the CSeq for a response; upper case. */
  readonly method: string;
  /** 100 to 699; undefined for a request. */
  readonly status: number | undefined;
  readonly reason: string;
  readonly callId: string;
  readonly from: SipSide;
  readonly to: SipSide;
  readonly sequence: number;
  /** Of the topmost Via; '' where there is none. */
  readonly branch: string;
  /** The session description in the body; it may hold secrets. Of a message that was cut short, the whole lines of it. */
  readonly sdp: string | undefined;
  /** Did it carry a description, as far as can be told? Of one that was cut short, what its header says of the body. */
  readonly body: 'description' | 'none' | 'unknown';
  /** The capture did not keep the whole of it: header fields may be missing. */
  readonly isCut: boolean;
}

const VERSION = 'SIP/2.0';
/** Reason: bounded work per datagram. Start lines in the wild stay far below. */
const START_LINE_SEARCH_BYTES = 8192;
const START_LINES = 32;
const HEADER_LINES = 1024;
/** Sixteen times what fits into a datagram: SIP over TCP can be as long as it likes. */
const MESSAGE_BYTES = 1024 * 1024;

const COMPACT = new Map([
  ['i', 'call-id'],
  ['f', 'from'],
  ['t', 'to'],
  ['v', 'via'],
  ['c', 'content-type'],
  ['l', 'content-length'],
]);
const WANTED = new Set([...COMPACT.values(), 'cseq']);

/** True where the bytes may hold a SIP message: cheap, and wrong only for text that quotes SIP. */
export function maybeSip(bytes: Uint8Array): boolean {
  if (bytes.length < 16) return false;
  const head = asBuffer(bytes, START_LINE_SEARCH_BYTES);
  return head.includes(VERSION, 0, 'latin1');
}

/**
 * The message that the bytes begin with, after junk or not; undefined where there is none. Never throws. `isCut` says that more
 * bytes were on the wire: a line without an end is a part of one then, and is left out.
 */
export function parseSipMessage(bytes: Uint8Array, isCut = false): SipMessage | undefined {
  const kept = asBuffer(bytes, MESSAGE_BYTES).toString('latin1');
  const text = isCut ? wholeLines(kept) : kept;
  const start = findStartLine(text);
  if (!start) return undefined;
  const { headers, bodyAt, isWhole } = readHeaders(text, start.endsAt);
  const [sequenceText = '', methodText = ''] = (headers.get('cseq') ?? '').trim().split(/\s+/, 2);
  const sdp = readSdp(text, bodyAt, headers);
  return {
    method: (start.method ?? methodText).toUpperCase(),
    status: start.status,
    reason: owned(start.reason),
    callId: owned((headers.get('call-id') ?? '').trim()),
    from: readSide(headers.get('from') ?? ''),
    to: readSide(headers.get('to') ?? ''),
    sequence: /^\d{1,10}$/.test(sequenceText) ? Number(sequenceText) : 0,
    branch: owned(/;\s*branch\s*=\s*([^;,\s]+)/i.exec(headers.get('via') ?? '')?.[1] ?? ''),
    sdp: sdp === undefined ? undefined : owned(sdp),
    body: sdp !== undefined ? 'description' : isCut ? claimedBody(headers, isWhole) : 'none',
    isCut,
  };
}

/** Up to the last line end; a media line tells what it is for without its end, once the port is past. */
function wholeLines(text: string): string {
  const end = text.lastIndexOf('\n') + 1;
  return /^m=\S+ \d+ \S/.test(text.slice(end, end + 64)) ? text : text.slice(0, end);
}

/** What the header says of a body that was cut off: `unknown` where the header itself was, before it says so. */
function claimedBody(headers: ReadonlyMap<string, string>, isWhole: boolean): SipMessage['body'] {
  const length = headers.get('content-length');
  const type = headers.get('content-type')?.toLowerCase() ?? '';
  if (length !== undefined && Number(length) === 0) return 'none';
  if (type !== '') return /^(?:application\/sdp|multipart\/)/.test(type) ? 'description' : 'none';
  if (!isWhole) return Number(length) > 0 ? 'description' : 'unknown';
  return 'none';
}

/** A copy: a part of a string keeps the whole of it in memory, and calls outlive their messages. */
function owned(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

function asBuffer(bytes: Uint8Array, maximum: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, maximum));
}

interface StartLine {
  readonly method: string | undefined;
  readonly status: number | undefined;
  readonly reason: string;
  readonly endsAt: number;
}

/** RFC 3261 section 7.5 has empty lines before a message ignored; real captures hold other junk there too. */
function findStartLine(text: string): StartLine | undefined {
  const limit = Math.min(text.length, START_LINE_SEARCH_BYTES);
  let at = 0;
  for (let lines = 0; at < limit && lines < START_LINES; lines++) {
    const end = lineEnd(text, at);
    const start = readStartLine(text.slice(at, end), nextLine(text, end));
    if (start) return start;
    at = nextLine(text, end);
  }
  return undefined;
}

function readStartLine(line: string, endsAt: number): StartLine | undefined {
  // Junk on the line itself ends where printable text begins.
  const clean = line.replace(/^[^!-~]+/, '').trimEnd();
  if (clean.startsWith(`${VERSION} `)) {
    const [, status = '', ...reason] = clean.split(/ +/);
    if (!/^[1-6]\d\d$/.test(status)) return undefined;
    return { method: undefined, status: Number(status), reason: reason.join(' '), endsAt };
  }
  if (!clean.endsWith(` ${VERSION}`)) return undefined;
  const method = clean.slice(0, clean.indexOf(' '));
  if (!/^[!%'*+\-.0-9A-Z_`a-z~]{1,64}$/.test(method)) return undefined;
  return { method, status: undefined, reason: '', endsAt };
}

/** The first value of each header that is wanted; later ones of the same name are older Vias and the like. */
function readHeaders(
  text: string,
  from: number,
): { headers: Map<string, string>; bodyAt: number; isWhole: boolean } {
  const headers = new Map<string, string>();
  let at = from;
  let name: string | undefined;
  for (let lines = 0; at < text.length && lines < HEADER_LINES; lines++) {
    const end = lineEnd(text, at);
    const line = text.slice(at, end);
    at = nextLine(text, end);
    if (line === '') return { headers, bodyAt: at, isWhole: true };
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (name !== undefined) headers.set(name, `${headers.get(name) ?? ''} ${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(':');
    const given = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    const full = COMPACT.get(given) ?? given;
    name = WANTED.has(full) && !headers.has(full) ? full : undefined;
    if (name !== undefined) headers.set(name, line.slice(colon + 1).trim());
  }
  return { headers, bodyAt: text.length, isWhole: false };
}

function readSide(value: string): SipSide {
  const open = value.indexOf('<');
  const close = open < 0 ? -1 : value.indexOf('>', open);
  const semicolon = value.indexOf(';');
  const uri =
    close > 0 ? value.slice(open + 1, close) : value.slice(0, semicolon < 0 ? undefined : semicolon);
  const parameters =
    close > 0 ? value.slice(close + 1) : value.slice(semicolon < 0 ? value.length : semicolon);
  return { uri: owned(uri.trim()), tag: owned(/;\s*tag\s*=\s*([^;,\s]+)/i.exec(parameters)?.[1] ?? '') };
}

/** The body is what Content-Length says, unless that is no number, or is wrong and no other message follows. */
function readSdp(text: string, bodyAt: number, headers: ReadonlyMap<string, string>): string | undefined {
  const rest = text.slice(bodyAt);
  const length = headers.get('content-length') ?? '';
  const claimed = /^\d{1,7}$/.test(length) ? Number(length) : rest.length;
  const body = rest.includes(VERSION) ? rest.slice(0, claimed) : rest;
  const type = (headers.get('content-type') ?? '').toLowerCase();
  if (!type.startsWith('multipart/')) return /^\s*v=0/.test(body) ? body.trimStart() : undefined;
  const start = /(?:^|\n)v=0\r?\n/.exec(body);
  if (!start) return undefined;
  const sdpAt = start.index + start[0].indexOf('v');
  const boundary = body.indexOf('\n--', sdpAt);
  return body.slice(sdpAt, boundary < 0 ? undefined : boundary + 1);
}

/** Where the line ends, its line end apart. */
function lineEnd(text: string, at: number): number {
  const feed = text.indexOf('\n', at);
  if (feed < 0) return text.length;
  return feed > at && text.charCodeAt(feed - 1) === 0x0d ? feed - 1 : feed;
}

function nextLine(text: string, end: number): number {
  const feed = text.indexOf('\n', end);
  return feed < 0 ? text.length : feed + 1;
}
