// One call in a room, whichever side called: descriptions, holds and their end, re-INVITEs of both sides. What a description
// means for the room is its seat's to say, what it means for the secret the session's; tags, clocks and offers are the dialog's.
import { inviteKey, isEncoded, PortQuestion, readSdp, transactionKey } from '../sip/index.js';
import type {
  Arrival,
  Dialog,
  ReofferOutcome,
  Reply,
  SipRequest,
  SipResponse,
  ToldPorts,
} from '../sip/index.js';
import type { QuestionOutcome, Session } from '../index.js';
import type { Format, Leg } from '../room/index.js';
import type { CodecCall } from './codec-match.js';
import type { RoomSeat, SeatRefusal } from './room-seat.js';
import { sipRefusal } from './seat-refusal.js';

export interface CallSite {
  /** The methods that we take. */
  readonly allow: string;
  /** Our Contact for a call that came by this request. */
  contact(arrival: Arrival): string;
  /** The call was over before it began, by a response of ours. */
  onRefused(session: Session, invite: SipRequest, status: number, warning: string): void;
  /** Offer and answer are complete, for the first time or once more. */
  onAnswered(call: MeetingCall): void;
  /** The ACK to a 200 of ours has come. */
  onAcknowledged(call: MeetingCall): void;
  onEnded(call: MeetingCall): void;
  /** Ends the oldest call that nobody has acknowledged, so that this one has its ports. False where there is none. */
  displaceFor(call: MeetingCall): boolean;
  /** One forged datagram may have made the call: it takes no place in the room yet. */
  isUnconfirmed(call: MeetingCall): boolean;
  /** A peer without a key was asked to send to another port, or was not since none was to be had. */
  onQuestion(became: QuestionOutcome | 'noPort'): void;
  /** A defect of ours, or of the owner of the ports, in a question. */
  onFault(error: unknown): void;
}

/** What made the call: an INVITE of theirs, or one of ours that can be given up until it is answered. */
export type Origin =
  | { readonly kind: 'in'; readonly invite: Arrival }
  | { readonly kind: 'out'; readonly giveUp: () => Promise<void> };

/** Calls that are ended for one that finds no ports: each gives one at least, and a call has a few. */
const DISPLACED_MAX = 8;

export class MeetingCall implements CodecCall {
  readonly #site: CallSite;
  readonly #origin: Origin;
  /** Undefined where all calls share one port. */
  readonly #question: PortQuestion | undefined;
  #isEnded = false;
  #isWatched = false;
  /** No 200 of ours to an INVITE waits for its ACK. */
  #isAcknowledged: boolean;
  /** A re-INVITE of theirs that waits for ports: it can be cancelled. */
  #waiting: SipRequest | undefined;

  constructor(
    readonly seat: RoomSeat,
    readonly dialog: Dialog,
    origin: Origin,
    site: CallSite,
  ) {
    this.#site = site;
    this.#origin = origin;
    this.#isAcknowledged = origin.kind === 'out';
    dialog.allow = site.allow;
    if (seat.canMove) this.#question = this.#putQuestions();
  }

  get session(): Session {
    return this.dialog.session;
  }

  get roomName(): string {
    return this.seat.roomName;
  }

