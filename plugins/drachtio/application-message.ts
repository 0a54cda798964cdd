/**
 * What drachtio-srf writes, as lib/sip is to see it. The daemon adds Via, tags, Call-ID and CSeq only when a message goes out: what
 * is not known yet stands in with values of ours, which nobody else sees.
 */
import { randomBytes } from 'node:crypto';
import { readAddress } from '../../lib/sip/index.js';
import type { Dialog, SipAddress, SipRequest, SipResponse } from '../../lib/sip/index.js';
import { fieldsOf, partText } from './sip-text.js';

export function addressIn(text: string | undefined): SipAddress {
  const read = readAddress(text ?? '');
  const params = (read?.params ?? []).map(({ name, value }) => [name.toLowerCase(), value ?? null]);
  return { uri: read?.uri ?? '', params: Object.fromEntries(params) as Record<string, string | null> };
}

export function tagOf({ params }: SipAddress): string | undefined {
  return params?.['tag'] ?? undefined;
}

function textField(fields: ReadonlyMap<string, string>, name: string): Record<string, string> {
  const value = fields.get(name);
  return value === undefined ? {} : { [name]: value };
}

/** An INVITE that begins a call. */
export function readInvite(sip: string, callId: string): SipRequest & { readonly uri: string } {
  const fields = fieldsOf(sip);
  const [, uri = ''] = sip.split(' ', 2);
  const from = addressIn(fields.get('from'));
  return {
    method: 'INVITE',
    uri,
    headers: {
      // A tag that the daemon makes up is learnt from its answer.
      from: { ...from, params: { tag: randomBytes(8).toString('hex'), ...from.params } },
      to: addressIn(fields.get('to') ?? uri),
      ...{ 'call-id': callId, cseq: { seq: 1, method: 'INVITE' } },
      ...textField(fields, 'content-type'),
    },
    content: partText(sip).body,
  };
}

/** A request inside a dialog. */
export function readInDialog(dialog: Dialog, method: string, sip: string): SipRequest {
  const { callId, localTag, remoteTag } = dialog;
  const invited = dialog.offerAnswers.findLast((one) => one.method === 'INVITE' && !one.isIncoming)?.seq ?? 0;
  const isOfInvite = method === 'ACK' || method === 'CANCEL';
  const seq = isOfInvite ? invited : dialog.localSeq + 1;
  const tagged = (tag: string | undefined): SipAddress => ({
    uri: '',
    params: tag === undefined ? {} : { tag },
  });
  return {
    method,
    uri: 'sip:placeholder',
    headers: {
      ...{ from: tagged(localTag), to: tagged(remoteTag), 'call-id': callId, cseq: { seq, method } },
      ...(method === 'PRACK' && { rack: `1 ${invited} INVITE` }),
      ...textField(fieldsOf(sip), 'content-type'),
    },
    content: partText(sip).body,
  };
}

/** @param tag Ours, where it is known. */
export function readResponse(sip: string, request: SipRequest, tag: string | undefined): SipResponse {
  const fields = fieldsOf(sip);
  const status = Number(sip.slice(8, 11));
  const isReliable = status < 200 && /\b100rel\b/i.test(fields.get('require') ?? '');
  const { via, from, to, cseq, 'call-id': callId } = request.headers;
  return {
    status,
    headers: {
      ...(via && { via }),
      ...(from && { from }),
      ...(to && { to: tag === undefined ? to : { ...to, params: { ...to.params, tag } } }),
      ...(cseq !== undefined && { cseq }),
      'call-id': String(callId),
      ...textField(fields, 'content-type'),
      ...textField(fields, 'session-expires'),
      // The number is the daemon's to choose.
      ...(isReliable && { require: '100rel', rseq: 1 }),
    },
    content: partText(sip).body,
  };
}
