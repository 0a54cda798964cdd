// The dialog of a call that came in (RFC 3261 section 12): answers with our tag in them, and requests of ours that find
// the caller. Keeps tags, CSeq, target and routes; decides nothing about the call.
import { randomBytes } from 'node:crypto';
import type {
  SipFlow,
  SipMessage,
  SipPackage,
  SipRequest,
  SipResponse,
  Stack,
} from '../../plugins/sip/index.js';
import { callId, formatWarning, toTag } from '../../plugins/sip/message.js';

type SipHeaders = SipMessage['headers'];
type SipAddress = NonNullable<SipHeaders['to']>;

/** Where a message came from and by which stack: what belongs to it goes back there. */
export interface Arrival {
  readonly request: SipRequest;
  readonly flow: SipFlow;
  readonly stack: Stack;
}

export interface Reply {
  readonly status: number;
  readonly headers?: SipHeaders;
  readonly content?: string;
  /** Becomes a Warning header. */
  readonly warning?: string;
  /** The To tag where the request has none; a fresh one unless given. */
  readonly tag?: string;
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  415: 'Unsupported Media Type',
  420: 'Bad Extension',
  481: 'Call/Transaction Does Not Exist',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  500: 'Server Internal Error',
  503: 'Service Unavailable',
};

export function newTag(): string {
  return randomBytes(8).toString('hex');
}

/** Answers a request; returns the response, which may be sent again as it is. */
export function reply(sip: SipPackage, { request, stack }: Arrival, answer: Reply): SipResponse {
  const { status, content, warning, tag } = answer;
  const headers: SipHeaders = { ...answer.headers };
  if (content !== undefined) headers['content-type'] = 'application/sdp';
  if (warning !== undefined) headers.warning = formatWarning(stack.hostname(), warning);
  // RFC 3261 12.1.1: what makes a dialog repeats the Record-Route of the request.
  const recorded = request.headers['record-route'];
  if (recorded !== undefined && status < 300) headers['record-route'] = recorded;
  const response = sip.makeResponse(request, status, REASONS[status] ?? 'Unknown', {
    headers,
    content: content ?? '',
  });
  const { to } = request.headers;
  if (to && toTag(request) === undefined)
    response.headers.to = { ...to, params: { ...to.params, tag: tag ?? newTag() } };
  stack.send(response);
  return response;
}

export class SipDialog {
  readonly tag = newTag();
  readonly callId: string;
  readonly #local: SipAddress | undefined;
  readonly #remote: SipAddress | undefined;
  readonly #routes: readonly SipAddress[];
  #target: SipRequest['uri'];
  #latest: Arrival;
  #seq = 0;

  /** @param invite The INVITE that makes the dialog. */
  constructor(invite: Arrival) {
    const { headers, uri } = invite.request;
    this.callId = callId(invite.request);
    this.#remote = headers.from;
    this.#local = headers.to && { ...headers.to, params: { ...headers.to.params, tag: this.tag } };
    const recorded = headers['record-route'];
    this.#routes = Array.isArray(recorded) ? recorded : [];
    this.#target = headers.from?.uri ?? uri;
    this.#latest = invite;
    this.follow(invite);
  }

  /** A request of the caller: where it came from is where ours go, and its Contact is the target (RFC 3261 12.2.2). */
  follow(arrival: Arrival): void {
    this.#latest = arrival;
    const { contact } = arrival.request.headers;
    if (Array.isArray(contact) && contact[0]?.uri) this.#target = contact[0].uri;
  }

  /**
   * Sends a request of ours on the flow that the caller came by: behind a NAT its Contact leads nowhere (RFC 5626 has the
   * reasons). `onFinal` hears the final response, made-up ones for dead flows included.
   */
  send(method: string, onFinal: (response: SipResponse) => void): void {
    const { flow, stack } = this.#latest;
    if (!this.#local || !this.#remote) return;
    const { schema, user, host } = stack.encodeFlowUri(flow);
    const request: SipRequest = {
      method,
      uri: this.#target,
      headers: {
        via: [],
        from: this.#local,
        to: this.#remote,
        'call-id': this.callId,
        cseq: { seq: ++this.#seq, method },
        'max-forwards': 70,
        route: [{ uri: { schema, user, host, params: { lr: null } }, params: {} }, ...this.#routes],
      },
    };
    stack.send(request, (response) => {
      if (response.status >= 200) onFinal(response);
    });
  }
}
