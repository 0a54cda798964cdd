/**
 * Responses of ours, wherever they are made: reason phrases, the To tag, Record-Route, the Warning header. Composes messages
 * as values and sends at most one; it knows no dialog.
 */
import { randomBytes } from 'node:crypto';
import { formatWarning } from '../index.js';
import { toTag } from './message.js';
import type { SipHeaders, SipMessage, SipResponse } from './message-types.js';
import type { Arrival } from './stack-types.js';

/** What we answer to a request. */
export interface Reply {
  readonly status: number;
  readonly headers?: SipHeaders;
  /** A session description, unless `headers` say otherwise. */
  readonly content?: string;
  /** Becomes the text of a Warning header. */
  readonly warning?: string;
  /** And this its code (RFC 3261 20.43): 399 unless given. */
  readonly warnCode?: number | undefined;
  /** The To tag where the request has none; a fresh one unless given. */
  readonly tag?: string | undefined;
}

const REASONS: Readonly<Record<number, string>> = {
  100: 'Trying',
  180: 'Ringing',
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  481: 'Call/Transaction Does Not Exist',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  491: 'Request Pending',
  500: 'Server Internal Error',
  503: 'Service Unavailable',
};

export function reasonPhrase(status: number): string {
  return REASONS[status] ?? (status >= 200 && status < 300 ? 'OK' : 'Rejected');
}

/** 64 random bits: RFC 3261 19.3 asks for 32 at least. */
export function newTag(): string {
  return randomBytes(8).toString('hex');
}

/**
 * The response to a request.
 *
 * @param host Who warns, where there is a warning.
 */
export function createResponse(request: SipMessage, reply: Reply, host: string): SipResponse {
  const { status, content, warning, warnCode, tag } = reply;
  const { via, to, from, 'call-id': id, cseq, 'record-route': recorded } = request.headers;
  // RFC 3261 8.2.6.2: every response but 100 has a To tag.
  const needsTag = to && status > 100 && toTag(request) === undefined;
  return {
    status,
    reason: reasonPhrase(status),
    ...(request.version !== undefined && { version: request.version }),
    headers: {
      ...(via && { via }),
      ...(to && { to: needsTag ? { ...to, params: { ...to.params, tag: tag ?? newTag() } } : to }),
      ...(from && { from }),
      'call-id': String(id),
      ...(cseq !== undefined && { cseq }),
      // RFC 3261 12.1.1: what makes a dialog repeats the Record-Route of the request.
      ...(recorded !== undefined && status > 100 && status < 300 && { 'record-route': recorded }),
      ...(content !== undefined && { 'content-type': 'application/sdp' }),
      ...(warning !== undefined && { warning: formatWarning(host, warning, warnCode) }),
      ...reply.headers,
    },
    content: content ?? '',
  };
}

/** Answers a request that belongs to no dialog, by the way that it came. */
export function respond({ request, stack }: Arrival, reply: Reply): void {
  stack.send(createResponse(request, reply, stack.hostname()));
}

/** In place of a response that nobody sends: there is no way to the peer, or no use in asking. */
export function createLocalResponse(status: number, warning?: string): SipResponse {
  const headers = warning === undefined ? {} : { warning: formatWarning('latchkey', warning) };
  return { status, reason: reasonPhrase(status), headers };
}

/** The text of a Warning header; its code and agent say nothing to a reader. */
export function readWarning({ headers: { warning } }: SipMessage): string | undefined {
  if (typeof warning !== 'string') return undefined;
  const quoted = /"((?:[^"\\]|\\.)*)"/.exec(warning)?.[1];
  return (quoted ?? warning).replace(/\\(.)/g, '$1').replace(/[\r\n]+/g, ' ');
}
