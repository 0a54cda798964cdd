// One call in a room, whichever side called: offer and answer, holds and their end, re-INVITEs of both sides, the 200 until
// its ACK. What a description means for the room is its seat's to say, what it means for the secret the session's.
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { callId, readSdp } from '../sip/index.js';
import type { SipRequest, SipResponse } from '../sip/index.js';
import type { SipPackage } from '../../plugins/sip/index.js';
import type { Session } from '../index.js';
import type { Leg } from '../room/index.js';
import type { RoomSeat, SeatRefusal, SeatSite } from './room-seat.js';
import { reply } from './sip-dialog.js';
import type { Arrival, Reply, SipDialog } from './sip-dialog.js';

export interface CallSite extends SeatSite {
  readonly sip: SipPackage;
  readonly allow: string;
  /** Our Contact for a call that came by this request. */
  contact(arrival: Arrival): string;
  /** The call was over before it began, by a response of ours. */
  onRefused(session: Session, invite: SipRequest, status: number, warning: string): void;
  /** Offer and answer are complete, for the first time or once more. */
  onAnswered(call: MeetingCall): void;
  onEnded(call: MeetingCall): void;
}

/** What made the call: an INVITE of theirs, or one of ours that can be given up until it is answered. */
export type Origin =
  | { readonly kind: 'in'; readonly invite: Arrival }
  | { readonly kind: 'out'; readonly contact: string; readonly giveUp: () => Promise<void> };

/** RFC 3261 17: T1 and T2. */
const T1_MS = 500;
const T2_MS = 4000;
/** RFC 3261 14.2: 0 to 10. */
const RETRY_AFTER_S = 1;
/** RFC 3261 14.1: in steps of 10 ms, for who made the Call-ID and for the other side, so that one of them is first. */
const GLARE_STEP_MS = 10;
const GLARE_STEPS = { out: [210, 401], in: [0, 201] } as const;
const GLARE_ATTEMPTS = 4;
/** RFC 3261 12.2.1.2, and what the sip package makes up for a connection that is gone. */
const GONE: readonly number[] = [408, 481, 430, 503];

export class MeetingCall {
  readonly #site: CallSite;
  readonly #origin: Origin;
  #state: 'early' | 'up' | 'ended' = 'early';
  /** A re-INVITE of theirs waits for ports, or one of ours for its answer. */
  #isChanging = false;
  #contact: string;
  /** Our offer in a 200 whose ACK is to bring the answer. */
  #pendingOffer: string | undefined;
  #retransmission: NodeJS.Timeout | undefined;

  constructor(
    readonly session: Session,
    readonly seat: RoomSeat,
    readonly dialog: SipDialog,
    origin: Origin,
    site: CallSite,
  ) {
    this.#site = site;
    this.#origin = origin;
    this.#contact = origin.kind === 'in' ? site.contact(origin.invite) : origin.contact;
  }

  get roomName(): string {
    return this.seat.roomName;
  }

  get leg(): Leg | undefined {
    return this.seat.leg;
  }

  /** Up, or over. */
  get isConfirmed(): boolean {
    return this.#state !== 'early';
  }