  get leg(): Leg | undefined {
    return this.seat.leg;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get codecs(): readonly Format[] {
    return this.seat.codecs;
  }

  /** Until its ACK an INVITE of theirs is under way (RFC 3261 14.1). */
  get isReady(): boolean {
    const { isUp, isChanging } = this.dialog;
    return isUp && !isChanging && this.#isAcknowledged;
  }

  /** Answers the INVITE that made the call. */
  async start(): Promise<void> {
    if (this.#origin.kind === 'out') return;
    const { invite } = this.#origin;
    await this.#lend(readSdp(invite.request));
    // Cancelled, displaced, or the server closes.
    if (this.#isEnded) return;
    const refusal = this.#answer(invite);
    if (refusal) this.#refuse(invite.request, refusal);
  }

  /** A response of theirs to our INVITE brings this answer: an early one is heard like the last (RFC 3261 13.2.1). */
  takeAnswer(offer: string, answer: string): SeatRefusal | undefined {
    if (this.#isEnded) return undefined;
    const refusal = this.seat.accept(offer, answer);
    if (!refusal) this.#tellAnswered();
    return refusal;
  }

  /** A re-INVITE or UPDATE. One that cannot be taken leaves the call as it was (RFC 3261 14.2). */
  async change(arrival: Arrival): Promise<void> {
    const { request } = arrival;
    const offer = readSdp(request);
    const isInvite = request.method === 'INVITE';
    if (isInvite) this.#waiting = request;
    if (isInvite || offer !== undefined) {
      if (!this.seat.isReadyFor(offer)) await this.seat.lend(offer);
      if (!this.#isEnded) await this.#question?.prepareAnswer();
    }
    if (isInvite && this.#waiting !== request) return;
    this.#waiting = undefined;
    const refusal = this.#isEnded ? { status: 481 } : this.#answer(arrival);
    if (refusal) this.dialog.respond(request, refusal);
  }

  /**
   * Offers the last description again, by a re-INVITE of ours: a refresh. Resolves with the final status; 481 or 408 have ended
   * the call.
   *
   * @param only The one audio codec to offer, of `codecs`; one that is refused leaves all as it was.
   */
  async reoffer(only?: Format): Promise<number> {
    let isOffered = false;
    const response = await this.dialog.modify(() => {
      const offered = this.seat.offer(only, this.#question?.toldIn('offer'));
      isOffered ||= offered.ok;
      return offered.ok ? offered.sdp : sipRefusal(offered);
    });
    if (isOffered && response.status >= 300) this.seat.takeBack();
    if (response.status < 300 && !this.#takeReply(response)) void this.hangUp();
    return response.status;
  }

  /** The peer is asked to send to another port where the session wants to know who it is (protocol.md 8.3.6). */
  #putQuestions(): PortQuestion {
    const { seat, session } = this;
    session.on('released', ({ media, component, local }) => {
      if (component === 1) seat.handleReleased(media, local);
    });
    return new PortQuestion({
      session,
      isOutgoing: this.dialog.isOutgoing,
      ports: async () => {
        const pair = await seat.lendForQuestion();
        if (!pair && !this.#isEnded) this.#site.onQuestion('noPort');
        return pair;
      },
      reoffer: (told) => this.#ask(told),
      onFault: (error) => this.#site.onFault(error),
    });
  }

  /** Offers the last description again, once, with these ports. Who refuses keeps its call. */
  async #ask(told: ToldPorts): Promise<ReofferOutcome> {
    let isOffered = false;
    const takeBack = () => {
      if (isOffered) this.seat.takeBack();
      isOffered = false;
    };
    const { outcome, response } = await this.dialog.reoffer(() => {
      const offered = this.seat.offer(undefined, told);
      isOffered = offered.ok;
      return offered.ok ? offered.sdp : sipRefusal(offered);
    }, takeBack);
    if (this.#isEnded) return 'unanswered';
    this.#site.onQuestion(outcome === 'withdrawn' ? 'unanswered' : outcome);
    if (outcome !== 'answered') takeBack();
    else if (!this.#takeReply(response)) void this.hangUp();
    return outcome;
  }

  /** Takes the answer to a re-INVITE of ours. False where there is none, or it cannot be taken: the call is another one then. */
  #takeReply(response: SipResponse): boolean {
    const offer = this.dialog.offerAnsweredBy(response);
    const answer = readSdp(response);
    return offer !== undefined && answer !== undefined && !this.takeAnswer(offer, answer);
  }

  /** The ACK to a 200, with the answer in it where the offer was ours. */
  acknowledge(ack: SipRequest): void {
    this.dialog.keepAlive();
    if (!this.#isEnded && this.seat.enter()) return void this.hangUp();
    this.#isAcknowledged = true;
    // Where the offer was ours its answer is in here, and is read first.
    queueMicrotask(() => !this.#isEnded && this.#site.onAcknowledged(this));
    const offer = this.dialog.offerAnsweredBy(ack);
    if (offer === undefined || this.#isEnded) return;
    const answer = readSdp(ack);
    if (answer === undefined || this.seat.accept(offer, answer)) return void this.hangUp();
    this.#tellAnswered();
  }

  /** A CANCEL that came before our answer; later it changes nothing (RFC 3261 9.2). */
  cancel(cancel: SipRequest): void {
    const waiting = this.#waiting;
    if (waiting && !this.#isEnded && transactionKey(waiting) === inviteKey(cancel)) {
      this.#waiting = undefined;
      this.dialog.respond(waiting, { status: 487 });
    }
    if (this.#origin.kind === 'in' && !this.dialog.isConfirmed && !this.#isEnded)
      this.dialog.respond(this.#origin.invite.request, { status: 487 });
  }

  /** Ends the call from our side; fulfilled when the other side has confirmed, or cannot. */
  async hangUp(): Promise<void> {
    if (this.#isEnded) return;
    if (!this.dialog.isConfirmed) {
      if (this.#origin.kind === 'out') return this.#origin.giveUp();
      return this.#refuse(this.#origin.invite.request, { status: 503, warning: 'the server closes' });
    }
    const isConfirmed = this.dialog.hangUp();
    this.end();
    await isConfirmed;
  }

  /** The dialog is over: out of the room, ports given back. Idempotent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.seat.leave();
    // After the session has said where it was closed, but before the next datagram: it may want these ports.
    queueMicrotask(() => {
      this.session.close();
      this.seat.release();
    });
    this.#site.onEnded(this);
  }

  /** Calls that one forged datagram may have made keep no ports from this one. */
  async #lend(offer: string | undefined): Promise<void> {
    await this.seat.lend(offer, false);
    for (let tries = 0; tries < DISPLACED_MAX && !this.#isEnded && !this.seat.isReadyFor(offer); tries++) {
      if (!this.#site.displaceFor(this)) break;
      // The ports come back after the event that ended the call.
      await new Promise((resolve) => setImmediate(resolve));
      await this.seat.lend(offer, false);
    }
    if (!this.#isEnded && !this.seat.isReadyFor(offer)) await this.seat.lend(offer);
  }

  #answer(arrival: Arrival): Reply | undefined {
    const { request } = arrival;
    const offer = readSdp(request);
    if (offer !== undefined) {
      const told = this.#question?.toldIn('answer');
      const answered = this.seat.answer(offer, this.#site.isUnconfirmed(this), told);
      if (!answered.ok) return sipRefusal(answered);
      this.#accept(arrival, answered.sdp);
      this.#question?.noteAnswered();
      this.#tellAnswered();
    } else if (request.content) {
      return unsupportedBody(request);
    } else if (request.method === 'UPDATE') {
      this.#accept(arrival, undefined);
    } else {
      const offered = this.seat.offer(undefined, this.#question?.toldIn('offer'));
      if (!offered.ok) return sipRefusal(offered);
      this.#accept(arrival, offered.sdp);
    }
    return undefined;
  }

  #tellAnswered(): void {
    // Of a call that came the ACK says that somebody is there.
    if (this.#origin.kind === 'out') this.dialog.keepAlive();
    // Early media may be silent: there is a person who has not answered yet.
    if (!this.#isWatched && this.dialog.isUp) {
      this.#isWatched = true;
      this.dialog.expectMedia(() => !this.#isPeerSending);
    }
    this.#site.onAnswered(this);
  }

  /** False where it has said that it sends nothing, as on hold. */
  get #isPeerSending(): boolean {
    return this.leg?.streams.some(({ isSending }) => isSending) !== false;
  }

  #accept(arrival: Arrival, content: string | undefined): void {
    if (arrival.request.method === 'INVITE') this.#isAcknowledged = false;
    this.dialog.contact = this.#site.contact(arrival);
    this.dialog.respond(arrival.request, { status: 200, ...(content !== undefined && { content }) });
  }

  #refuse(invite: SipRequest, reply: Reply): void {
    const { status, warning = `refused with ${status}` } = reply;
    this.dialog.respond(invite, { ...reply, warning });
    this.#site.onRefused(this.session, invite, status, warning);
    this.end();
  }
}

/** RFC 3261 8.2.3: with what would be read instead. */
function unsupportedBody(request: SipRequest): Reply {
  return {
    status: 415,
    headers: { accept: 'application/sdp', 'accept-encoding': 'identity' },
    warning: isEncoded(request)
      ? 'the body is encoded, and is read as it is only'
      : 'the body is no session description',
  };
}
