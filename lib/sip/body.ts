/**
 * The SDP in a message's body: alone, or as one part of a multipart body (RFC 5621).
 * Returns and replaces text only; what is not the SDP stays byte for byte. Bodies are latin1 strings, as the package has them.
 */
import type { SipMessage } from './message-types.js';

interface Span {
  readonly start: number;
  readonly end: number;
}

const CONTENT_IS_SDP = /\r\ncontent-type[ \t]*:[ \t]*application\/sdp\b/i;

function multipartSpan(content: string, contentType: string): Span | undefined {
  const boundary = /;\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const delimiter = `--${boundary?.[1] ?? boundary?.[2] ?? ''}`;
  if (delimiter === '--') return undefined;
  const separator = `\r\n${delimiter}`;
  let at = content.startsWith(delimiter) ? 0 : content.indexOf(separator);
  while (at !== -1) {
    const headStart = content.indexOf('\r\n', at + 2);
    const next = headStart === -1 ? -1 : content.indexOf(separator, headStart);
    if (next === -1) return undefined;
    // Nothing is looked for beyond the part: each byte is seen by one part only.
    const part = content.slice(headStart, next);
    const headEnd = part.indexOf('\r\n\r\n');
    if (headEnd !== -1 && CONTENT_IS_SDP.test(part.slice(0, headEnd))) {
      return { start: headStart + headEnd + 4, end: next };
    }
    at = next;
  }
  return undefined;
}

/** Compressed bytes are no text, whatever their type is (RFC 3261 7.4.1): a request with them is answered 415. */
export function isEncoded({ headers }: SipMessage): boolean {
  const encoding = headers['content-encoding'] ?? headers.e;
  return encoding !== undefined && (typeof encoding !== 'string' || !/^\s*(?:identity)?\s*$/i.test(encoding));
}

function sdpSpan(message: SipMessage): Span | undefined {
  const content = message.content;
  if (typeof content !== 'string' || content === '' || isEncoded(message)) return undefined;
  const type = String(message.headers['content-type'] ?? '').trim();
  if (/^multipart\//i.test(type)) return multipartSpan(content, type);
  const isSdp = type === '' ? content.startsWith('v=0') : /^application\/sdp\s*(;|$)/i.test(type);
  return isSdp ? { start: 0, end: content.length } : undefined;
}

/** The session description in this message, or undefined where there is none. */
export function readSdp(message: SipMessage): string | undefined {
  const span = sdpSpan(message);
  return span && message.content?.slice(span.start, span.end);
}

/** The content of this message with its session description replaced; the content as it is where there is none. */
export function replaceSdp(message: SipMessage, sdp: string): string {
  const span = sdpSpan(message);
  const content = message.content ?? '';
  return span ? content.slice(0, span.start) + sdp + content.slice(span.end) : content;
}
