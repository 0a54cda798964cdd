/**
 * The values of SIP header fields that have a structure (RFC 3261 section 25.1): lists, addresses, Via, credentials. Each is read
 * in one pass; what does not read as the grammar has it, or as phones in the wild write it, is undefined. Nothing is unescaped.
 */

/** `value` as sent, with its quotes; undefined for a parameter without one. */
export interface FieldParam {
  readonly name: string;
  readonly value: string | undefined;
}

/** One hop of a Via. `host` has its brackets where it is IPv6. */
export interface ViaValue {
  /** `2.0` but for another protocol. */
  readonly version: string;
  readonly transport: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly params: readonly FieldParam[];
}

/** What From, To, Contact, Route and the like hold. */
export interface AddressValue {
  /** As sent, with its quotes; '' for none. */
  readonly displayName: string;
  readonly uri: string;
  readonly params: readonly FieldParam[];
}

/** A challenge or an answer to one. */
export interface Credentials {
  readonly scheme: string;
  readonly params: readonly FieldParam[];
}

const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]+$/;
const PORT_MAX = 65_535;

/** RFC 3261 section 25.1. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;

/** Whether a line of a head holds a control character other than a tab: no header of SIP or RTSP may. */
export function hasControl(line: string): boolean {
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if ((code < SPACE && code !== TAB) || code === DELETE) return true;
  }
  return false;
}

/** A place in a text, moved on by those who read it. */
class Cursor {
  at = 0;

  constructor(readonly text: string) {}

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  isNext(character: string): boolean {
    return this.text.charAt(this.at) === character;
  }

  skipSpace(): void {
    while (this.isNext(' ')) this.at++;
  }

  /** True where the character was next, white space before and after it left out (SWS char SWS). */
  skip(character: string): boolean {
    this.skipSpace();
    if (!this.isNext(character)) return false;
    this.at++;
    this.skipSpace();
    return true;
  }

  /** Up to the first of these characters, or the end. */
  until(stops: string): string {
    const from = this.at;
    while (this.at < this.text.length && !stops.includes(this.text.charAt(this.at))) this.at++;
    return this.text.slice(from, this.at);
  }

  /** A quoted string with its quotes; undefined where it does not end. */
  quoted(): string | undefined {
    const from = this.at++;
    while (this.at < this.text.length) {
      const character = this.text.charAt(this.at);
      this.at += character === '\\' ? 2 : 1;
      if (character === '"') return this.text.slice(from, this.at);
    }
    return undefined;
  }
}

/** The elements of a list, trimmed: commas in quotes and in angle brackets part nothing. Empty ones stay. */
export function listElements(value: string): string[] {
  const elements: string[] = [];
  let from = 0;
  let isInBrackets = false;
  const cursor = new Cursor(value);
  while (!cursor.isAtEnd) {
    if (cursor.isNext('"') && !isInBrackets) {
      cursor.quoted();
      continue;
    }
    if (cursor.isNext('<')) isInBrackets = true;
    else if (cursor.isNext('>')) isInBrackets = false;
    else if (cursor.isNext(',') && !isInBrackets) {
      elements.push(value.slice(from, cursor.at).trim());
      from = cursor.at + 1;
    }
    cursor.at++;
  }
  elements.push(value.slice(from).trim());
  return elements;
}

/** A value of a parameter: quoted, or whatever stands before the next separator, as with `@` in a tag. */
function readParamValue(cursor: Cursor): string | undefined {
  if (cursor.isNext('"')) return cursor.quoted();
  const value = cursor.until(' ;,"<>');
  return value === '' ? undefined : value;
}

/** Everything from here on as `;name=value`. Empty parameters are passed over where `isLax`. */
function readParams(cursor: Cursor, isLax: boolean): FieldParam[] | undefined {
  const params: FieldParam[] = [];
  cursor.skipSpace();
  while (!cursor.isAtEnd) {
    if (!cursor.skip(';')) return undefined;
    if (isLax && (cursor.isAtEnd || cursor.isNext(';'))) continue;
    const name = cursor.until(' ;,="<>');
    if (!isToken(name)) return undefined;
    let value: string | undefined;
    if (cursor.skip('=')) {
      value = readParamValue(cursor);
      if (value === undefined) return undefined;
      cursor.skipSpace();
    }
    params.push({ name, value });
  }
  return params;
}

