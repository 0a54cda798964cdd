// A call of the server's own: one INVITE to one URI, every phone that rings for it heard in the room, the first that answers
// kept. It follows no redirection and knows no password: what it cannot do it reports.
import { randomBytes } from 'node:crypto';
import { readSdp } from '../sip/index.js';
import type { CallUri, SipFlow, SipMessage, SipRequest, SipResponse } from '../sip/index.js';
import type { LatchSip, Stack } from '../../plugins/sip/index.js';
import type { Session } from '../index.js';
import { MeetingCall } from './meeting-call.js';
import type { CallSite } from './meeting-call.js';
import { RoomSeat } from './room-seat.js';
import { flowRoute, newTag, SipDialog } from './sip-dialog.js';

export interface CallOut {
  readonly uri: CallUri;
  readonly room: string;
  /** By which the call goes out, and where what belongs to it comes in. */
  readonly stack: Stack;
  readonly contact: string;
  /** How long it may ring. */
  readonly ringMs: number;
  /** The connection by which it is called, where its URI leads nowhere: that of a WebSocket phone (RFC 7118 section 5). */
  readonly flow?: SipFlow;
}

/** What became of a call of ours. */
export interface CallOutcome {
  /** Of SIP: 200 where the call is up; 408 where nobody answered in time, 503 where nobody was reached. */
  readonly status: number;
  readonly reason: string;
  /** Of the phone that answered. */
  readonly session?: Session;
}

export interface OutgoingSite {
  readonly latch: LatchSip;
  readonly call: CallSite;
  /** One phone more that may answer; files it by its session. */
  onCall(call: MeetingCall): void;
  find(session: Session): MeetingCall | undefined;
}

/** Of responses that the sip package makes up, which have no reason phrase. */
const REASONS: Readonly<Record<number, string>> = {
  404: 'there is no such host',
  408: 'no answer',
  416: 'the URI cannot be called',
  430: 'the connection is gone',
  // The package says so of a 503 that was received, too.
  503: 'it cannot be reached, or takes no calls now',
};

