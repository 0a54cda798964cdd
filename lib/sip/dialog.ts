/**
 * One dialog: its session, its tags, what a request inside it needs, and the clocks that end it when no BYE comes.
 * Knows nothing of sockets; which message does what to it is decided in calls.ts.
 */
import type { Session } from '../index.js';
import type { OfferAnswer } from './offer-answer.js';
import type { Signalling } from './hop.js';
import { cseqOf } from './message.js';
import type { SipAddress, SipFlow, SipMessage, SipUri } from './message-types.js';

/** 64*T1: how long RFC 3261 waits for what should have come (17.1.1.2, 13.3.1.4, 9.1). */
export const TRANSACTION_MS = 32_000;

/** RFC 3261 17.1.1.1: the round trip that timers start from, and where doubling ends. */
const T1_MS = 500;
const T2_MS = 4000;

export type EndReason =
  | 'bye'
  | 'failed'
  | 'cancelled'
  | 'forked'
  | 'timeout'
  | 'expired'
  | 'silence'
  | 'rejected'
  | 'closed'
  | 'destroyed';

export interface DialogLimits {
  /** How long an INVITE may ring; timer C of RFC 3261 16.6 asks for more than 3 minutes. */
  readonly ringingMs: number;
  /** How long all streams may stay expired before the dialog is given up; 0: for ever. */
  readonly maxSilenceMs: number;
}

/** As many offers and answers as can be open or repeated at a time; older ones are forgotten. */
const MAX_OFFER_ANSWERS = 8;

export class Dialog {
  localTag: string | undefined;
  remoteTag: string | undefined;
  /** Highest CSeq that the peer used in this dialog: older requests are replays (RFC 3261 12.2.2). */
  remoteSeq = 0;
  localSeq = 0;
  isConfirmed = false;
  /** The flow of the newest request from the peer. */
  flow: SipFlow | undefined;
  local: SipAddress | undefined;
  remote: SipAddress | undefined;
  target: string | SipUri | undefined;
  routes: SipAddress[] = [];
  readonly offerAnswers: OfferAnswer[] = [];
  readonly #live = new Set<string>();
  #hasExpired = false;
  #isEnded = false;
  #deadline: NodeJS.Timeout | undefined;
  #refresh: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;
  #repeat: NodeJS.Timeout | undefined;

  constructor(
    readonly callId: string,
    readonly session: Session,
    readonly signalling: Signalling,
    readonly isOutgoing: boolean,
    readonly limits: DialogLimits,
    private readonly onEnd: (dialog: Dialog, reason: EndReason) => void,
  ) {
    session.once('closed', () => this.end('closed'));
    if (limits.maxSilenceMs > 0) this.#watchSilence();
    this.expectWithin(limits.ringingMs, 'timeout');
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  addOfferAnswer(offerAnswer: OfferAnswer): void {
    this.offerAnswers.push(offerAnswer);
    if (this.offerAnswers.length > MAX_OFFER_ANSWERS) this.offerAnswers.shift();
  }

  /** The INVITE with this CSeq, in this direction. */
  invite(isIncoming: boolean, seq: number): OfferAnswer | undefined {
    return this.offerAnswers.findLast(
      (x) => x.method === 'INVITE' && x.isIncoming === isIncoming && x.seq === seq,
    );
  }

  /** An offer that has no answer yet, of whichever side (RFC 3264 4: one at a time). */
  pendingOffer(): OfferAnswer | undefined {
    return this.offerAnswers.findLast((x) => x.offer !== 'none' && x.state === 'open');
  }

  /** Ends the dialog unless `relax` or another expectation comes first. */
  expectWithin(ms: number, reason: EndReason): void {
    clearTimeout(this.#deadline);
    if (this.#isEnded) return;
    this.#deadline = setTimeout(() => this.end(reason), ms);
    this.#deadline.unref();
  }

  /** The ACK has come, or gone out: nothing is waited for. */
  relax(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#repeat);
  }

  /** RFC 3261 13.3.1.4: a 2xx is sent again until its ACK comes. The package leaves that to its user. */
  repeatUntilAcknowledged(send: () => void, afterMs = T1_MS): void {
    clearTimeout(this.#repeat);
    if (this.#isEnded) return;
    this.#repeat = setTimeout(() => {
      send();
      this.repeatUntilAcknowledged(send, Math.min(2 * afterMs, T2_MS));
    }, afterMs);
    this.#repeat.unref();
  }

  /** RFC 4028 10: without a refresh within the interval the session has ended. Undefined: no timer any more. */
  refreshWithin(ms: number | undefined): void {
    clearTimeout(this.#refresh);
    if (ms === undefined || this.#isEnded) return;
    this.#refresh = setTimeout(() => this.end('expired'), ms);
    this.#refresh.unref();
  }

  /** What a request of ours needs: the caller's view of a 2xx (RFC 3261 12.1.2). */
  learnAsCaller(response: SipMessage): void {
    this.local = response.headers.from;
    this.remote = response.headers.to;
    this.localSeq = Math.max(this.localSeq, cseqOf(response).seq);
    this.#learnTarget(response, true);
  }

  /** The callee's view of a request (RFC 3261 12.1.1). */
  learnAsCallee(request: SipMessage): void {
    this.remote = request.headers.from;
    this.local = request.headers.to;
    this.#learnTarget(request, false);
  }

  /** Closes the session, once. */
  end(reason: EndReason): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const timer of [this.#deadline, this.#refresh, this.#silence, this.#repeat]) clearTimeout(timer);
    // Their texts carry our half of the secret.
    this.offerAnswers.length = 0;
    this.onEnd(this, reason);
    this.session.close();
  }

  #learnTarget(message: SipMessage, isReversed: boolean): void {
    const contact = message.headers.contact;
    if (Array.isArray(contact) && contact[0]?.uri) this.target = contact[0].uri;
    const recorded = message.headers['record-route'];
    const routes = Array.isArray(recorded) ? [...recorded] : [];
    this.routes = isReversed ? routes.reverse() : routes;
  }

  #watchSilence(): void {
    const key = (event: { media: number; component: number }) => `${event.media}/${event.component}`;
    const onLive = (event: { media: number; component: number }) => {
      this.#live.add(key(event));
      this.#hasExpired = false;
      clearTimeout(this.#silence);
    };
    this.session.on('verified', onLive);
    this.session.on('rebound', onLive);
    this.session.on('direct', onLive);
    this.session.on('expired', (event) => {
      this.#live.delete(key(event));
      if (this.#live.size > 0 || this.#hasExpired || this.#isEnded) return;
      this.#hasExpired = true;
      this.#silence = setTimeout(() => this.end('silence'), this.limits.maxSilenceMs);
      this.#silence.unref();
    });
  }
}
