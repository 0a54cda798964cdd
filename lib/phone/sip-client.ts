// The calling side of SIP for one call: what the terminal asks for, and what the other side may ask in the dialog. It speaks by
// whatever signalling it is given, which puts latch into the descriptions; it knows nothing of media, and answers no calls.
import { EventEmitter } from 'node:events';
import { Authenticator, contactUri, Invitation, readSdp, respond } from '../sip/index.js';
import type {
  Arrival,
  Dialog,
  Reply,
  SipRequest,
  SipResponse,
  SipSignalling,
  SipStack,
} from '../sip/index.js';
import type { Session, Signalling } from '../index.js';
import { ConnectionTrouble } from './connection-trouble.js';
import { Failure } from './failure.js';
import type { Describe, SignallingClient, SipClientEvents, SipClientOptions } from './signalling-types.js';

/** Reason: on a connection that is up, a server sends its 100 at once (RFC 3261 17.2.1: within 200 ms). */
const SILENT_MS = 10_000;
const RINGING_MS = 60_000;
const BYE_MS = 1500;
const ALLOW = 'INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE';

type State = 'idle' | 'calling' | 'up' | 'over';

/** What the INVITE comes to. */
interface Waiter {
  onProgress(response: SipResponse): void;
  onAnswer(response: SipResponse): void;
  onFailure(failure: Failure): void;
}

export interface SipClientSite {
  readonly signalling: SipSignalling;
  /** Listens on the URI's transport; what comes by it is for `handle`. */
  readonly stack: SipStack;
  /** Closes what the call was made by. */
  readonly release: () => void;
}

export class SipClient extends EventEmitter<SipClientEvents> implements SignallingClient {
  readonly #site: SipClientSite;
  readonly #trouble: ConnectionTrouble;
  readonly #invitation: Invitation;
  /** Of who is called; of who answered once that is known. */
  #dialog: Dialog;
  #describe: Describe = () => ({ warning: 'the call is not up yet' });
  #state: State = 'idle';
  #waiter: Waiter | undefined;

  constructor(
    { uri, local, credentials }: Pick<SipClientOptions, 'uri' | 'local' | 'credentials'>,
    site: SipClientSite,
  ) {
    super();
    this.#site = site;
    const { signalling, stack } = site;
    const { scheme, transport } = uri;
    this.#trouble = new ConnectionTrouble(uri);
    signalling.on('fault', ({ where, error }) => this.#trouble.note(where, error));
    signalling.on('received', (message) => this.#trouble.noteReceived(message));
    const user = credentials === undefined ? 'latchkey' : encodeURIComponent(credentials.user);
    const contact = contactUri({ scheme, user, host: local, transport, stack });
    const authenticator = credentials && new Authenticator(credentials);
    this.#invitation = new Invitation(
      signalling,
      { uri, stack, contact, allow: ALLOW, authenticator },
      {
        onProgress: (response) => this.#waiter?.onProgress(response),
        onAnswer: (response, dialog) => {
          this.#dialog = dialog;
          this.#state = 'up';
          dialog.keepAlive();
          this.#waiter?.onAnswer(response);
        },
        onFailure: (response) => {
          this.#state = 'over';
          this.#waiter?.onFailure(this.#trouble.explain(response));
        },
      },
    );
    this.#dialog = this.#invitation.open();
  }

  get session(): Session {
    return this.#dialog.session;
  }

  /** How the hop to the server is protected. */
  get signalling(): Signalling {
    return this.#site.stack.expectedSignalling(this.#invitation.request);
  }

  /**
   * Calls. Resolves with the answer's text when the call is up; `describe` answers what the other side offers later on.
   * Rejects with a Failure (exit code 1) that says why there is no call.
   */
  invite(offer: string, describe: Describe): Promise<string> {
    this.#describe = describe;
    this.#state = 'calling';
    return new Promise<string>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const giveUpWithin = (afterMs: number) => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          this.#state = 'over';
          void this.#cancel().then(() => reject(this.#trouble.silence(afterMs)));
        }, afterMs);
      };
      giveUpWithin(SILENT_MS);
      let hasProgress = false;
      this.#waiter = {
        onProgress: ({ status, reason = '' }) => {
          // Who rings for a minute is not given another for saying so again.
          if (!hasProgress && this.#state === 'calling') giveUpWithin(RINGING_MS);
          hasProgress = true;
          this.emit('progress', status, reason);
        },
        onAnswer: ({ content = '' }) => {
          clearTimeout(timer);
          resolve(content);
        },
        onFailure: (failure) => {
          clearTimeout(timer);
          reject(failure);
        },
      };
      this.#invitation.send(offer);
    });
  }

  /**
   * Offers anew in mid call; where the other side does so at once, after a wait. Resolves with the answer's text; rejects with
   * a Failure, and the call is as it was.
   */
  async reoffer(offer: string): Promise<string> {
    const response = await this.#dialog.modify(() => offer);
    if (response.status >= 300) throw this.#trouble.explain(response);
    return response.content ?? '';
  }

  /** Hangs up: BYE, or CANCEL where the call is not up yet. Resolves when that is answered, or will not be. */
  async hangUp(): Promise<void> {
    const was = this.#state;
    this.#state = 'over';
    if (was === 'calling') await this.#cancel();
    else if (was === 'up') await within(BYE_MS, this.#dialog.hangUp());
  }

  /** Closes all sockets; what is written still goes out. An INVITE that is not answered yet fails. */
  close(): void {
    this.#state = 'over';
    this.#waiter?.onFailure(new Failure('the call was given up before it was answered', 1));
    this.#site.release();
  }

  /** A request of the other side's, or of a stranger's. */
  handle(arrival: Arrival): void {
    const { request } = arrival;
    const { method } = request;
    if (method === 'ACK') return;
    const dialog = this.#site.signalling.dialog(request);
    const answer = (reply: Reply) => (dialog ? dialog.respond(request, reply) : respond(arrival, reply));
    if (method === 'OPTIONS')
      return answer({ status: 200, headers: { allow: ALLOW, accept: 'application/sdp' } });
    if (dialog !== this.#dialog || this.#state !== 'up') {
      const isCall = method === 'INVITE' && request.headers.to?.params?.['tag'] === undefined;
      return answer({ status: isCall ? 486 : 481 });
    }
    switch (method) {
      case 'BYE':
        this.#state = 'over';
        this.emit('bye');
        return answer({ status: 200 });
      case 'INVITE':
      case 'UPDATE':
        return this.#onOffer(request);
      default:
        return answer({ status: 405, headers: { allow: ALLOW } });
    }
  }

  /** Resolves when the INVITE has its final response, or will have none. */
  async #cancel(): Promise<void> {
    const final = this.#invitation.cancel();
    if (!this.#invitation.hasProgress) return;
    // What the final response makes us send (ACK, BYE) is handed to the sockets first.
    await within(
      BYE_MS,
      final.then(() => new Promise<void>((resolve) => setImmediate(resolve))),
    );
  }

  #onOffer(request: SipRequest): void {
    const offer = readSdp(request);
    // An UPDATE may only refresh the session's timer (RFC 4028).
    if (offer === undefined && request.method === 'UPDATE')
      return this.#dialog.respond(request, { status: 200 });
    const described = this.#describe(offer);
    if ('warning' in described) {
      return this.#dialog.respond(request, { status: 488, warning: described.warning });
    }
    this.#dialog.respond(request, { status: 200, content: described.sdp });
    if (offer !== undefined) this.emit('renegotiated', offer);
  }
}

/** Waits for what may never come. */
async function within(ms: number, what: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([what, end]);
  clearTimeout(timer);
}
