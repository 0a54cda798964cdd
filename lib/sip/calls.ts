/**
 * The calls of one process: which dialog a message belongs to, and what it does to it. Messages in, edits and refusals
 * out; no sockets here. A message of no dialog we know passes untouched.
 */
import { stripKeys, stripLatch } from '../index.js';
import type { Latchkey, PeerSource, Policy, Role, Session } from '../index.js';
import { readSdp, replaceSdp } from './body.js';
import { BoundCounters } from './bound-counters.js';
import type { LedgerAddress } from './datagram-ledger.js';
import { Dialog, isTargetRefresh, TRANSACTION_MS } from './dialog.js';
import type { DialogLimits, EndReason } from './dialog.js';
import { DialogPorts } from './dialog-ports.js';
import { DialogTable } from './dialog-table.js';
import { OfferAnswer } from './offer-answer.js';
import type { Refusal } from './offer-answer.js';
import { Forks, type Fork } from './forks.js';
import { HeldRequests } from './held-requests.js';
import type { HeldSite } from './held-requests.js';
import type { Signalling } from './hop.js';
import {
  callId,
  cseqOf,
  fromTag,
  isReliable,
  isTriedAgain,
  methodOf,
  inviteKey,
  rackCseq,
  toTag,
  transactionKey,
} from './message.js';
import type { SipFlow, SipMessage, SipRequest, SipResponse } from './message-types.js';
import { ParkedOffers } from './parked-offers.js';
import type { ParkSite } from './parked-offers.js';
import { peerSource } from './peer-knowledge.js';
import type { LendPorts } from './port-question.js';
import type { SipStack } from './stack-types.js';
import { STRANGER_LIMITS } from './stranger-limits.js';
import type { StrangerLimits } from './stranger-limits.js';
import { UnconfirmedCalls } from './unconfirmed-calls.js';

export interface CallsOptions extends DialogLimits {
  readonly role?: Role;
  readonly policy?: Policy;
  readonly srtp?: 'terminate';
  /** How many calls strangers may begin. */
  readonly strangers?: StrangerLimits;
  /** Counts the calls that gave way to others. */
  readonly bounds?: BoundCounters;
  /** Lends ports that peers without a key may be asked to send to (protocol.md 8.3.6); unset, they are asked nothing. */
  readonly ports?: LendPorts | undefined;
}

export interface CallsObserver {
  onSession(session: Session, message: SipMessage): void;
  onEnd(dialog: Dialog, reason: EndReason): void;
  /** Somebody receives at this IP address (protocol.md 8). */
  onShown?(address: string): void;
  /** What `ports` has thrown, or a session at them. */
  onPortFault?(error: unknown): void;
}

/** A request of ours under way; of an INVITE that makes a call `dialog` and `offerAnswer` are the first fork's. */
export interface Outgoing extends Fork {
  readonly request: SipRequest;
  /** Of an INVITE that makes a call. */
  readonly forks: Forks | undefined;
  /** A 2xx that could not be taken: it has been acknowledged and hung up, and its repetitions are too. */
  isRefused: boolean;
}

/** The two forms of a body of ours: with our attributes, and for a hop that may not carry them. */
export interface Edit {
  readonly dialog: Dialog;
  readonly latched: string;
  readonly plain: string;
  readonly original: string;
}

/** By what a request goes out. */
export interface Way {
  readonly stack: SipStack;
  /** The open connection that the request names as its next hop. */
  readonly flow: SipFlow | undefined;
}

/** A request of the peer's that is about to be handed to the application. Neither may throw. */
export interface HandOnSite {
  readonly goOn: () => void;
  /** It waited, and this CANCEL of it came first: both are to be answered, and the application hears of neither (RFC 3261 9.2). */
  readonly onCancelled: (cancel: SipRequest) => void;
}

export class Calls {
  readonly edits = new WeakMap<SipMessage, Edit>();
  readonly table = new DialogTable();
  readonly #unconfirmed: UnconfirmedCalls<Dialog>;
  readonly #strangers: StrangerLimits;
  readonly #bounds: BoundCounters;
  readonly #parked: ParkedOffers;
  readonly #held = new HeldRequests();
  /** INVITEs of peers that wait for a port which the answer to them is to tell, by their transactions. */
  readonly #handedOn = new Map<string, HandOnSite>();

