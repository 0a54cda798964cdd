/**
 * Ending what the peer believes to be a call: the ACK and the BYE that the plugin sends itself when a description cannot be
 * taken and there is no request left to refuse (RFC 3261 13.2.2.4, 14.1). Builds in-dialog requests; nothing else.
 */
import type { Dialog } from './dialog.js';
import { callId, cseqOf } from './message.js';
import type { PackageStack, SipAddress, SipMessage, SipRequest } from './sip-types.js';

function inDialog(
  dialog: Dialog,
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
  dialog: Dialog,
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
export function hangUp(dialog: Dialog, send: (message: SipMessage) => void, stack: PackageStack): void {
  const routes = [...dialog.routes];
  if (!dialog.isOutgoing && dialog.flow?.local) {
    const uri = stack.encodeFlowUri(dialog.flow);
    routes.unshift({ uri: { ...uri, params: { lr: null } }, params: {} });
  }
  const bye = inDialog(dialog, 'BYE', ++dialog.localSeq, routes);
  if (bye) send(bye);
}
