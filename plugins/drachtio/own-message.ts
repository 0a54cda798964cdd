/**
 * Messages of this side's own accord, of which drachtio-srf knows nothing: refusals, and what dialogs of lib/sip say. The daemon
 * adds Via, tags, Call-ID, CSeq and Contact by itself.
 */
import { cseqOf } from '../../lib/sip/index.js';
import type { EndReason, SipAddress, SipRequest, SipResponse } from '../../lib/sip/index.js';
import { withField, writeMessage } from './sip-text.js';

/** @param ended Why a call is over that this BYE ends. */
export function writeRequest(
  { method, headers }: SipRequest,
  body: string,
  ended: EndReason | undefined,
): string {
  // What was agreed on the session timer goes with every refresh (RFC 4028 7.4).
  const names = ['content-type', 'session-expires', 'min-se', 'supported'] as const;
  const fields = [
    ...names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [`${name}: ${value}`] : [];
    }),
    ...(ended === undefined ? [] : [`Reason: SIP;text="${ended}"`]),
  ];
  return writeMessage(`${method} sip:placeholder SIP/2.0`, fields, body);
}

export function writeResponse(response: SipResponse, body: string): string {
  const { status, reason = '', headers } = response;
  const { seq, method } = cseqOf(response);
  const fields = ['warning', 'retry-after', 'content-type'].flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [`${name}: ${value}`] : [];
  });
  // Of an INVITE and an UPDATE that comes before its answer, CSeq tells the daemon which is meant.
  return writeMessage(`SIP/2.0 ${status} ${reason}`, [`CSeq: ${seq} ${method}`, ...fields], body);
}

/** With the fields that the daemon adds, for who reads them on this side. */
export function withPlace(sip: string, request: SipRequest): string {
  const { from, to, 'call-id': id } = request.headers;
  const { seq, method } = cseqOf(request);
  const address = (one: SipAddress | undefined) =>
    `<${typeof one?.uri === 'string' ? one.uri : ''}>;tag=${one?.params?.['tag'] ?? ''}`;
  const fields = [`CSeq: ${seq} ${method}`, `Call-ID: ${id}`, `To: ${address(to)}`, `From: ${address(from)}`];
  return fields.reduce(withField, sip);
}

/** Why the daemon has ended a dialog of its own accord (drachtio-server 0.9.10, sip-dialog-controller.cpp). */
export function reasonOf(field: string): EndReason {
  if (/ACK timeout/i.test(field)) return 'timeout';
  if (/Session timer expired/i.test(field)) return 'expired';
  return /cancel/i.test(field) ? 'cancelled' : 'bye';
}
