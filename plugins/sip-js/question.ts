/**
 * Whether the peer is still there, asked by an OPTIONS in the dialog of sip.js (protocol.md 8.2.5). sip.js has no name for that, but makes and
 * sends such requests, and counts their CSeqs with its own.
 */
import type { Core, Session as SipSession } from 'sip.js';
import type { QuestionOutcome } from '../../lib/index.js';
import { questionOutcomeOf } from '../../lib/sip/index.js';

/** What became of it; undefined where there is no call yet, or no more. */
export function askInDialog(session: SipSession): Promise<QuestionOutcome> | undefined {
  const { userAgent } = session;
  const dialog = session.dialog as Core.SessionDialog | undefined;
  if (!dialog || (session.state as string) !== 'Established') return undefined;
  return new Promise((resolve) => {
    const request = dialog.createOutgoingRequestMessage('OPTIONS');
    const settle = ({ message }: Core.IncomingResponse) => {
      // Who is asked for credentials tries again under the next number, which sip.js does not count.
      while ((dialog.localSequenceNumber ?? Infinity) < request.cseq) dialog.incrementLocalSequenceNumber();
      // What sip.js makes up for a transport that has failed has no headers.
      resolve(message.hasHeader('cseq') ? questionOutcomeOf(message.statusCode ?? 0) : 'unanswered');
    };
    userAgent.userAgentCore.request(request, { onAccept: settle, onRedirect: settle, onReject: settle });
  });
}
