// The dialog of a call, whichever side called (RFC 3261 section 12): answers with our tag in them, and requests of ours that
// find the other side. Keeps tags, CSeq, target and routes; decides nothing about the call.
import { randomBytes } from 'node:crypto';
import { callId, cseqOf, formatWarning, fromTag, toTag } from '../sip/index.js';
import type { SipFlow, SipMessage, SipRequest, SipResponse } from '../sip/index.js';
import type { SipPackage, Stack } from '../../plugins/sip/index.js';

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

/** A Route that leads to a connection which is open. */
export function flowRoute(stack: Stack, flow: SipFlow): SipAddress {
  const { schema, user, host } = stack.encodeFlowUri(flow);
  return { uri: { schema, user, host, params: { lr: null } }, params: {} };
}

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

/** What a request of ours adds to the dialog's own headers. */
export interface Addition {
  readonly headers?: SipHeaders;
  readonly content?: string;
}

interface Ends {
  readonly tag: string;
  readonly local: SipAddress | undefined;
  readonly remote: SipAddress | undefined;
  readonly target: SipRequest['uri'];
  readonly seq: number;
  readonly stack: Stack;
  /** Where the caller came from, or by which who is called was reached. */
  readonly flow: SipFlow | undefined;
}

export class SipDialog {
  readonly tag: string;
  readonly callId: string;
  readonly stack: Stack;
  readonly #local: SipAddress | undefined;
  #remote: SipAddress | undefined;
  #routes: readonly SipAddress[] = [];
  #target: SipRequest['uri'];
  #flow: SipFlow | undefined;
  #seq: number;

  /** The dialog that an INVITE of a caller makes. */
  static incoming(invite: Arrival): SipDialog {
    const { request, stack, flow } = invite;
    const { to, from, 'record-route': recorded } = request.headers;
    const tag = newTag();
    const local = to && { ...to, params: { ...to.params, tag } };
    const target = from?.uri ?? request.uri;
    const dialog = new SipDialog(request, { tag, local, remote: from, target, seq: 0, stack, flow });
    dialog.#routes = Array.isArray(recorded) ? recorded : [];
    dialog.follow(invite);
    return dialog;
  }

  /** A dialog that an INVITE of ours makes with whoever answers it: `learn` says who that is. */
  static outgoing(invite: SipRequest, stack: Stack, flow?: SipFlow): SipDialog {
    const { to, from } = invite.headers;
    const tag = fromTag(invite) ?? '';
    const { seq } = cseqOf(invite);
    return new SipDialog(invite, { tag, local: from, remote: to, target: invite.uri, seq, stack, flow });
  }

  private constructor(invite: SipRequest, { tag, local, remote, target, seq, stack, flow }: Ends) {
    this.callId = callId(invite);
    this.tag = tag;
    this.stack = stack;
    this.#local = local;
    this.#remote = remote;
    this.#target = target;
    this.#seq = seq;
    this.#flow = flow;
  }

  /** A request of the other side: its Contact is the target (RFC 3261 12.2.2), and where a caller came from ours go. */
  follow({ request, flow }: Arrival): void {
    if (this.#flow) this.#flow = flow;
    this.#setTarget(request);
  }

  /** A response to our INVITE that makes the dialog (RFC 3261 12.1.2). */
  learn(response: SipResponse): void {
    const { to, 'record-route': recorded } = response.headers;
    this.#remote = to;
    this.#routes = Array.isArray(recorded) ? recorded.toReversed() : [];
    this.#setTarget(response);
  }

  /**
   * Sends a request of ours. To a caller it goes on the flow that it came by: behind a NAT its Contact leads nowhere
   * (RFC 5626 has the reasons). `onFinal` hears every final response, made-up ones for dead flows included, and the CSeq.
   */
  send(method: string, onFinal: (response: SipResponse, seq: number) => void, addition?: Addition): void {
    const seq = ++this.#seq;
    const request = this.#request(method, seq, addition);
    if (!request) return;
    this.stack.send(request, (response) => {
      if (response.status >= 200) onFinal(response, seq);
    });
  }

  /** The ACK to a 2xx; a repeated one wants it again (RFC 3261 13.2.2.4). */
  acknowledge(seq: number): void {
    const request = this.#request('ACK', seq);
    if (request) this.stack.send(request);
  }

  #request(method: string, seq: number, { headers, content }: Addition = {}): SipRequest | undefined {
    if (!this.#local || !this.#remote) return undefined;
    const routes = [...this.#routes];
    if (this.#flow) routes.unshift(flowRoute(this.stack, this.#flow));
    return {
      method,
      uri: this.#target,
      headers: {
        via: [],
        from: this.#local,
        to: this.#remote,
        'call-id': this.callId,
        cseq: { seq, method },
        'max-forwards': 70,
        ...(routes.length > 0 && { route: routes }),
        ...(content !== undefined && { 'content-type': 'application/sdp' }),
        ...headers,
      },
      ...(content !== undefined && { content }),
    };
  }

  #setTarget({ headers: { contact } }: SipMessage): void {
    if (Array.isArray(contact) && contact[0]?.uri) this.#target = contact[0].uri;
  }
}
