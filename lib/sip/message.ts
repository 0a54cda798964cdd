/**
 * Reading SIP messages as the `sip` package parses them: tags, transactions, reliability, timers.
 * Total over what the network sends: a header that is missing or garbage reads as undefined. Changes no message.
 */
import type { SipAddress, SipMessage } from './message-types.js';

function tagOf(address: SipAddress | undefined): string | undefined {
  const tag = address?.params?.['tag'];
  return typeof tag === 'string' && tag !== '' ? tag : undefined;
}

export function fromTag(message: SipMessage): string | undefined {
  return tagOf(message.headers.from);
}

export function toTag(message: SipMessage): string | undefined {
  return tagOf(message.headers.to);
}

export function callId(message: SipMessage): string {
  return String(message.headers['call-id'] ?? '');
}

/** The method of a request; of a response the method in CSeq, which is that of its request. */
export function methodOf(message: SipMessage): string {
  return message.method ?? cseqOf(message).method;
}

export function cseqOf(message: SipMessage): { seq: number; method: string } {
  const cseq = message.headers.cseq;
  if (typeof cseq === 'object' && cseq !== null) return cseq;
  const match = /^\s*(\d+)\s+(\S+)/.exec(typeof cseq === 'string' ? cseq : '');
  return { seq: Number(match?.[1] ?? NaN), method: match?.[2] ?? '' };
}

/** The name under which the package files a transaction: method, Call-ID, branch (RFC 3261 17.2.3). */
export function transactionKey(message: SipMessage): string {
  return keyOf(cseqOf(message).method, message);
}

/** Of a CANCEL: the name of the transaction that it is to end (RFC 3261 9.2). */
export function inviteKey(cancel: SipMessage): string {
  return keyOf('INVITE', cancel);
}

function keyOf(method: string, message: SipMessage): string {
  const branch = message.headers.via?.[0]?.params?.['branch'] ?? '';
  return `${method}\n${callId(message)}\n${branch}`;
}

/** Failures after which a caller tries again under the same Call-ID: the session waits for that (RFC 3261 8.1.3). */
const TRIED_AGAIN = new Set([401, 407, 413, 415, 420, 421, 422, 480, 484, 485, 494]);

export function isTriedAgain(status: number): boolean {
  return TRIED_AGAIN.has(status) || (status >= 300 && status < 400);
}

function tokens(header: unknown): string[] {
  if (typeof header !== 'string') return [];
  return header.split(',').map((token) => token.trim().toLowerCase());
}

/** A provisional response that PRACK acknowledges (RFC 3262 3): only there may an offer or the answer proper stand. */
export function isReliable(response: SipMessage): boolean {
  return response.headers.rseq !== undefined && tokens(response.headers.require).includes('100rel');
}

/** CSeq of the INVITE that a PRACK belongs to, out of RAck: `RSeq CSeq Method` (RFC 3262 7.2). */
export function rackCseq(prack: SipMessage): number | undefined {
  const match = /^\s*\d+\s+(\d+)\s+INVITE\s*$/i.exec(String(prack.headers.rack ?? ''));
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** Session-Expires (RFC 4028 4), also in its compact form `x`, which the package does not expand. */
export function readSessionExpires(
  message: SipMessage,
): { readonly intervalS: number; readonly refresher: 'uac' | 'uas' | undefined } | undefined {
  const header = message.headers['session-expires'] ?? message.headers['x'];
  const text = typeof header === 'string' || typeof header === 'number' ? String(header) : '';
  const match = /^\s*(\d{1,9})\s*(?:;|$)/.exec(text);
  const intervalS = Number(match?.[1] ?? 0);
  if (intervalS === 0) return undefined;
  const refresher = /;\s*refresher\s*=\s*(ua[cs])\s*(?:;|$)/i.exec(text)?.[1]?.toLowerCase();
  return { intervalS, refresher: refresher === 'uac' || refresher === 'uas' ? refresher : undefined };
}

/** After which a session that is not refreshed is over. */
export function sessionExpiresMs(message: SipMessage): number | undefined {
  const read = readSessionExpires(message);
  return read && read.intervalS * 1000;
}

/** What a request must have to be answered at all. The package checks this on UDP, TCP and TLS, not on WebSockets. */
export function isWellFormed(message: SipMessage): boolean {
  const h = message.headers;
  const { seq, method } = cseqOf(message);
  return (
    Array.isArray(h.via) &&
    h.via.length > 0 &&
    callId(message) !== '' &&
    typeof h.to === 'object' &&
    typeof h.from === 'object' &&
    Number.isSafeInteger(seq) &&
    method !== ''
  );
}

/**
 * Takes out of a received message the Route, Record-Route and Path entries whose URI the package could not parse (an IPv6
 * host): copied into a message of ours they would throw in a timer.
 */
export function dropUnreadableRoutes(message: SipMessage): void {
  for (const name of ['route', 'record-route', 'path']) {
    const entries = message.headers[name];
    if (Array.isArray(entries))
      message.headers[name] = entries.filter((entry: SipAddress) => entry.uri !== undefined);
  }
}
