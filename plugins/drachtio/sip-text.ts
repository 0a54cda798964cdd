/**
 * SIP messages as a daemon's lines carry them: text to value and back, another body, another status. What comes from the network
 * is read by the gate of lib/sip and by nothing else; a text that does not pass it is no message here.
 */
import { stripLatch } from '../../lib/index.js';
import { GATE_LIMITS, examineMessage, readAddress } from '../../lib/sip/index.js';
import type {
  AddressValue,
  FieldParam,
  GateMessage,
  GateReason,
  SipAddress,
  SipHeaders,
  SipMessage,
  SipParams,
  SipResponse,
} from '../../lib/sip/index.js';

const HEAD_END = '\r\n\r\n';
const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');

export type Reading =
  { readonly ok: true; readonly message: SipMessage } | { readonly ok: false; readonly reason: GateReason };

/** A message off the network. */
export function readMessage(text: string): Reading {
  const verdict = examineMessage(text, GATE_LIMITS, bytesOf);
  if (verdict === undefined) return { ok: false, reason: 'no-head' };
  return verdict.ok ? { ok: true, message: valueOf(verdict.message) } : verdict;
}

function valueOf({ start, fields, vias, from, to, callId, cseq, body }: GateMessage): SipMessage {
  const headers: SipHeaders = {};
  for (const { key, value, elements } of fields) {
    if (elements === undefined) headers[key] ??= value;
    else
      headers[key] = [...((headers[key] as SipAddress[] | undefined) ?? []), ...elements.flatMap(elementOf)];
  }
  headers.via = vias.map(({ transport, params, ...via }) => ({
    ...via,
    protocol: transport,
    params: paramsOf(params),
  }));
  Object.assign(headers, { from: addressOf(from), to: addressOf(to), 'call-id': callId, cseq });
  return start.kind === 'request'
    ? { method: start.method, uri: start.uri, headers, content: body }
    : { status: start.status, reason: start.reason, headers, content: body };
}

function elementOf(element: string): SipAddress[] {
  const read = readAddress(element);
  return read ? [addressOf(read)] : [];
}

function addressOf({ displayName, uri, params }: AddressValue): SipAddress {
  return { name: displayName, uri, params: paramsOf(params) };
}

function paramsOf(params: readonly FieldParam[]): SipParams {
  return Object.fromEntries(params.map(({ name, value }) => [name.toLowerCase(), value ?? null]));
}

/** The head of a text without the empty line that ends it, and what follows. */
export function partText(text: string): { readonly head: string; readonly body: string } {
  const end = text.indexOf(HEAD_END);
  return end === -1
    ? { head: text.replace(/(?:\r\n)+$/, ''), body: '' }
    : { head: text.slice(0, end), body: text.slice(end + HEAD_END.length) };
}

/** The lines of a head, each a whole field (RFC 3261 section 7.3.1: a field may go on in lines that begin with white space). */
function linesOf(text: string): string[] {
  return partText(text)
    .head.replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
}

/** The fields of a text that the application or the daemon wrote, by their names in lower case; of several alike the first. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of linesOf(text).slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}

/** The text with another body, whose length it says. */
export function withBody(text: string, body: string): string {
  const lines = linesOf(text).filter((line) => !/^(?:content-length|l)[ \t]*:/i.test(line));
  return [...lines, `Content-Length: ${bytesOf(body)}`].join('\r\n') + HEAD_END + body;
}

/** The text without any line of ours: what drachtio-srf sees, and what its logs show (protocol.md 2). */
export function withoutLatch(text: string): string {
  if (!text.includes('a=latch')) return text;
  const { body } = partText(text);
  const bare = stripLatch(body);
  return bare === body ? text : withBody(text, bare);
}

/** A header field more, before all others. */
export function withField(text: string, field: string): string {
  const end = text.indexOf('\r\n');
  return `${text.slice(0, end)}\r\n${field}${text.slice(end)}`;
}

/** The response with another's status and Warning, and without a body: the same transaction and dialog. */
export function asRefused(text: string, { status, reason = '', headers }: SipResponse): string {
  const kept = linesOf(text).filter((line) => /^(?:via|v|from|f|to|t|call-id|i|cseq)[ \t]*:/i.test(line));
  const warning = headers.warning === undefined ? [] : [`Warning: ${headers.warning}`];
  return writeMessage(`SIP/2.0 ${status} ${reason}`, [...kept, ...warning], '');
}

/** A message of ours for the daemon, which adds Via, the tags, Call-ID, CSeq and Contact by itself. */
export function writeMessage(start: string, fields: readonly string[], body: string): string {
  return [start, ...fields, `Content-Length: ${bytesOf(body)}`].join('\r\n') + HEAD_END + body;
}
