/**
 * One dialog (RFC 3261 12), for whoever speaks SIP here: the plugin, the distribution server, the phone. Its session, its tags,
 * route set and CSeqs, the requests inside it, and the clocks that end it when no BYE comes. It knows nothing of sockets; which
 * message does what to it is decided in calls.ts.
 */
import type { QuestionOutcome, Session } from '../index.js';
import type { Authenticator } from './authenticator.js';
import { Cancellation } from './cancellation.js';
import { askWhenSilent, NOBODY, questionOutcomeOf } from './consent-question.js';
import { CseqNumbering } from './cseq-numbering.js';
import type { DialogPorts } from './dialog-ports.js';
import { GLARE_ATTEMPTS, glareWaitMs } from './glare.js';
import type { Signalling } from './hop.js';
import { KeepAlive } from './keep-alive.js';
import { cseqOf, sessionExpiresMs } from './message.js';
import type {
  OnResponse,
  SipAddress,
  SipFlow,
  SipMessage,
  SipRequest,
  SipResponse,
  SipUri,
} from './message-types.js';
import type { OfferAnswer, Refusal } from './offer-answer.js';
import type { ReofferOutcome } from './port-question.js';
import { PeerKnowledge } from './peer-knowledge.js';
import { createCancel, createInDialog, flowRoute } from './request.js';
import type { Addition } from './request.js';
import { createLocalResponse, createResponse, newTag } from './response.js';
import type { Reply } from './response.js';
import { SessionTimer } from './session-timer.js';
import { SilenceWatch } from './silence-watch.js';
import type { SipStack } from './stack-types.js';
import { SuccessTimer } from './success-timer.js';

/** 64*T1: how long RFC 3261 waits for what should have come (17.1.1.2, 13.3.1.4, 9.1). */
export const TRANSACTION_MS = 32_000;

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
  | 'displaced'
  | 'destroyed';

/** What became of an offer of ours, and the response that says so. */
export interface Reoffered {
  readonly outcome: ReofferOutcome;
  readonly response: SipResponse;
}

export interface DialogLimits {
  /** How long an INVITE may ring; timer C of RFC 3261 16.6 asks for more than 3 minutes. */
  readonly ringingMs: number;
  /** How long the peer may be silent before the dialog is given up (silence-watch.ts); 0: for ever. */
  readonly maxSilenceMs: number;
}

/** A port question that has no answer by then is over (protocol.md 8.3.4). */
export const UNANSWERED_MS = 2000;
/** As many offers and answers as can be open or repeated at a time; older ones are forgotten. */
const MAX_OFFER_ANSWERS = 8;
/** Who gets one of these has nobody to speak to any more; the last two are what a connection that is gone is answered with. */
const GONE: readonly number[] = [...NOBODY, 430, 503];

/** Requests that move the remote target (RFC 3261 12.2, RFC 3311 5.1), and say where we are reached. They may offer. */
export function isTargetRefresh(method: string): boolean {
  return method === 'INVITE' || method === 'UPDATE';
}

export class Dialog {
  localTag: string | undefined;
  remoteTag: string | undefined;
  /** Highest CSeq that the peer used in this dialog: older requests are replays (RFC 3261 12.2.2). */
  remoteSeq = 0;
  localSeq = 0;
  /** A 2xx has been sent or has come. */
  isConfirmed = false;
  /** The flow of the newest message from the peer. */
  flow: SipFlow | undefined;
  /** Requests of ours go by that flow, not to where the target would lead: it may be behind a NAT. */
  isOnFlow: boolean;
  /** What the newest message of the dialog came or went by. */
  stack: SipStack | undefined;
  local: SipAddress | undefined;
  remote: SipAddress | undefined;
  target: string | SipUri | undefined;
  routes: SipAddress[] = [];
  /** Our Contact, and the methods that we take: in each INVITE and UPDATE of ours, and in the 2xx to one. */
  contact: string | undefined;
  allow: string | undefined;
  /** Ports that its peer may be asked to send to; undefined where there are none. */
  ports: DialogPorts | undefined;
  /** Answers challenges to requests of ours; without it a 401 is what it is. */
  authenticator: Authenticator | undefined;
  /** What its messages show of the peer. */
  readonly peer: PeerKnowledge;
  /** The CSeqs of its requests, whoever makes them. */
  readonly numbering = new CseqNumbering();
  readonly timer = new SessionTimer();
  readonly offerAnswers: OfferAnswer[] = [];
  /** By messages of the peer: the offer of ours that each was to answer. */
  readonly #answered = new WeakMap<SipMessage, string>();
  /** Responses that came over the network: of others there is nobody who has given them. */
  readonly #received = new WeakSet<SipMessage>();
  readonly #silence: SilenceWatch;
  readonly #success = new SuccessTimer();
  /** Offers of either kind that wait for their turn. */
  readonly #waiting: (() => void)[] = [];
  /** Our Contact where it is an application's to choose, as its messages have it. */
  #place: SipMessage['headers']['contact'];
  #isReoffering = false;
  /** Of a re-INVITE of this side's own that is under way: the way to give it up. */
  #cancellation: Cancellation | undefined;
  /** Set once the offer in it may be withdrawn. */
  #withdraw: (() => void) | undefined;
  readonly #keepAlive = new KeepAlive(() => this.#ping());
  #isEnded = false;
  #deadline: NodeJS.Timeout | undefined;
  #refresh: NodeJS.Timeout | undefined;