  /** Answered, and not over. */
  get isUp(): boolean {
    return this.#state === 'up';
  }

  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Answers the INVITE that made the call. */
  async start(): Promise<void> {
    if (this.#origin.kind === 'out') return;
    const { invite } = this.#origin;
    await this.seat.lend(readSdp(invite.request));
    // Cancelled, or the server closes.
    if (this.#state !== 'early') return;
    const refusal = this.#answer(invite);
    if (refusal) this.#refuse(invite, refusal.status, refusal.warning);
  }

  /** A response of theirs to our INVITE brings this answer: an early one is heard like the last (RFC 3261 13.2.1). */
  takeAnswer(offer: string, answer: string): SeatRefusal | undefined {
    if (this.#state === 'ended') return undefined;
    const refusal = this.seat.accept(offer, answer);
    if (!refusal) this.#site.onAnswered(this);
    return refusal;
  }

  /** Their 2xx to our INVITE: the call is up, and is to be ended by BYE. */
  confirm(): void {
    if (this.#state === 'early') this.#state = 'up';
  }

  /** A re-INVITE or UPDATE. One that cannot be taken leaves the call as it was (RFC 3261 14.2). */
  async change(arrival: Arrival): Promise<void> {
    this.dialog.follow(arrival);
    if (this.#isChanging) {
      this.#reply(arrival, { status: 500, headers: { 'retry-after': String(RETRY_AFTER_S) } });
      return;
    }
    const offer = readSdp(arrival.request);
    if (arrival.request.method === 'INVITE' || offer !== undefined) {
      if (!this.seat.isReadyFor(offer)) {
        this.#isChanging = true;
        await this.seat.lend(offer);
        this.#isChanging = false;
      }
    }
    const refusal = this.#state === 'ended' ? { status: 481 } : this.#answer(arrival);
    if (refusal) this.#reply(arrival, refusal);
  }

  /**
   * Offers the last description again, by a re-INVITE of ours: a refresh. Where both sides have offered at once it waits and
   * tries again (RFC 3261 14.1). Resolves with the final status; 481 or 408 have ended the call.
   */
  async reoffer(): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      const status = await this.#reofferOnce();
      if (status !== 491 || attempt === GLARE_ATTEMPTS) return status;
      const [least, end] = GLARE_STEPS[this.#origin.kind];
      await delay(randomInt(least, end) * GLARE_STEP_MS, undefined, { ref: false });
    }
  }

  /** Asks whether the other side is still there; false where it has no such call, says nothing, or cannot be reached. */
  isThere(): Promise<boolean> {
    return new Promise((resolve) => {
      this.dialog.send('OPTIONS', ({ status }) => resolve(!GONE.includes(status)));
    });
  }

  /** The ACK to a 200, with the answer in it where the offer was ours. */
  acknowledge(arrival: Arrival): void {
    clearTimeout(this.#retransmission);
    this.dialog.follow(arrival);
    const offer = this.#pendingOffer;
    if (offer === undefined) return;
    this.#pendingOffer = undefined;
    const answer = readSdp(arrival.request);
    if (answer === undefined || this.seat.accept(offer, answer)) return void this.hangUp();
    this.#site.onAnswered(this);
  }

  /** Whether this CANCEL names the transaction of the call's INVITE (RFC 3261 9.2): it bears no tag of ours. */
  isInvitedBy(cancel: SipRequest): boolean {
    if (this.#origin.kind === 'out') return false;
    const branchOf = ({ headers }: SipRequest) => headers.via?.[0]?.params['branch'];
    const { request } = this.#origin.invite;
    return callId(cancel) === this.dialog.callId && branchOf(cancel) === branchOf(request);
  }

  /** A CANCEL that came before our answer; later it changes nothing (RFC 3261 9.2). */
  cancel(): void {
    if (this.#state === 'early' && this.#origin.kind === 'in')
      this.#reply(this.#origin.invite, { status: 487 });
  }

  /** Ends the call from our side; fulfilled when the other side has confirmed, or cannot. */
  async hangUp(): Promise<void> {
    if (this.#state === 'ended') return;
    if (this.#state === 'early') {
      if (this.#origin.kind === 'out') return this.#origin.giveUp();
      return this.#refuse(this.#origin.invite, 503, 'the server closes');
    }
    await new Promise<void>((resolve) => {
      this.dialog.send('BYE', () => resolve());
      this.end();
    });
  }

  /** The dialog is over: out of the room, ports given back. Idempotent. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    clearTimeout(this.#retransmission);
    this.seat.leave();
    // After the session has said where it was closed, but before the next datagram: it may want these ports.
    process.nextTick(() => {
      this.session.close();
      this.seat.release();
    });
    this.#site.onEnded(this);
  }

  #answer(arrival: Arrival): SeatRefusal | Reply | undefined {
    const { request } = arrival;
    const offer = readSdp(request);
    if (offer !== undefined) {
      const answered = this.seat.answer(offer);
      if (!answered.ok) return answered;
      this.#accept(arrival, answered.sdp);
      this.#site.onAnswered(this);
    } else if (request.content) {
      return { status: 415, headers: { accept: 'application/sdp' } };
    } else if (request.method === 'UPDATE') {
      this.#accept(arrival, undefined);
    } else {
      const offered = this.seat.offer();
      if (!offered.ok) return offered;
      this.#pendingOffer = offered.sdp;
      this.#accept(arrival, offered.sdp);
    }
    return undefined;
  }

  #accept(arrival: Arrival, content: string | undefined): void {
    if (this.#origin.kind === 'in') this.#state = 'up';
    this.#contact = this.#site.contact(arrival);
    const headers = {
      contact: [{ uri: this.#contact }],
      allow: this.#site.allow,
      accept: 'application/sdp',
    };
    const response = this.#reply(arrival, {
      status: 200,
      headers,
      ...(content !== undefined && { content }),
    });
    if (arrival.request.method !== 'INVITE') return;
    // RFC 3261 13.3.1.4: the 200 is repeated until the ACK, over any transport. Without one the plugin ends the dialog.
    clearTimeout(this.#retransmission);
    const repeat = (delayMs: number) => {
      this.#retransmission = setTimeout(() => {
        arrival.stack.send(response);
        repeat(Math.min(delayMs * 2, T2_MS));
      }, delayMs);
    };
    repeat(T1_MS);
  }

  async #reofferOnce(): Promise<number> {
    if (this.#state !== 'up') return 481;
    if (this.#isChanging || this.#pendingOffer !== undefined) return 491;
    const offered = this.seat.offer();
    if (!offered.ok) return offered.status;
    this.#isChanging = true;
    const { response, seq } = await this.#ask(offered.sdp);
    this.#isChanging = false;
    const { status } = response;
    if (status < 300) {
      this.dialog.acknowledge(seq);
      const answer = readSdp(response);
      if (answer === undefined || this.takeAnswer(offered.sdp, answer)) void this.hangUp();
    }
    // RFC 3261 12.2.1.2: there is no such dialog any more.
    if (status === 481 || status === 408) void this.hangUp();
    return status;
  }

  #ask(content: string): Promise<{ response: SipResponse; seq: number }> {
    const headers = { contact: [{ uri: this.#contact }], allow: this.#site.allow };
    return new Promise((resolve) => {
      let isAnswered = false;
      this.dialog.send(
        'INVITE',
        (response, seq) => {
          // A repeated 2xx only wants its ACK again.
          if (isAnswered && response.status < 300) this.dialog.acknowledge(seq);
          isAnswered = true;
          resolve({ response, seq });
        },
        { headers, content },
      );
    });
  }

  #refuse(invite: Arrival, status: number, warning: string | undefined): void {
    const text = warning ?? `refused with ${status}`;
    this.#reply(invite, { status, warning: text });
    this.#site.onRefused(this.session, invite.request, status, text);
    this.end();
  }

  #reply(arrival: Arrival, answer: Reply) {
    return reply(this.#site.sip, arrival, { tag: this.dialog.tag, ...answer });
  }
}
