/**
 * The port question in a dialog whose descriptions an application writes: who is asked, what goes out in place of what the application says,
 * and in which order it hears of what the peer says. Which port is told, and when, port-question.ts decides.
 */
import { LocalDescriptions } from './local-descriptions.js';
import type { OfferAnswer, Refusal } from './offer-answer.js';
import { PortQuestion } from './port-question.js';
import type { LendPorts, PortSession, ReofferOutcome } from './port-question.js';

/** As much of a dialog as is needed here: see `Dialog`. */
export interface ReofferingDialog {
  readonly session: PortSession;
  readonly isOutgoing: boolean;
  reoffer(describe: () => string | Refusal): Promise<{ readonly outcome: ReofferOutcome }>;
}

/** No offer of ours could be made: nothing that could be offered again has been agreed on. */
const NOTHING_AGREED = { status: 488, warning: 'no description has been agreed on' };

export class DialogPorts {
  readonly #question: PortQuestion;
  readonly #descriptions = new LocalDescriptions();
  /** What has come waits for a port that the answer before it is to tell. */
  #preparing: Promise<void> | undefined;

  constructor(dialog: ReofferingDialog, ports: LendPorts, onFault: (error: unknown) => void) {
    const { session, isOutgoing } = dialog;
    this.#question = new PortQuestion({
      ...{ session, ports, isOutgoing, onFault },
      reoffer: async (told) => {
        const { outcome } = await dialog.reoffer(() => this.#descriptions.reoffer(told) ?? NOTHING_AGREED);
        return outcome;
      },
    });
  }

  /** What goes out in place of a description of the application's. */
  toWire(written: string, exchange: OfferAnswer): string {
    const type = exchange.offer === 'remote' ? 'answer' : 'offer';
    return this.#descriptions.toWire(written, exchange, this.#question.toldIn(type));
  }

  /** An answer has been given to the session. */
  noteAnswered(): void {
    this.#question.noteAnswered();
  }

  inherit(other: DialogPorts, exchange: OfferAnswer): void {
    this.#descriptions.inherit(other.#descriptions);
    this.#descriptions.awaitAnswer(exchange);
  }

  /**
   * Hands a request of the peer's on: at once, or when there is a port that the answer to it is to tell. What comes after it waits too.
   *
   * @param goOn It does not throw.
   */
  inOrder(hasOffer: boolean, goOn: () => void): void {
    const waiting = this.#preparing ?? (hasOffer ? this.#question.prepareAnswer() : undefined);
    if (!waiting) return goOn();
    const turn = waiting.then(goOn);
    this.#preparing = turn;
    void turn.then(() => {
      if (this.#preparing === turn) this.#preparing = undefined;
    });
  }
}