export class OutgoingCall {
  readonly invite: SipRequest;
  /** Settles once: with the answer, or why there is none. */
  readonly outcome: Promise<CallOutcome>;
  readonly #options: CallOut;
  readonly #site: OutgoingSite;
  /** The final response has come. */
  readonly #final: Promise<void>;
  #isFinal: () => void = () => undefined;
  #settle: (outcome: CallOutcome) => void = () => undefined;
  #isSettled = false;
  #hasProgress = false;
  #isCancelled = false;
  #first: MeetingCall | undefined;
  readonly #calls: MeetingCall[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CallOut, site: OutgoingSite) {
    this.#options = options;
    this.#site = site;
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
    this.#final = new Promise((resolve) => (this.#isFinal = resolve));
    this.invite = this.#createInvite();
  }

  get room(): string {
    return this.#options.room;
  }

  async start(): Promise<void> {
    const { latch } = this.#site;
    const { room, ringMs, stack } = this.#options;
    const session = latch.session(this.invite);
    if (!session) throw new Error('the plugin makes a session for every INVITE');
    const seat = new RoomSeat(room, String(this.invite.headers['call-id']), session, this.#site.call);
    const first = (this.#first = this.#addCall(session, seat));
    await seat.lend(undefined);
    if (first.isEnded) return this.#finish({ status: 503, reason: 'the server closes' });
    const offer = seat.offer();
    if (!offer.ok) return this.#finish({ status: offer.status, reason: offer.warning });
    this.invite.content = offer.sdp;
    const seconds = Math.round(ringMs / 100) / 10;
    this.#timer = setTimeout(() => void this.giveUp(408, `no answer within ${seconds} s`), ringMs);
    stack.send(this.invite, (response) => this.#onResponse(offer.sdp, response));
  }

  /** CANCELs the INVITE, and hangs up on who answers nevertheless. Resolves when the other side knows. */
  giveUp(status = 487, reason = 'given up'): Promise<void> {
    this.#report({ status, reason });
    if (this.#isCancelled) return this.#final;
    this.#isCancelled = true;
    for (const call of this.#calls) call.seat.leave();
    // RFC 3261 9.1: not before a provisional response.
    if (this.#hasProgress) this.#cancel();
    return this.#final;
  }

  #onResponse(offer: string, response: SipResponse): void {
    const { status } = response;
    if (status < 200 && !this.#hasProgress) {
      this.#hasProgress = true;
      if (this.#isCancelled) this.#cancel();
    }
    if (status <= 100) return;
    if (status >= 300) return this.#finish({ status, reason: reasonOf(response) });
    const call = this.#callOf(response);
    if (!call) return;
    call.dialog.learn(response);
    const answer = readSdp(response);
    if (status >= 200) this.#onSuccess(call, offer, answer);
    else if (answer !== undefined && !this.#isCancelled) call.takeAnswer(offer, answer);
  }

  /** The plugin has hung up on all others. */
  #onSuccess(call: MeetingCall, offer: string, answer: string | undefined): void {
    call.dialog.acknowledge(1);
    this.#isFinal();
    if (call.isConfirmed) return;
    call.confirm();
    if (this.#isCancelled) return void call.hangUp();
    const refusal = answer === undefined ? undefined : call.takeAnswer(offer, answer);
    if (refusal || !call.leg) {
      this.#report({ status: 488, reason: refusal?.warning ?? 'the answer has no session description' });
      return void call.hangUp();
    }
    this.#report({ status: 200, reason: 'OK', session: call.session });
  }

  /** The call of the phone that this response is from: one more for each that answers the same INVITE. */
  #callOf(response: SipResponse): MeetingCall | undefined {
    const session = this.#site.latch.session(response);
    if (!session || session.isClosed || !this.#first) return undefined;
    return this.#site.find(session) ?? this.#addCall(session, this.#first.seat.fork(session));
  }

  #addCall(session: Session, seat: RoomSeat): MeetingCall {
    const { stack, contact, flow } = this.#options;
    const origin = { kind: 'out', contact, giveUp: () => this.giveUp() } as const;
    const dialog = SipDialog.outgoing(this.invite, stack, flow);
    const call = new MeetingCall(session, seat, dialog, origin, this.#site.call);
    this.#calls.push(call);
    this.#site.onCall(call);
    return call;
  }

  /** There will be no call. */
  #finish(outcome: CallOutcome): void {
    this.#report(outcome);
    this.#isFinal();
    for (const call of this.#calls) call.end();
  }

  #report(outcome: CallOutcome): void {
    clearTimeout(this.#timer);
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settle(outcome);
  }

  #cancel(): void {
    const { via, from, to, 'call-id': id } = this.invite.headers;
    if (!via?.[0] || !from || !to) return;
    const cseq = { seq: 1, method: 'CANCEL' };
    const route = this.#route;
    const headers = { via: [via[0]], from, to, 'call-id': String(id), cseq, 'max-forwards': 70, ...route };
    this.#options.stack.send({ method: 'CANCEL', uri: this.invite.uri, headers }, () => undefined);
  }

  get #route(): SipMessage['headers'] {
    const { stack, flow } = this.#options;
    return flow ? { route: [flowRoute(stack, flow)] } : {};
  }

  #createInvite(): SipRequest {
    const { uri, contact } = this.#options;
    const user = uri.user === undefined ? '' : `${uri.user}@`;
    const headers: SipMessage['headers'] = {
      to: { uri: `${uri.scheme}:${user}${uri.host}` },
      from: { uri: contact.replace(/(?::\d+)?;.*$/, ''), params: { tag: newTag() } },
      'call-id': randomBytes(12).toString('hex'),
      cseq: { seq: 1, method: 'INVITE' },
      contact: [{ uri: contact }],
      'max-forwards': 70,
      allow: this.#site.call.allow,
      accept: 'application/sdp',
      'content-type': 'application/sdp',
      ...this.#route,
    };
    return { method: 'INVITE', uri: uri.text, headers, content: '' };
  }
}

function reasonOf({ status, reason, headers }: SipResponse): string {
  const warning =
    typeof headers.warning === 'string' ? /"((?:[^"\\]|\\.)*)"/.exec(headers.warning)?.[1] : undefined;
  const said = reason === undefined || reason === '' ? REASONS[status] : reason;
  return [said ?? `status ${status}`, warning?.replace(/\\(.)/g, '$1')].filter(Boolean).join(': ');
}
