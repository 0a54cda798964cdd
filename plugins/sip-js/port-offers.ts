/**
 * The port question of protocol.md 8.3.6 in a dialog of sip.js: re-INVITEs of which the application, its session description handler and
 * `Session` know nothing, and what its own descriptions say afterwards. sip.js counts their CSeqs, and answers who offers meanwhile 491.
 */
import type { Core, Session as SipSession, SessionInviteOptions } from 'sip.js';
import type { QuestionOutcome, Session } from '../../lib/index.js';
import { LocalDescriptions, PortQuestion, questionOutcomeOf } from '../../lib/sip/index.js';
import type { DescribedExchange, LendPorts, ToldPorts } from '../../lib/sip/index.js';
import { peerOf } from './peer.js';

export interface PortOffersSite {
  readonly session: SipSession;
  readonly latch: Session;
  readonly ports: LendPorts;
  readonly onFault: (error: unknown) => void;
}

/** What sip.js keeps to itself: the Contact of its requests, and that the application is about to re-INVITE. */
interface Inside {
  readonly _contact?: string;
  readonly pendingReinvite?: boolean;
}

/** A re-INVITE of the application's waits so long for one of ours. Without an answer by then nobody waits for it (protocol.md 8.3.4). */
const UNANSWERED_MS = 2000;

export class PortOffers {
  readonly #site: PortOffersSite;
  readonly #question: PortQuestion;
  readonly #descriptions = new LocalDescriptions();
  /** Until ours that is under way has its final response. */
  #open: Promise<unknown> | undefined;
  /** Ours has had no answer for so long that it is cancelled when somebody else wants to offer. */
  #cancel: (() => void) | undefined;
  /** Re-INVITEs of the application's that wait for ours. */
  #waiting = 0;
  /** An offer of the peer's, or of the application's, waits for its answer. */
  isChanging = false;

  constructor(site: PortOffersSite) {
    this.#site = site;
    const { session, latch, ports, onFault } = site;
    this.#question = new PortQuestion({
      ...{ session: latch, ports, onFault, isOutgoing: !('accept' in session) },
      reoffer: (told) => this.#reoffer(told),
    });
    const invite = session.invite.bind(session);
    session.invite = (options?: SessionInviteOptions) =>
      this.#open ? this.#whenFree(this.#open).then(() => invite(options)) : invite(options);
  }

  /** What goes out in place of a description of the handler's. */
  toWire(written: string, exchange: DescribedExchange): string {
    const type = exchange.offer === 'remote' ? 'answer' : 'offer';
    return this.#descriptions.toWire(written, exchange, this.#question.toldIn(type));
  }

  /** To be awaited when an offer of the peer's has been read. */
  prepareAnswer(): Promise<void> | undefined {
    return this.#question.prepareAnswer();
  }

  noteAnswered(): void {
    this.#question.noteAnswered();
  }

  #reoffer(told: ToldPorts): Promise<QuestionOutcome> {
    const { session, latch } = this.#site;
    const dialog = session.dialog as Core.SessionDialog | undefined;
    if (!dialog || (session.state as string) !== 'Established') return Promise.resolve('unanswered');
    const inside = session as unknown as Inside;
    if (this.isChanging || inside.pendingReinvite === true) return Promise.resolve('pending');
    const description = this.#descriptions.reoffer(told);
    if (description === undefined) return Promise.resolve('refused');
    const content = latch.setLocal(description, 'offer');
    const asked = this.#ask(dialog, content, inside._contact ?? '');
    this.#open = asked;
    return asked.finally(() => (this.#open = undefined));
  }

  #ask(dialog: Core.SessionDialog, content: string, contact: string): Promise<QuestionOutcome> {
    const { latch, onFault } = this.#site;
    const body = { contentDisposition: 'session', contentType: 'application/sdp', content };
    let stop: () => void = () => undefined;
    const asked = new Promise<QuestionOutcome>((resolve) => {
      const fail = ({ message }: Core.IncomingResponse) => {
        if (!latch.isClosed) latch.rollback();
        // What sip.js makes up for a transport that has failed has no headers.
        const isTheirs = message.hasHeader('cseq');
        resolve(isTheirs ? questionOutcomeOf(message.statusCode ?? 0) : 'unanswered');
      };
      const onAccept = (response: Core.IncomingResponse & { ack(): unknown }) => {
        response.ack();
        resolve(this.#read(response.message.body));
      };
      try {
        const invite = dialog.invite(
          { onAccept, onRedirect: fail, onReject: fail },
          { body, extraHeaders: [`Contact: ${contact}`] },
        );
        stop = this.#cancelWhenWanted(dialog, invite);
      } catch (error) {
        // Another INVITE of the dialog is under way, or its signalling is not where it should be.
        latch.rollback();
        if (!/ongoing re-INVITE/.test(String(error))) onFault(error);
        resolve('pending');
      }
    });
    return asked.finally(() => stop());
  }

  /**
   * sip.js answers whoever offers meanwhile 491 (RFC 3261 14.2): of an INVITE without an answer for half a minute and more. So one that nobody
   * has answered for 2 s is cancelled when the peer or the application wants to offer, and who tries again finds the dialog free.
   */
  #cancelWhenWanted(dialog: Core.SessionDialog, invite: Core.OutgoingInviteRequest): () => void {
    let isCancelled = false;
    const cancel = () => {
      // Without a provisional response sip.js waits with the CANCEL until one comes (RFC 3261 9.1).
      if (!isCancelled) invite.cancel();
      isCancelled = true;
    };
    const overdue = setTimeout(() => {
      this.#cancel = cancel;
      if (this.#waiting > 0) cancel();
    }, UNANSWERED_MS);
    const receive = dialog.receiveRequest.bind(dialog);
    dialog.receiveRequest = (message) => {
      if (message.method === 'INVITE') this.#cancel?.();
      receive(message);
    };
    return () => {
      clearTimeout(overdue);
      this.#cancel = undefined;
      dialog.receiveRequest = receive;
    };
  }

  /** The answer to an offer of ours. One that cannot be taken ends the call, as sip.js has it. */
  #read(answer: string): QuestionOutcome {
    const { session, latch } = this.#site;
    if (latch.isClosed) return 'unanswered';
    if (answer === '') {
      latch.rollback();
      return 'refused';
    }
    const source = peerOf(session.userAgent.transport);
    if (source) latch.peer(source);
    if (latch.setRemote(answer, 'answer').accepted) return 'answered';
    latch.rollback();
    void session.bye().catch(this.#site.onFault);
    return 'refused';
  }

  async #whenFree(open: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, UNANSWERED_MS)));
    this.#waiting++;
    this.#cancel?.();
    await Promise.race([open, late]);
    this.#waiting--;
    clearTimeout(timer);
  }
}
