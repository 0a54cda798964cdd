/**
 * A message that passed the gate, written so that the package reads it in linear time and as it was meant: fields with a structure
 * one element a line and without white space, credentials as `Digest name="value"` and in no other shape. What the package's
 * expressions do not know (IPv6 in a Via, `@` in a tag) is veiled here and unveiled in the message that comes of it.
 */
import { readAddress, readCommaParams, readCredentials } from '../../lib/sip/index.js';
import type {
  AddressValue,
  Credentials,
  FieldParam,
  GateField,
  GateMessage,
  SipAddress,
  SipMessage,
  SipParams,
  ViaValue,
} from '../../lib/sip/index.js';

/** What the package takes for a host, and for a value without quotes. */
const PLAIN_HOST = /^[\w.-]+$/;
const PLAIN_VALUE = /^[\w\-.!%*+`'~]+$/;
/** Begins what is veiled; the rest is the value in hexadecimal. Whatever comes with it from outside is veiled again. */
const VEIL = 'latchkey-veiled-';

function veil(value: string): string {
  let hex = '';
  for (let i = 0; i < value.length; i++) hex += value.charCodeAt(i).toString(16).padStart(4, '0');
  return VEIL + hex;
}

function unveil(value: string): string {
  if (!value.startsWith(VEIL)) return value;
  let text = '';
  for (let at = VEIL.length; at < value.length; at += 4) {
    text += String.fromCharCode(parseInt(value.slice(at, at + 4), 16));
  }
  return text;
}

function plain(value: string, isPlain: RegExp): string {
  return isPlain.test(value) && !value.startsWith(VEIL) ? value : veil(value);
}

function writeParams(params: readonly FieldParam[]): string {
  return params
    .map(({ name, value }) => {
      if (value === undefined) return `;${name}`;
      return `;${name}=${value.startsWith('"') ? value : plain(value, PLAIN_VALUE)}`;
    })
    .join('');
}

function writeVia({ transport, host, port, params }: ViaValue): string {
  const place = port === undefined ? '' : `:${port}`;
  return `SIP/2.0/${transport} ${plain(host, PLAIN_HOST)}${place}${writeParams(params)}`;
}

const WORDS = /^[\w\-.!%*+`'~]+(?: [\w\-.!%*+`'~]+)*$/;

function writeAddress({ displayName, uri, params }: AddressValue): string {
  const isPlain = displayName === '' || displayName.startsWith('"') || WORDS.test(displayName);
  const name = isPlain ? displayName : `"${displayName.replace(/["\\]/g, '\\$&')}"`;
  return `${name}${name === '' ? '' : ' '}<${uri}>${writeParams(params)}`;
}

/** Credentials of anybody have a dozen, each as long as a SHA-512 or a certificate's name. */
const MAX_PAIRS = 32;
const MAX_NAME = 64;
const MAX_VALUE = 2048;

function writePairs(pairs: readonly FieldParam[]): string | undefined {
  const isBounded = ({ name, value = '' }: FieldParam) =>
    name.length <= MAX_NAME && value.length <= MAX_VALUE;
  if (pairs.length === 0 || pairs.length > MAX_PAIRS || !pairs.every(isBounded)) return undefined;
  return pairs.map(({ name, value }) => `${name}=${value ?? ''}`).join(', ');
}

function writeCredentials({ scheme, params }: Credentials): string[] {
  const pairs = scheme.length <= MAX_NAME ? writePairs(params) : undefined;
  return pairs === undefined ? [] : [`${scheme} ${pairs}`];
}

/** The values to write for one field, each in a line of its own; none for what the package shall not see. */
function valuesOf(field: GateField, message: GateMessage): readonly string[] {
  const { key, value, elements = [] } = field;
  switch (key) {
    case 'from':
      return [writeAddress(message.from)];
    case 'to':
      return [writeAddress(message.to)];
    case 'call-id':
      return [message.callId];
    case 'cseq':
      return [`${message.cseq.seq} ${message.cseq.method}`];
    case 'contact':
    case 'route':
    case 'record-route':
    case 'path':
      if (key === 'contact' && value === '*') return [value];
      return elements.flatMap((element) => {
        const address = readAddress(element);
        return address ? [writeAddress(address)] : [];
      });
    case 'refer-to': {
      const address = readAddress(value);
      return address ? [writeAddress(address)] : [];
    }
    case 'authorization':
    case 'proxy-authorization':
    case 'www-authenticate':
    case 'proxy-authenticate':
      return (readCredentials(value) ?? []).flatMap(writeCredentials);
    case 'authentication-info': {
      const pairs = writePairs(readCommaParams(value) ?? []);
      return pairs === undefined ? [] : [pairs];
    }
    default:
      return [value];
  }
}

/** The whole text, for the package's parser. */
export function packageText(message: GateMessage): string {
  const { start, fields, vias, body } = message;
  const first =
    start.kind === 'request'
      ? `${start.method} ${start.uri} SIP/2.0`
      : `SIP/2.0 ${start.status} ${start.reason}`;
  const lines = [first, ...vias.map((via) => `Via: ${writeVia(via)}`)];
  for (const field of fields) {
    if (field.key === 'via' || field.key === 'content-length') continue;
    // The package takes `e` for a name that there is not.
    const name = field.name.length === 1 ? field.key : field.name;
    for (const value of valuesOf(field, message)) lines.push(`${name}: ${value}`);
  }
  lines.push(`Content-Length: ${body.length}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function unveilParams(params: SipParams | undefined): void {
  if (!params) return;
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === 'string' && value.startsWith(VEIL)) params[name] = unveil(value);
  }
}

/** The message that the package made of such a text, as it was sent. */
export function unveilMessage({ headers }: SipMessage): void {
  for (const via of headers.via ?? []) {
    if (via.host !== undefined) via.host = unveil(via.host);
    unveilParams(via.params);
  }
  unveilParams(headers.from?.params);
  unveilParams(headers.to?.params);
  for (const name of ['contact', 'route', 'record-route', 'path', 'refer-to']) {
    const value = headers[name];
    const addresses = Array.isArray(value) ? (value as SipAddress[]) : [value as SipAddress | undefined];
    for (const address of addresses) if (typeof address === 'object') unveilParams(address.params);
  }
}
