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
const HELD_MS = 2000;

export class PortOffers {
  readonly #site: PortOffersSite;
  readonly #question: PortQuestion;
  readonly #descriptions = new LocalDescriptions();
  /** Until ours that is under way has its final response. */
  #open: Promise<unknown> | undefined;
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
    return new Promise((resolve) => {
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
        dialog.invite(
          { onAccept, onRedirect: fail, onReject: fail },
          { body, extraHeaders: [`Contact: ${contact}`] },
        );
      } catch (error) {
        // Another INVITE of the dialog is under way, or its signalling is not where it should be.
        latch.rollback();
        if (!/ongoing re-INVITE/.test(String(error))) onFault(error);
        resolve('pending');
      }
    });
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
    const late = new Promise((resolve) => (timer = setTimeout(resolve, HELD_MS)));
    await Promise.race([open, late]);
    clearTimeout(timer);
  }
}
