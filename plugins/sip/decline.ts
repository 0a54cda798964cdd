/**
 * Ending what the peer believes to be a call: the ACK and the BYE that the plugin sends itself when a description cannot be
 * taken and there is no request left to refuse (RFC 3261 13.2.2.4, 14.1). Builds in-dialog requests; nothing else.
 */
import { MAX_FORKS, callId, cseqOf, toTag } from '../../lib/sip/index.js';
import type { Dialog, SipAddress, SipMessage, SipRequest } from '../../lib/sip/index.js';
import type { PackageStack } from './sip-types.js';

/** As much of a dialog as its ACK and BYE need. */
type Place = Pick<
  Dialog,
  'callId' | 'target' | 'local' | 'remote' | 'routes' | 'isOutgoing' | 'flow' | 'localSeq'
>;

function inDialog(
  dialog: Place,
  method: string,
  seq: number,
  routes: readonly SipAddress[],
): SipRequest | undefined {
  const { target, local, remote } = dialog;
  if (target === undefined || !local || !remote) return undefined;
  return {
    method,
    uri: target,
    headers: {
      via: [],
      from: local,
      to: remote,
      'call-id': dialog.callId,
      cseq: { seq, method },
      'max-forwards': 70,
      ...(routes.length > 0 && { route: [...routes] }),
    },
  };
}

/** The ACK for a 2xx to this INVITE; also for each repetition of it. */
export function acknowledge(
  dialog: Place,
  invite: SipRequest,
  response: SipMessage,
  send: (message: SipMessage) => void,
): void {
  if (callId(response) !== dialog.callId) return;
  const ack = inDialog(dialog, 'ACK', cseqOf(invite).seq, dialog.routes);
  if (ack) send(ack);
}

/**
 * A BYE for the dialog. Of an incoming call it goes back on the flow that the peer came by: its Contact may be an address
 * behind a NAT, or one that takes no connections (RFC 5626 has the reasons).
 */
export function hangUp(dialog: Place, send: (message: SipMessage) => void, stack: PackageStack): void {
  const routes = [...dialog.routes];
  if (!dialog.isOutgoing && dialog.flow?.local) {
    const uri = stack.encodeFlowUri(dialog.flow);
    routes.unshift({ uri: { ...uri, params: { lr: null } }, params: {} });
  }
  const bye = inDialog(dialog, 'BYE', ++dialog.localSeq, routes);
  if (bye) send(bye);
}

/**
 * ACK and BYE for a 2xx of a fork that has lost: its phone believes in a call (RFC 3261 13.2.2.4). Its repetitions are only
 * acknowledged. Of more forks than there can be nothing is said: each request goes wherever the response wants it.
 *
 * @param declined The To tags that were hung up before; this one is added.
 */
export function hangUpStray(
  invite: SipRequest,
  declined: Set<string>,
  response: SipMessage,
  send: (message: SipMessage) => void,
  stack: PackageStack,
): void {
  const { contact, 'record-route': recorded, from, to } = response.headers;
  const stray: Place = {
    callId: callId(invite),
    target: Array.isArray(contact) ? contact[0]?.uri : undefined,
    local: from,
    remote: to,
    routes: Array.isArray(recorded) ? recorded.toReversed() : [],
    isOutgoing: true,
    flow: undefined,
    localSeq: cseqOf(invite).seq,
  };
  const tag = toTag(response) ?? '';
  const isRepeated = declined.has(tag);
  if (!isRepeated && declined.size >= MAX_FORKS) return;
  acknowledge(stray, invite, response, send);
  if (isRepeated) return;
  declined.add(tag);
  hangUp(stray, send, stack);
}
