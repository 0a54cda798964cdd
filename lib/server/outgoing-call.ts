// A call of the server's own: one INVITE to one URI, every phone that rings for it heard in the room, the first that answers
// kept. What it cannot do it reports.
import { Invitation, readSdp, readWarning } from '../sip/index.js';
import type {
  CallUri,
  Dialog,
  SipFlow,
  SipRequest,
  SipResponse,
  SipSignalling,
  SipStack,
} from '../sip/index.js';
import type { Session } from '../index.js';
import { MeetingCall } from './meeting-call.js';
import type { CallSite } from './meeting-call.js';
import type { RoomSeat } from './room-seat.js';
import type { RoomSeats } from './room-seats.js';
import { sipRefusal } from './seat-refusal.js';

export interface CallOut {
  readonly uri: CallUri;
  readonly room: string;
  /** By which the call goes out, and where what belongs to it comes in. */
  readonly stack: SipStack;
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
  readonly signalling: SipSignalling;
  readonly call: CallSite;
  readonly seats: RoomSeats;
  /** One phone more that may answer; files it by its session. */
  onCall(call: MeetingCall): void;
  find(session: Session): MeetingCall | undefined;
}

/** Of responses that a stack makes up, which have no reason phrase. */
const REASONS: Readonly<Record<number, string>> = {
  404: 'there is no such host',
  408: 'no answer',
  416: 'the URI cannot be called',
  430: 'the connection is gone',
  // The sip package says so of a 503 that was received, too.
  503: 'it cannot be reached, or takes no calls now',
};

export class OutgoingCall {
  /** Settles once: with the answer, or why there is none. */
  readonly outcome: Promise<CallOutcome>;
  readonly #options: CallOut;
  readonly #site: OutgoingSite;
  readonly #invitation: Invitation;
  #settle: (outcome: CallOutcome) => void = () => undefined;
  #isSettled = false;
  #first: MeetingCall | undefined;
  readonly #calls: MeetingCall[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CallOut, site: OutgoingSite) {
    const { uri, stack, contact, flow } = options;
    this.#options = options;
    this.#site = site;
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
    this.#invitation = new Invitation(
      site.signalling,
      { uri, stack, contact, flow, allow: site.call.allow },
      {
        onProgress: (response, dialog) => this.#onProgress(response, dialog),
        onAnswer: (response, dialog) => this.#onAnswer(response, dialog),
        onFailure: (response) => this.#finish({ status: response.status, reason: reasonOf(response) }),
      },
    );
  }

  get invite(): SipRequest {
    return this.#invitation.request;
  }

  get room(): string {
    return this.#options.room;
  }

  async start(): Promise<void> {
    const { room, ringMs } = this.#options;
    const dialog = this.#invitation.open();
    const seat = this.#site.seats.take(room, dialog.session);
    const first = (this.#first = this.#addCall(dialog, seat));
    await seat.lend(undefined);
    if (first.isEnded) return this.#finish({ status: 503, reason: 'the server closes' });
    const offer = seat.offer();
    if (!offer.ok) {
      const { status, warning } = sipRefusal(offer);
      return this.#finish({ status, reason: warning });
    }
    const seconds = Math.round(ringMs / 100) / 10;
    this.#timer = setTimeout(() => void this.giveUp(408, `no answer within ${seconds} s`), ringMs);
    this.#invitation.send(offer.sdp);
  }

  /** Nobody is heard any more, and who answers nevertheless is hung up on. Resolves when the other side knows. */
  giveUp(status = 487, reason = 'given up'): Promise<void> {
    this.#report({ status, reason });
    for (const call of this.#calls) call.seat.leave();
    return this.#invitation.cancel();
  }

  #onProgress(response: SipResponse, dialog: Dialog | undefined): void {
    const call = dialog && this.#callOf(dialog);
    const offer = dialog?.offerAnsweredBy(response);
    const answer = readSdp(response);
    if (offer === undefined || answer === undefined || this.#invitation.isCancelled) return;
    call?.takeAnswer(offer, answer);
  }

  #onAnswer(response: SipResponse, dialog: Dialog): void {
    const call = this.#callOf(dialog);
    const offer = dialog.offerAnsweredBy(response);
    const answer = readSdp(response);
    const refusal = offer === undefined || answer === undefined ? undefined : call.takeAnswer(offer, answer);
    if (refusal || !call.leg) {
      this.#report({ status: 488, reason: refusal?.warning ?? 'the answer has no session description' });
      return void call.hangUp();
    }
    this.#report({ status: 200, reason: 'OK', session: call.session });
  }

  /** The call of this phone: one more for each that answers the same INVITE. */
  #callOf(dialog: Dialog): MeetingCall {
    const { session } = dialog;
    const known = this.#site.find(session);
    if (known) return known;
    if (!this.#first) throw new Error('nobody answers before the first call is made');
    return this.#addCall(dialog, this.#first.seat.fork(session));
  }

  #addCall(dialog: Dialog, seat: RoomSeat): MeetingCall {
    const call = new MeetingCall(seat, dialog, { kind: 'out', giveUp: () => this.giveUp() }, this.#site.call);
    this.#calls.push(call);
    this.#site.onCall(call);
    return call;
  }

  /** There will be no call. */
  #finish(outcome: CallOutcome): void {
    this.#report(outcome);
    for (const call of this.#calls) call.end();
  }

  #report(outcome: CallOutcome): void {
    clearTimeout(this.#timer);
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settle(outcome);
  }
}

function reasonOf(response: SipResponse): string {
  const { status, reason } = response;
  const said = reason === undefined || reason === '' ? REASONS[status] : reason;
  return [said ?? `status ${status}`, readWarning(response)].filter(Boolean).join(': ');
}