  constructor(
    private readonly latchkey: Latchkey,
    private readonly options: CallsOptions,
    private readonly observer: CallsObserver,
  ) {
    const { strangers = STRANGER_LIMITS, bounds = new BoundCounters() } = options;
    this.#strangers = strangers;
    this.#bounds = bounds;
    this.#unconfirmed = new UnconfirmedCalls(bounds, (dialog) => dialog.displace(), strangers);
    this.#parked = new ParkedOffers(latchkey, bounds, strangers);
  }

  /** The call came over UDP: until it is acknowledged one forged datagram may have made it, and it may have to give way to others. */
  noteUnconfirmed(dialog: Dialog, source: LedgerAddress): void {
    if (!dialog.isEnded) this.#unconfirmed.add(dialog, source);
  }

  /** Ends the oldest call that nobody has acknowledged, for one that finds no ports. False where there is none to end. */
  displaceUnconfirmed(newcomer: Dialog): boolean {
    return this.#unconfirmed.displaceFor(newcomer);
  }

  /** One forged datagram may have made this call: it came over UDP, and nobody has acknowledged it. */
  isUnconfirmed(dialog: Dialog): boolean {
    return this.#unconfirmed.has(dialog);
  }

  /** The dialog of an INVITE that is about to go out; made on first sight. */
  outgoingInvite(request: SipRequest, signalling: Signalling): Dialog {
    const known = this.table.ofMessage(request) ?? this.table.waiting(callId(request), fromTag(request));
    const dialog = known && !known.isEnded ? known : this.#open(request, signalling, true);
    this.table.mark(request, dialog);
    return dialog;
  }

  /**
   * To be asked of each request before `receiveRequest`: true where it waits for a key to be fetched, to be received in `site.goOn`; or why
   * it is refused.
   */
  park(request: SipRequest, remote: SipFlow, site: ParkSite): boolean | Refusal {
    const tag = toTag(request);
    const dialog = tag === undefined ? undefined : this.table.find(callId(request), tag, fromTag(request));
    if (dialog) this.table.mark(request, dialog);
    return this.#parked.park(request, remote, dialog, site);
  }

  /** To be asked of each CANCEL before `receiveRequest`: true where it has ended the wait of its INVITE. */
  cancelParked(cancel: SipRequest): boolean {
    return this.#parked.cancel(cancel);
  }

  /** Whether this request has come before, and belongs to a call or waits. */
  isKnown(request: SipRequest): boolean {
    return this.table.incoming(transactionKey(request)) !== undefined || this.#parked.has(request);
  }

  /** A request that the package has not seen before. Returns why it is refused, if it is. */
  receiveRequest(
    request: SipRequest,
    remote: SipFlow,
    signalling: Signalling,
    stack?: SipStack,
  ): Refusal | undefined {
    const tag = toTag(request);
    if (request.method === 'INVITE' && tag === undefined)
      return this.#receiveInvite(request, remote, signalling, stack);
    const dialog =
      request.method === 'CANCEL'
        ? this.table.incoming(inviteKey(request))?.dialog
        : this.table.find(callId(request), tag, fromTag(request));
    if (!dialog) return undefined;
    this.table.mark(request, dialog);
    const { seq } = cseqOf(request);
    if (request.method === 'CANCEL') {
      // The application owes the INVITE a 487 now; should it forget, this ends the session.
      if (!dialog.isConfirmed && !dialog.isOutgoing) dialog.expectWithin(TRANSACTION_MS, 'cancelled');
      return undefined;
    }
    this.table.follow(dialog, remote);
    dialog.noteHeard(request);
    dialog.stack = stack;
    if (readSdp(request) !== undefined) dialog.peer.noteSource(remote, signalling);
    if (request.method === 'ACK' || request.method === 'PRACK') this.#noteRepeated(dialog, remote);
    if (request.method === 'ACK') return this.#receiveAck(request, dialog, signalling);
    const keys = this.#parked.keysFor(request);
    if (seq < dialog.remoteSeq && !keys)
      return { status: 500, warning: 'CSeq is lower than that of an earlier request' };
    dialog.remoteSeq = Math.max(dialog.remoteSeq, seq);
    keys?.giveTo(dialog.session);
    return this.#receiveInDialog(request, dialog, signalling);
  }

