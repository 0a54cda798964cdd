/**
 * The calling side of one INVITE (RFC 3261 13.2, 9.1): it is sent, rings at as many phones as a proxy likes, is answered by one,
 * fails, or is given up. It follows no redirection, and decides nothing
 * about descriptions.
 */
import type { Authenticator } from './authenticator.js';
import type { CallUri } from './call-uri.js';
import type { Dialog } from './dialog.js';
import { cseqOf } from './message.js';
import type { SipFlow, SipHeaders, SipRequest, SipResponse } from './message-types.js';
import { createCancel, createInvite, flowRoute } from './request.js';
import type { SipSignalling } from './signalling.js';
import type { SipStack } from './stack-types.js';

export interface InvitationOptions {
  readonly uri: CallUri;
  /** By which the call goes out, and where what belongs to it comes in. */
  readonly stack: SipStack;
  readonly contact: string;
  /** The methods that we take. */
  readonly allow: string;
  /** Answers challenges to the INVITE, and to what follows in the call. */
  readonly authenticator?: Authenticator | undefined;
  /** The connection by which it goes, where its URI leads nowhere: that of a WebSocket phone (RFC 7118 section 5). */
  readonly flow?: SipFlow | undefined;
}

export interface InvitationObserver {
  /** A provisional response; without a dialog where it is from nobody yet. */
  onProgress(response: SipResponse, dialog: Dialog | undefined): void;
  /** The first 2xx of the one who is kept. It has been acknowledged; the others have been hung up on. */
  onAnswer(response: SipResponse, dialog: Dialog): void;
  /** There will be no call: what was answered, or what the stack made up. */
  onFailure(response: SipResponse): void;
}

export class Invitation {
  #request: SipRequest;
  #answered = 0;
  /** With which the INVITE went out, for its ACK (RFC 3261 22.1). */
  #proof: SipHeaders | undefined;
  /** Fulfilled by the final response. */
  readonly final: Promise<void>;
  readonly #signalling: SipSignalling;
  readonly #options: InvitationOptions;
  readonly #observer: InvitationObserver;
  #onFinal: () => void = () => undefined;
  #hasFinal = false;
  #hasProgress = false;
  #isCancelled = false;

  constructor(signalling: SipSignalling, options: InvitationOptions, observer: InvitationObserver) {
    const { uri, contact, allow } = options;
    this.#signalling = signalling;
    this.#options = options;
    this.#observer = observer;
    this.final = new Promise((resolve) => (this.#onFinal = resolve));
    this.#request = createInvite({ uri, contact, allow, route: this.#route });
  }

  /** The last that was sent. */
  get request(): SipRequest {
    return this.#request;
  }

  /** A provisional response has come: there is somebody who can be sent a CANCEL. */
  get hasProgress(): boolean {
    return this.#hasProgress;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** The dialog of the one who answers first, and its session: made before anything is sent. */
  open(): Dialog {
    const dialog = this.#signalling.dialog(this.request);
    if (!dialog) throw new Error('signalling makes a dialog for every INVITE');
    dialog.contact = this.#options.contact;
    dialog.allow = this.#options.allow;
    dialog.authenticator = this.#options.authenticator;
    return dialog;
  }

  send(offer: string): void {
    this.request.content = offer;
    this.#options.stack.send(this.request, (response) => this.#onResponse(response));
  }

  /**
   * Gives the call up, and hangs up on who answers nevertheless. Fulfilled by the final response; where nobody has shown
   * signs of life, that may be half a minute.
   */
  cancel(): Promise<void> {
    if (this.#isCancelled || this.#hasFinal) return this.final;
    this.#isCancelled = true;
    // RFC 3261 9.1: not before a provisional response.
    if (this.#hasProgress) this.#sendCancel();
    return this.final;
  }

  #onResponse(response: SipResponse): void {
    const { status } = response;
    if (status < 200) return this.#onProvisional(response);
    if (status >= 300) {
      if (this.#sendAgain(response)) return;
      this.#finish();
      return this.#observer.onFailure(response);
    }
    const dialog = this.#dialogOf(response);
    if (!dialog) return;
    // Also a repeated 2xx wants its ACK (RFC 3261 13.2.2.4).
    dialog.authenticator = this.#options.authenticator;
    dialog.acknowledge(cseqOf(this.request).seq, this.#proof && { headers: this.#proof });
    if (this.#hasFinal) return;
    if (this.#isCancelled) void dialog.hangUp();
    else this.#observer.onAnswer(response, dialog);
    this.#finish();
  }

  /** The same call with what was asked for: a new transaction with the next CSeq (RFC 3261 22.2). */
  #sendAgain(response: SipResponse): boolean {
    const before = this.#request;
    if (this.#isCancelled) return false;
    const proof = this.#options.authenticator?.answer(before, response, this.#answered);
    if (!proof) return false;
    this.#answered++;
    this.#proof = proof;
    const cseq = { seq: cseqOf(before).seq + 1, method: 'INVITE' };
    this.#request = { ...before, headers: { ...before.headers, ...proof, via: [], cseq } };
    this.#hasProgress = false;
    this.#options.stack.send(this.#request, (next) => this.#onResponse(next));
    return true;
  }

  #onProvisional(response: SipResponse): void {
    if (!this.#hasProgress) {
      this.#hasProgress = true;
      if (this.#isCancelled) this.#sendCancel();
    }
    const dialog = response.status > 100 ? this.#dialogOf(response) : undefined;
    this.#observer.onProgress(response, dialog);
  }

  #dialogOf(response: SipResponse): Dialog | undefined {
    const dialog = this.#signalling.dialog(response);
    return dialog?.isEnded ? undefined : dialog;
  }

  #finish(): void {
    this.#hasFinal = true;
    this.#onFinal();
  }

  #sendCancel(): void {
    const cancel = createCancel(this.request, this.#route ? [this.#route] : []);
    if (cancel) this.#options.stack.send(cancel);
  }

  get #route() {
    const { stack, flow } = this.#options;
    return flow && flowRoute(stack, flow);
  }
}