/** One element of a Via: `SIP/2.0/UDP host:port;branch=…`. */
export function readVia(element: string): ViaValue | undefined {
  const cursor = new Cursor(element);
  const protocol = cursor.until(' /');
  if (protocol.toUpperCase() !== 'SIP' || !cursor.skip('/')) return undefined;
  const version = cursor.until(' /');
  if (!/^\d{1,8}\.\d{1,8}$/.test(version) || !cursor.skip('/')) return undefined;
  const transport = cursor.until(' ');
  cursor.skipSpace();
  const isIpv6 = cursor.isNext('[');
  const host = isIpv6 ? `${cursor.until(']')}]` : cursor.until(' :;,"<>[]');
  if (isIpv6) cursor.at++;
  if (!isToken(transport) || host === '' || !/^[\w.\-~!%*+'[\]:]+$/.test(host)) return undefined;
  let port: number | undefined;
  if (cursor.skip(':')) {
    const digits = cursor.until(' ;');
    if (!/^\d{1,5}$/.test(digits) || Number(digits) > PORT_MAX) return undefined;
    port = Number(digits);
  }
  const params = readParams(cursor, false);
  return params && { version, transport, host, port, params };
}

const URI = /^[a-z][a-z0-9+.-]*:[^\s<>"]+$/i;

/** One address with its parameters: `"Name" <uri>;tag=…`, or a URI without brackets. */
export function readAddress(element: string): AddressValue | undefined {
  const cursor = new Cursor(element);
  cursor.skipSpace();
  const displayName = cursor.isNext('"') ? cursor.quoted() : cursor.until('<>",;').trim();
  if (displayName === undefined) return undefined;
  if (!cursor.skip('<')) {
    // Without brackets what follows the first semicolon belongs to the field, not to the URI (RFC 3261 section 20.10).
    const params = URI.test(displayName) ? readParams(cursor, true) : undefined;
    return params && { displayName: '', uri: displayName, params };
  }
  const uri = cursor.until('<>').trim();
  if (!cursor.isNext('>') || !URI.test(uri)) return undefined;
  cursor.at++;
  const params = readParams(cursor, true);
  return params && { displayName, uri, params };
}

/** A list of `name=value`, parted by commas, that ends where something else begins. */
function readPairs(cursor: Cursor): FieldParam[] | undefined {
  const pairs: FieldParam[] = [];
  for (;;) {
    const isFirst = pairs.length === 0;
    const from = cursor.at;
    if (!isFirst && !cursor.skip(',')) return pairs;
    const name = cursor.until(' ,="<>');
    if (isToken(name) && cursor.skip('=')) {
      const value = cursor.isNext('"') ? cursor.quoted() : cursor.until(' ,"');
      if (value === undefined || value === '') return undefined;
      pairs.push({ name, value });
      continue;
    }
    if (isFirst) return undefined;
    // The scheme of the next ones, which a comma parts as well.
    cursor.at = from;
    return pairs;
  }
}

/** The challenges or credentials of one field: `Digest realm="…", nonce="…"`. Undefined for schemes without parameters. */
export function readCredentials(value: string): Credentials[] | undefined {
  const cursor = new Cursor(value);
  const found: Credentials[] = [];
  cursor.skipSpace();
  while (!cursor.isAtEnd) {
    if (found.length > 0 && !cursor.skip(',')) return undefined;
    const scheme = cursor.until(' ,=');
    cursor.skipSpace();
    const params = isToken(scheme) ? readPairs(cursor) : undefined;
    if (params === undefined) return undefined;
    found.push({ scheme, params });
    cursor.skipSpace();
  }
  return found;
}

/** The pairs of a field that names no scheme, such as Authentication-Info. */
export function readCommaParams(value: string): FieldParam[] | undefined {
  const cursor = new Cursor(value);
  cursor.skipSpace();
  const params = readPairs(cursor);
  cursor.skipSpace();
  return cursor.isAtEnd ? params : undefined;
}