  constructor(
    readonly callId: string,
    readonly session: Session,
    readonly signalling: Signalling,
    readonly isOutgoing: boolean,
    readonly limits: DialogLimits,
    private readonly onEnd: (dialog: Dialog, reason: EndReason) => void,
  ) {
    this.peer = new PeerKnowledge(session);
    this.isOnFlow = !isOutgoing;
    session.once('closed', () => this.end('closed'));
    this.#silence = new SilenceWatch({
      maxSilenceMs: limits.maxSilenceMs,
      session,
      ask: () => this.isThere(),
      onSilent: () => this.giveUp('silence'),
    });
    askWhenSilent(session, () =>
      this.isUp ? this.#ask().then((response) => this.#outcomeOf(response)) : undefined,
    );
    this.expectWithin(limits.ringingMs, 'timeout');
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Answered, and not over. */
  get isUp(): boolean {
    return this.isConfirmed && !this.#isEnded;
  }

  /** An INVITE has no final response yet, or an offer no answer: no other may be made now (RFC 3261 14.1, RFC 3264 4). */
  get isChanging(): boolean {
    return this.inviteUnderWay() !== undefined || this.pendingOffer() !== undefined;
  }

  /** A re-INVITE of this side's, of which the application knows nothing, has no answer yet. */
  get isReoffering(): boolean {
    return this.#isReoffering;
  }

  /** A new INVITE may go out (RFC 3261 14.1): the last one has been acknowledged, too. */
  get isQuiet(): boolean {
    return !this.isChanging && !this.#isReoffering && this.offerAnswers.every(({ isAckDue }) => !isAckDue);
  }

  /** Calls back once a new INVITE may go out, or the dialog is over; in turn, where several wait. */
  whenQuiet(goOn: () => void): void {
    this.#waiting.push(goOn);
    this.giveWay();
    this.noteSettled();
  }

  /** For calls.ts: something has been answered or acknowledged. What is about to be written goes out before what has waited for it. */
  noteSettled(): void {
    if (this.#waiting.length === 0) return;
    queueMicrotask(() => {
      while (this.#waiting.length > 0 && (this.#isEnded || this.isQuiet)) this.#waiting.shift()?.();
    });
  }

  /**
   * Answers a request of the peer's: with our tag, and in a 2xx to INVITE or UPDATE our Contact. A 2xx to an INVITE is sent
   * again until its ACK comes.
   */
  respond(request: SipRequest, reply: Reply): void {
    const { stack } = this;
    if (!stack) return;
    const tag = (this.localTag ??= newTag());
    const isOurPlace = isTargetRefresh(request.method) && reply.status > 100 && reply.status < 300;
    const headers = { ...(isOurPlace && this.#ourPlace), ...reply.headers };
    stack.send(createResponse(request, { tag, ...reply, headers }, stack.hostname()));
  }

  /**
   * Sends a request of ours. `onFinal` hears every final response with the request's CSeq: made-up ones where there is no way
   * to the peer, and each repetition of a 2xx to an INVITE.
   */
  request(
    method: string,
    onFinal: (response: SipResponse, seq: number) => void = () => undefined,
    addition: Addition = {},
  ): void {
    this.#attempt(method, onFinal, addition, 0);
  }

  /** @param answered How many challenges were answered. */
  #attempt(
    method: string,
    onFinal: (response: SipResponse, seq: number) => void,
    addition: Addition,
    answered: number,
  ): void {
    const seq = ++this.localSeq;
    const refresh = isTargetRefresh(method) && { ...this.#ourPlace, ...this.timer.headers };
    const headers = { ...refresh, ...addition.headers };
    const isSent = this.#send(method, seq, { ...addition, headers }, (response) => {
      const invite = method === 'INVITE' ? this.invite(false, seq) : undefined;
      if (response.status < 200) return invite && this.#cancellation?.noteProgress();
      const uri = this.target ?? '';
      const isOver = invite?.isWithdrawn === true;
      const proof = isOver ? undefined : this.authenticator?.answer({ method, uri }, response, answered);
      if (!proof) return onFinal(response, seq);
      const next = { ...addition, headers: { ...addition.headers, ...proof } };
      this.#attempt(method, onFinal, next, answered + 1);
    });
    if (!isSent) process.nextTick(() => onFinal(createLocalResponse(481), seq));
  }

  /** The ACK to a 2xx; each repetition of that 2xx wants it again (RFC 3261 13.2.2.4). */
  acknowledge(seq: number, addition: Addition = {}): void {
    this.#send('ACK', seq, addition);
  }

  /**
   * Offers anew by a re-INVITE. Where both sides offer at once, the one that made the Call-ID waits longer, and each tries again
   * (RFC 3261 14.1). Resolves with the final response, whose 2xx has been acknowledged; after a 481 or a 408 the dialog is over.
   *
   * @param describe The offer, made for each attempt; or why there is none.
   */
  async modify(describe: () => string | Refusal): Promise<SipResponse> {
    for (let attempt = 1; ; attempt++) {
      const { response } = await this.#modifyOnce(describe);
      // RFC 3261 12.2.1.2: there is nobody any more.
      if (response.status === 408) void this.hangUp();
      if (response.status !== 491 || attempt === GLARE_ATTEMPTS) return response;
      await new Promise<void>((resolve) => {
        setTimeout(resolve, glareWaitMs(this.isOutgoing)).unref();
      });
    }
  }

  /**
   * As `modify`, but once, as soon as nothing else is under way; and who does not answer keeps its call. For the port question (protocol.md
   * 8.3.6).
   *
   * @param onWithdrawn Called at most once, where the offer gives way to one of the peer's (`giveWay`).
   */
  async reoffer(describe: () => string | Refusal, onWithdrawn?: () => void): Promise<Reoffered> {
    await new Promise<void>((resolve) => this.whenQuiet(resolve));
    this.#isReoffering = true;
    const overdue = setTimeout(() => {
      this.#withdraw = onWithdrawn ?? (() => undefined);
      if (this.#waiting.length > 0) this.giveWay();
    }, UNANSWERED_MS);
    overdue.unref();
    const reoffered = await this.#modifyOnce(describe);
    clearTimeout(overdue);
    this.#withdraw = this.#cancellation = undefined;
    // Who has asked learns of it before anything else is offered.
    setImmediate(() => {
      this.#isReoffering = false;
      this.noteSettled();
    });
    return reoffered;
  }

  /**
   * Somebody else makes an offer, the peer or the application. RFC 3261 14.2 answers a peer's 491 while an INVITE of ours is under way, so
   * that two offers do not cross. But over UDP one that nobody answers is under way for 32 s, and behind a proxy that has said 100 for
   * minutes: the hold of somebody whom our question never reached would be refused all that time, for something that no application has
   * asked for. So a question that is over, since it has had no answer for 2 s, is withdrawn, and its INVITE cancelled as soon as RFC 3261
   * 9.1 allows. Should the peer take it yet, it is offered anew what holds then.
   */
  giveWay(): void {
    const withdraw = this.#withdraw;
    const offer = withdraw && this.pendingOffer();
    if (!offer || offer.isIncoming) return;
    this.#withdraw = undefined;
    offer.withdraw();
    withdraw();
    this.#cancellation?.cancel();
  }

  /** Asks whether the peer is still there (OPTIONS); false where it has no such call, says nothing, or cannot be reached. */
  async isThere(): Promise<boolean> {
    const response = await this.#ask();
    this.peer.noteAsked(this.#outcomeOf(response));
    return !GONE.includes(response.status);
  }

  /**
   * The peer's media is expected from now on: a call that brings none for `maxSilenceMs`, and has no proved path, is given up.
   *
   * @param mayBeSilent True while the peer has said that it sends nothing, as on hold: it is asked first.
   */
  expectMedia(mayBeSilent: () => boolean): void {
    if (!this.#isEnded) this.#silence.expectMedia(mayBeSilent);
  }

  /**
   * From now on the way to the peer is kept open: by line breaks or a ping on its connection (RFC 5626 3.5.1, RFC 7118 6), by OPTIONS in
   * the dialog over UDP, whose answer opens the way from the peer's side too. Idempotent.
   */
  keepAlive(): void {
    if (this.isUp) this.#keepAlive.start();
  }

  /** A message of the peer's has come in this dialog. */
  noteHeard(message: SipMessage): void {
    this.#received.add(message);
    this.#keepAlive.noteHeard();
  }

  /** Ends a confirmed dialog by BYE; fulfilled when the peer has answered it, or cannot. */
  hangUp(): Promise<void> {
    if (!this.isUp) return Promise.resolve();
    return new Promise((resolve) => this.request('BYE', () => resolve()));
  }

  /** Ends the dialog where nobody has said BYE: this side says it, if there is a call to end (RFC 3261 13.3.1.4, 14.2). */
  giveUp(reason: EndReason): void {
    const { isUp } = this;
    this.end(reason);
    if (isUp) this.request('BYE');
  }

  /**
   * Ends a dialog that nobody has acknowledged, so that others have its place. One BYE says so to a caller whose ACK was late; it goes as
   * far as protocol.md P11 lets it, once and without a transaction, which would hold more than the call did.
   */
  displace(): void {
    const { isUp, stack, flow, target, local, remote, routes } = this;
    this.end('displaced');
    if (!isUp || !stack || !flow || !local || !remote || target === undefined) return;
    const place = { callId: this.callId, local, remote, target, routes };
    stack.sendOnce(createInDialog(place, 'BYE', ++this.localSeq), flow);
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

  /** An INVITE, of whichever side, that has no final response yet; the last one. */
  inviteUnderWay(): OfferAnswer | undefined {
    return this.offerAnswers.findLast(({ method, hasFinal }) => method === 'INVITE' && !hasFinal);
  }

  /** An offer that has no answer yet, of whichever side (RFC 3264 4: one at a time). */
  pendingOffer(): OfferAnswer | undefined {
    return this.offerAnswers.findLast((x) => x.offer !== 'none' && x.state === 'open');
  }

  /**
   * The offer of ours, as we wrote it, that this message of the peer's answers, or was to answer: a response, an ACK or a
   * PRACK. undefined: no offer of ours waits for it, as with an ACK that is repeated.
   */
  offerAnsweredBy(message: SipMessage): string | undefined {
    return this.#answered.get(message);
  }

  /** For calls.ts. */
  noteAnswer(message: SipMessage, offer: string): void {
    this.#answered.set(message, offer);
  }

  /** Gives the dialog up unless `acknowledged` or another expectation comes first. */
  expectWithin(ms: number, reason: EndReason): void {
    clearTimeout(this.#deadline);
    if (this.#isEnded) return;
    this.#deadline = setTimeout(() => this.giveUp(reason), ms);
    this.#deadline.unref();
  }

  /** A 2xx of ours to the INVITE with this CSeq: `send` is called now, and again on the schedule of RFC 3261 13.3.1.4. */
  repeatUntilAcknowledged(seq: number, send: () => void): void {
    if (!this.#isEnded) this.#success.start(seq, send);
  }

  /** The ACK to an INVITE with this CSeq has come, or goes out: nothing is waited for. */
  acknowledged(seq: number, isIncoming: boolean): void {
    clearTimeout(this.#deadline);
    this.#success.acknowledge(seq);
    const invite = this.invite(isIncoming, seq);
    if (invite) invite.isAckDue = false;
    this.noteSettled();
  }

  /** For calls.ts: a 2xx to an INVITE or UPDATE. RFC 4028 10: without a refresh within its interval the session has ended. */
  refreshed(response: SipMessage, isIncoming: boolean): void {
    this.timer.agree(response, isIncoming);
    clearTimeout(this.#refresh);
    const ms = sessionExpiresMs(response);
    if (ms === undefined || this.#isEnded) return;
    this.#refresh = setTimeout(() => this.giveUp('expired'), ms);
    this.#refresh.unref();
  }

  /**
   * What a response to a request of ours says of the peer (RFC 3261 12.1.2, 12.2.1.2). The route set is that of the call's
   * beginning; only the target moves later.
   */
  learnAsCaller(response: SipMessage, isInitial: boolean): void {
    this.local = response.headers.from;
    this.remote = response.headers.to;
    this.localSeq = Math.max(this.localSeq, cseqOf(response).seq);
    if (isInitial) this.routes = recordedRoutes(response).reverse();
    this.#learnTarget(response);
  }

  /** What our INVITE has said, and where it went, is the same for all who answer it. */
  learnFromFork(first: Dialog): void {
    this.stack = first.stack;
    this.flow = first.flow;
    this.isOnFlow = first.isOnFlow;
    this.target = first.target;
    this.contact = first.contact;
    this.allow = first.allow;
    this.peer.inherit(first.peer);
  }

  /** What a request of the peer's says of it (RFC 3261 12.1.1, 12.2.2). */
  learnAsCallee(request: SipRequest, isInitial: boolean): void {
    this.remote = request.headers.from;
    this.local = request.headers.to;
    if (isInitial) {
      this.routes = recordedRoutes(request);
      this.target = request.headers.from?.uri;
    }
    if (isTargetRefresh(request.method)) this.#learnTarget(request);
  }

  /** A message of the application's says where it is reached: requests that it knows nothing of say the same. */
  learnOwnPlace({ headers: { contact } }: SipMessage): void {
    if (contact !== undefined) this.#place = contact;
  }

  /** Closes the session, once. Says nothing to the peer. */
  end(reason: EndReason): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const timer of [this.#deadline, this.#refresh]) clearTimeout(timer);
    this.#silence.stop();
    this.#success.stop();
    this.#keepAlive.stop();
    // Their texts carry our half of the secret.
    this.offerAnswers.length = 0;
    this.noteSettled();
    this.onEnd(this, reason);
    this.session.close();
  }

  #ask(): Promise<SipResponse> {
    return new Promise((resolve) => this.request('OPTIONS', resolve));
  }

  /** As an answer to a question; nobody has given one that did not come over the network. */
  #outcomeOf(response: SipResponse): QuestionOutcome {
    return this.#received.has(response) ? questionOutcomeOf(response.status) : 'unanswered';
  }

  #ping(): void {
    const { flow, stack } = this;
    if (flow?.protocol.toUpperCase() === 'UDP') this.request('OPTIONS');
    else if (flow) stack?.ping?.(flow);
  }

  get #ourPlace() {
    const { contact, allow } = this;
    const place = contact === undefined ? this.#place : [{ uri: contact }];
    return {
      ...(place !== undefined && { contact: place }),
      ...(allow !== undefined && { allow, accept: 'application/sdp' }),
    };
  }

  #modifyOnce(describe: () => string | Refusal): Promise<Reoffered> {
    const local = (status: number, warning?: string): Promise<Reoffered> =>
      Promise.resolve({
        outcome: questionOutcomeOf(status),
        response: createLocalResponse(status, warning),
      });
    if (!this.isUp) return local(481);
    if (this.isChanging) return local(491);
    const content = describe();
    if (typeof content !== 'string') return local(content.status, content.warning);
    return new Promise((resolve) => {
      const onFinal = (response: SipResponse, seq: number) => {
        const isSuccess = response.status < 300;
        const { isAgreed, isWithdrawn } = this.invite(false, seq) ?? {};
        if (isSuccess) this.acknowledge(seq);
        const outcome = this.#outcomeOf(response);
        this.peer.noteAsked(outcome);
        if (isWithdrawn) resolve({ outcome: isSuccess ? 'withdrawn' : 'unanswered', response });
        // A 2xx without an answer has taken nothing of the offer.
        else resolve({ outcome: outcome === 'answered' && !isAgreed ? 'refused' : outcome, response });
      };
      this.request('INVITE', onFinal, { content });
    });
  }

  /** False where it is not known yet how the peer is reached. */
  #send(method: string, seq: number, addition: Addition, onResponse?: OnResponse): boolean {
    const { callId, local, remote, target, stack, flow } = this;
    if (!local || !remote || target === undefined || !stack) return false;
    const routes = this.isOnFlow && flow?.local ? [flowRoute(stack, flow), ...this.routes] : this.routes;
    const request = createInDialog({ callId, local, remote, target, routes }, method, seq, addition);
    this.numbering.noteOwn(request);
    if (method === 'INVITE') this.#cancellation = new Cancellation(() => this.#cancel(request, routes));
    stack.send(request, onResponse);
    return true;
  }

  #cancel(invite: SipRequest, routes: readonly SipAddress[]): void {
    const cancel = createCancel(invite, routes);
    if (!cancel) return;
    this.numbering.noteOwn(cancel);
    this.stack?.send(cancel);
  }

  #learnTarget({ headers: { contact } }: SipMessage): void {
    if (Array.isArray(contact) && contact[0]?.uri) this.target = contact[0].uri;
  }
}

function recordedRoutes({ headers: { 'record-route': recorded } }: SipMessage): SipAddress[] {
  return Array.isArray(recorded) ? [...recorded] : [];
}