  /** A message of ours is written to this flow, the first time or again. */
  noteSent(message: SipMessage, target: SipFlow): void {
    const dialog = this.table.ofMessage(message);
    // A 100 carries no tag of ours, nor does what repeats no more than the peer's own branch.
    if (dialog && (message.status === undefined || message.status > 100)) dialog.peer.noteSent(target);
  }

  /** A response of the application on its way out: edits are filed, the dialog follows its status. */
  sendResponse(response: SipResponse): void {
    const incoming = this.table.incoming(transactionKey(response));
    if (!incoming) return;
    const { dialog, offerAnswer } = incoming;
    this.table.mark(response, dialog);
    const { status } = response;
    if (status <= 100) return;
    if (offerAnswer.isInitial) {
      dialog.localTag ??= toTag(response);
      dialog.local = response.headers.to;
    }
    const isSuccess = status >= 200 && status < 300;
    const sdp = status < 300 ? readSdp(response) : undefined;
    if (sdp !== undefined) {
      this.#fileEdit(response, { dialog, offerAnswer }, sdp, (plain) =>
        offerAnswer.localResponse(plain, isSuccess || isReliable(response)),
      );
    }
    if (status < 200) {
      if (offerAnswer.isInitial && !dialog.isConfirmed)
        dialog.expectWithin(dialog.limits.ringingMs, 'timeout');
      return;
    }
    if (!isSuccess) {
      offerAnswer.fail();
      if (offerAnswer.isInitial) dialog.end(status === 487 ? 'cancelled' : 'failed');
      return dialog.noteSettled();
    }
    if (isTargetRefresh(offerAnswer.method)) dialog.learnOwnPlace(response);
    if (offerAnswer.method === 'BYE') dialog.end('bye');
    this.#succeed(dialog, offerAnswer, response);
  }

  /**
   * To be asked of each request before `sendRequest`, by stacks whose applications count for themselves: the request as it goes out, under
   * another CSeq where requests of ours have taken its own (cseq-numbering.ts).
   */
  numbered(request: SipRequest): SipRequest {
    const tag = toTag(request);
    if (tag === undefined) return request;
    // One that was sent before goes out again with credentials, when its BYE has ended the dialog.
    const dialog = this.table.find(callId(request), fromTag(request), tag) ?? this.table.ofMessage(request);
    if (!dialog) return request;
    this.table.mark(request, dialog);
    const numbered = dialog.numbering.onWire(request, dialog.localSeq);
    dialog.localSeq = Math.max(dialog.localSeq, cseqOf(numbered).seq);
    return numbered;
  }

  /**
   * To be asked of each request that was received and is not refused: `site.goOn` hands it to the application, at once or when there is a
   * port that the answer to it is to tell (protocol.md 8.3.8).
   */
  handOn(request: SipRequest, site: HandOnSite): void {
    const { method } = request;
    const ports = this.table.ofMessage(request)?.ports;
    if (!ports) return site.goOn();
    if (method === 'CANCEL') {
      const invite = inviteKey(request);
      const waiting = this.#handedOn.get(invite);
      this.#handedOn.delete(invite);
      if (waiting) return waiting.onCancelled(request);
    }
    const hasOffer = isTargetRefresh(method) && readSdp(request) !== undefined;
    if (method !== 'INVITE') return ports.inOrder(hasOffer, site.goOn);
    const key = transactionKey(request);
    this.#handedOn.set(key, site);
    ports.inOrder(hasOffer, () => {
      if (this.#handedOn.delete(key)) site.goOn();
    });
  }

  /**
   * To be asked of each request before `sendRequest`, by stacks whose applications offer by themselves: true where it waits until a
   * re-INVITE of which its application knows nothing has been answered. `site` hears how that ends.
   */
  holdBack(request: SipRequest, site: HeldSite): boolean {
    const tag = toTag(request);
    if (!isTargetRefresh(request.method) || tag === undefined) return false;
    const dialog = this.table.find(callId(request), fromTag(request), tag);
    if (dialog?.isReoffering !== true || dialog.numbering.isOwn(request)) return false;
    this.#held.hold(dialog, request, site);
    return true;
  }

  /** To be asked of each CANCEL before `sendRequest`: true where it has ended the wait of its INVITE, and is to be answered 200. */
  cancelHeld(cancel: SipRequest): boolean {
    const dialog = this.table.find(callId(cancel), fromTag(cancel), toTag(cancel));
    return dialog?.numbering.isOwn(cancel) === false && this.#held.cancel(dialog, cancel);
  }

  /** A request of the application on its way out. Undefined: of no concern here. */
  sendRequest(request: SipRequest, signalling: Signalling, way?: Way): Outgoing | undefined {
    const { method } = request;
    const isInitial = method === 'INVITE' && toTag(request) === undefined;
    const dialog = isInitial
      ? this.outgoingInvite(request, signalling)
      : this.table.find(callId(request), fromTag(request), toTag(request));
    if (!dialog) return undefined;
    this.table.mark(request, dialog);
    const { seq } = cseqOf(request);
    dialog.localSeq = Math.max(dialog.localSeq, seq);
    dialog.stack = way?.stack;
    if (isInitial && way?.flow) {
      dialog.isOnFlow = true;
      this.table.follow(dialog, way.flow);
    }
    const sdp = readSdp(request);
    if (method === 'ACK') {
      const invite = dialog.invite(false, seq);
      if (invite && sdp !== undefined && invite.offer === 'remote') {
        this.#fileEdit(request, { dialog, offerAnswer: invite }, sdp, (plain) => invite.localAnswer(plain));
      }
      if (dialog.isConfirmed) dialog.acknowledged(seq, false);
      return undefined;
    }
    if (method === 'CANCEL') {
      if (!dialog.isConfirmed) dialog.expectWithin(TRANSACTION_MS, 'cancelled');
      return undefined;
    }
    const offerAnswer = new OfferAnswer(dialog.session, method, seq, false, isInitial);
    dialog.addOfferAnswer(offerAnswer);
    if (isTargetRefresh(method)) dialog.learnOwnPlace(request);
    if (method === 'BYE') dialog.end('bye');
    else if (sdp !== undefined) this.#sendSdp(request, dialog, offerAnswer, sdp);
    const first = { dialog, offerAnswer };
    const forks = isInitial ? new Forks(first, (response) => this.#openFork(first, response)) : undefined;
    return { request, ...first, forks, isRefused: false };
  }

  /** To be called with each response before it is received, in `goOn`: at once, or when the key has come that an offer in it names. */
  hold(outgoing: Outgoing, response: SipResponse, goOn: () => void): void {
    this.#parked.hold(outgoing, response, goOn);
  }

  /** Whose response this is; undefined: of a fork that has lost, or of one too many. */
  forkOf(outgoing: Outgoing, response: SipResponse): Fork | undefined {
    const { forks } = outgoing;
    return forks && response.status > 100 && response.status < 300 ? forks.of(response) : outgoing;
  }

  /** A response to a request of ours, made by the peer or by the package. Returns why a 2xx is refused, if it is. */
  receiveResponse(
    outgoing: Outgoing,
    response: SipResponse,
    signalling: Signalling,
    remote?: SipFlow,
  ): Refusal | undefined {
    const { status } = response;
    const fork = this.forkOf(outgoing, response);
    if (fork && remote) {
      this.table.follow(fork.dialog, remote);
      fork.dialog.noteHeard(response);
      this.#noteRepeated(fork.dialog, remote);
    }
    if (status <= 100 || !fork) return undefined;
    const { dialog, offerAnswer } = fork;
    this.table.mark(response, dialog);
    if (status < 300) this.#readAnswer(fork, response, signalling, remote);
    if (status < 200) {
      if (offerAnswer.isInitial && !dialog.isConfirmed)
        dialog.expectWithin(dialog.limits.ringingMs, 'timeout');
      return undefined;
    }
    if (status < 300) {
      outgoing.forks?.win(fork);
      this.#succeed(dialog, offerAnswer, response);
      return offerAnswer.refusal;
    }
    if (status === 422) dialog.timer.noteMinimum(response);
    offerAnswer.fail();
    if (offerAnswer.isInitial) {
      outgoing.forks?.fail(status === 487 ? 'cancelled' : 'failed');
      this.#failCall(dialog, status);
    }
    // RFC 3261 12.2.1.2: the peer knows no such dialog.
    else if (status === 481) dialog.end('failed');
    dialog.noteSettled();
    return undefined;
  }

  /** What a response below 300 says of the dialog and of the peer's description. */
  #readAnswer(
    { dialog, offerAnswer }: Fork,
    response: SipResponse,
    signalling: Signalling,
    remote: SipFlow | undefined,
  ): void {
    const sdp = readSdp(response);
    if (remote && sdp !== undefined) dialog.peer.noteSource(remote, signalling);
    if (isDialogMade(offerAnswer, response)) dialog.learnAsCaller(response, offerAnswer.isInitial);
    if (offerAnswer.localOffer !== undefined) dialog.noteAnswer(response, offerAnswer.localOffer);
    if (sdp === undefined || offerAnswer.refusal !== undefined) return;
    const isBinding = response.status >= 200 || isReliable(response);
    this.#parked.keysFor(response)?.giveTo(dialog.session);
    offerAnswer.remoteResponse(this.#trusted(dialog, sdp, signalling), isBinding);
  }

  endAll(): void {
    for (const dialog of [...this.table.dialogs()]) dialog.end('destroyed');
  }

  #receiveInvite(
    request: SipRequest,
    remote: SipFlow,
    signalling: Signalling,
    stack: SipStack | undefined,
  ): Refusal | undefined {
    if (this.table.countOf(callId(request)) >= this.#strangers.maxCallsOfCallId) {
      this.#bounds.count('callsOfCallId');
      return { status: 482, warning: 'there are too many calls with this Call-ID' };
    }
    const dialog = this.#open(request, signalling, false, peerSource(remote, signalling));
    this.#parked.keysFor(request)?.giveTo(dialog.session);
    this.table.mark(request, dialog);
    this.table.follow(dialog, remote);
    dialog.stack = stack;
    dialog.remoteSeq = cseqOf(request).seq;
    dialog.learnAsCallee(request, true);
    const offerAnswer = this.#begin(request, dialog, true);
    const sdp = readSdp(request);
    return sdp === undefined ? undefined : offerAnswer.remoteRequest(this.#trusted(dialog, sdp, signalling));
  }

  #receiveInDialog(request: SipRequest, dialog: Dialog, signalling: Signalling): Refusal | undefined {
    const sdp = readSdp(request);
    const { method } = request;
    const conflict = this.#conflict(dialog, method, sdp !== undefined);
    const offerAnswer = this.#begin(request, dialog, false);
    dialog.learnAsCallee(request, false);
    if (method === 'PRACK' && sdp !== undefined) {
      const invite = dialog.invite(true, rackCseq(request) ?? NaN);
      const description = this.#trusted(dialog, sdp, signalling);
      if (!invite?.owesAnswer('remote')) return offerAnswer.remoteRequest(description);
      if (invite.localOffer !== undefined) dialog.noteAnswer(request, invite.localOffer);
      return invite.remoteAnswer(description);
    }
    if (conflict) return conflict;
    if ((method !== 'INVITE' && method !== 'UPDATE') || sdp === undefined) return undefined;
    return offerAnswer.remoteRequest(this.#trusted(dialog, sdp, signalling));
  }

  /** RFC 3261 14.2 and RFC 3311 5.2: one INVITE and one offer at a time. 491 where ours is first, 500 where theirs is. */
  #conflict(dialog: Dialog, method: string, hasOffer: boolean): Refusal | undefined {
    const mayOffer = method === 'INVITE' || (method === 'UPDATE' && hasOffer);
    if (mayOffer) dialog.giveWay();
    const pending = mayOffer ? dialog.pendingOffer() : undefined;
    if (pending)
      return {
        status: pending.offer === 'local' ? 491 : 500,
        warning: 'another offer of this dialog has no answer yet',
      };
    const invite = method === 'INVITE' ? dialog.inviteUnderWay() : undefined;
    if (!invite || invite.isWithdrawn) return undefined;
    const warning = 'another INVITE of this dialog has no response yet';
    return { status: invite.isIncoming ? 500 : 491, warning };
  }

  #receiveAck(request: SipRequest, dialog: Dialog, signalling: Signalling): Refusal | undefined {
    const { seq } = cseqOf(request);
    if (dialog.isConfirmed) {
      dialog.acknowledged(seq, true);
      dialog.peer.noteConfirmed();
      this.#unconfirmed.remove(dialog);
    }
    const invite = dialog.invite(true, seq);
    const sdp = readSdp(request);
    if (!invite?.owesAnswer('remote')) return undefined;
    if (invite.localOffer !== undefined) dialog.noteAnswer(request, invite.localOffer);
    if (sdp !== undefined) return invite.remoteAnswer(this.#trusted(dialog, sdp, signalling));
    invite.fail();
    return undefined;
  }

  #noteRepeated(dialog: Dialog, flow: SipFlow): void {
    const shown = dialog.peer.noteRepeated(flow);
    if (shown !== undefined) this.observer.onShown?.(shown);
  }

  #begin(request: SipRequest, dialog: Dialog, isInitial: boolean): OfferAnswer {
    const offerAnswer = new OfferAnswer(dialog.session, request.method, cseqOf(request).seq, true, isInitial);
    dialog.addOfferAnswer(offerAnswer);
    if (isTargetRefresh(request.method)) dialog.timer.noteMinimum(request);
    this.table.addIncoming(transactionKey(request), { dialog, offerAnswer });
    return offerAnswer;
  }

  #open(request: SipMessage, signalling: Signalling, isOutgoing: boolean, peer?: PeerSource): Dialog {
    const { role = 'verifier', policy, srtp } = this.options;
    const call = callId(request);
    const given = { ...(policy && { policy }), ...(srtp && { srtp }), ...(peer && { peer }) };
    const session = this.latchkey.createSession({ call, role, signalling, ...given });
    return this.#file(session, request, signalling, isOutgoing);
  }

  /** One more that answers: another session for the same offer, or one of its own where the offers are the peers'. */
  #openFork({ dialog, offerAnswer }: Fork, response: SipMessage): Fork | undefined {
    if (dialog.isEnded) return undefined;
    const { signalling } = dialog;
    const hasOffered = offerAnswer.offer === 'local';
    const opened = hasOffered
      ? this.#file(dialog.session.fork(), response, signalling, true)
      : this.#open(response, signalling, true);
    opened.learnFromFork(dialog);
    const fork = new OfferAnswer(opened.session, offerAnswer.method, offerAnswer.seq, false, true);
    if (hasOffered) fork.offer = 'local';
    fork.localOffer = offerAnswer.localOffer;
    if (dialog.ports) opened.ports?.inherit(dialog.ports, fork);
    opened.addOfferAnswer(fork);
    return { dialog: opened, offerAnswer: fork };
  }

  #file(session: Session, message: SipMessage, signalling: Signalling, isOutgoing: boolean): Dialog {
    const id = callId(message);
    const dialog = new Dialog(id, session, signalling, isOutgoing, this.options, (ended, reason) => {
      this.table.remove(ended);
      this.#unconfirmed.remove(ended);
      this.observer.onEnd(ended, reason);
    });
    const { ports } = this.options;
    if (ports) dialog.ports = new DialogPorts(dialog, ports, (error) => this.observer.onPortFault?.(error));
    if (isOutgoing) dialog.localTag = fromTag(message);
    else dialog.remoteTag = fromTag(message);
    if (isOutgoing) dialog.target = message.uri;
    this.table.add(dialog);
    this.table.mark(message, dialog);
    this.observer.onSession(session, message);
    return dialog;
  }

  #sendSdp(request: SipRequest, dialog: Dialog, offerAnswer: OfferAnswer, sdp: string): void {
    if (request.method === 'PRACK') {
      const invite = dialog.invite(false, rackCseq(request) ?? NaN);
      const answered = invite?.owesAnswer('local') === true ? invite : undefined;
      this.#fileEdit(request, { dialog, offerAnswer: answered ?? offerAnswer }, sdp, (plain) =>
        answered ? answered.localAnswer(plain) : offerAnswer.localRequest(plain),
      );
    } else if (request.method === 'INVITE' || request.method === 'UPDATE') {
      this.#fileEdit(request, { dialog, offerAnswer }, sdp, (plain) => offerAnswer.localRequest(plain));
    }
  }

  #fileEdit(
    message: SipMessage,
    { dialog, offerAnswer }: Fork,
    sdp: string,
    edit: (sdp: string) => string | undefined,
  ): void {
    // What the application hands over may be our own text of before, in a message that it uses again.
    const written = stripLatch(sdp);
    const bare = dialog.ports?.toWire(written, offerAnswer) ?? written;
    const latched = replaceSdp(message, edit(bare) ?? bare);
    if (offerAnswer.offer === 'remote') dialog.ports?.noteAnswered();
    const original = message.content ?? '';
    this.edits.set(message, { dialog, latched, plain: replaceSdp(message, bare), original });
  }

  /** A description as far as its hop can be trusted: what came in clear brings no secret to a call set up otherwise. */
  #trusted(dialog: Dialog, sdp: string, signalling: Signalling): string {
    return signalling === 'clear' && dialog.signalling !== 'clear' ? stripKeys(sdp) : sdp;
  }

  #succeed(dialog: Dialog, offerAnswer: OfferAnswer, response: SipResponse): void {
    const { method } = offerAnswer;
    // A 2xx that comes again wants no other ACK.
    if (method === 'INVITE' && !offerAnswer.hasFinal) offerAnswer.isAckDue = true;
    offerAnswer.hasFinal = true;
    if (method === 'INVITE') {
      const isRepeated = dialog.isConfirmed && offerAnswer.isInitial;
      dialog.isConfirmed = true;
      if (!offerAnswer.isIncoming) dialog.peer.noteConfirmed();
      if (!isRepeated) dialog.expectWithin(TRANSACTION_MS, 'timeout');
    }
    if (isTargetRefresh(method)) dialog.refreshed(response, offerAnswer.isIncoming);
    // An answer may still come in the ACK where the offer stood in a response; else it is too late for one.
    const isOfferInResponse =
      method === 'INVITE' && offerAnswer.offer === (offerAnswer.isIncoming ? 'local' : 'remote');
    if (
      offerAnswer.state === 'open' &&
      offerAnswer.offer !== 'none' &&
      !isOfferInResponse &&
      !offerAnswer.refusal
    )
      offerAnswer.fail();
    dialog.noteSettled();
  }

  #failCall(dialog: Dialog, status: number): void {
    if (!isTriedAgain(status)) return dialog.end(status === 487 ? 'cancelled' : 'failed');
    dialog.remoteTag = undefined;
    dialog.expectWithin(TRANSACTION_MS, 'failed');
  }

  /** The dialog of a message. */
  dialogOf(message: SipMessage): Dialog | undefined {
    const known = this.table.ofMessage(message);
    if (known) return known;
    if (message.method !== undefined)
      return this.table.find(callId(message), fromTag(message), toTag(message));
    const incoming = methodOf(message) === '' ? undefined : this.table.incoming(transactionKey(message));
    return incoming?.dialog ?? this.table.find(callId(message), toTag(message), fromTag(message));
  }
}

/** True where this response makes the dialog, early or for good, or moves its target. */
function isDialogMade({ method, isInitial }: OfferAnswer, response: SipResponse): boolean {
  if (isInitial) return toTag(response) !== undefined || response.status >= 200;
  return (method === 'INVITE' || method === 'UPDATE') && response.status >= 200;
}
