/**
 * Rule 8.2.5 of protocol.md, as far as it is the signalling's: a peer with SRTP that may be silent, as on hold, is asked in the dialog
 * whether it is there. The session says when (`silent`), for each stream by itself; here they become one question every 10 s at
 * most. What is sent, and which answers count, is its owner's to say.
 */
import type { QuestionOutcome, Session } from '../index.js';

const EVERY_MS = 10_000;

export interface ConsentQuestionOptions {
  readonly session: AskedSession;
  /** Puts the question; fulfilled with what became of it, however late. undefined: it cannot be put now. */
  readonly ask: () => Promise<QuestionOutcome> | undefined;
}

/** As much of a session as is told and heard here. */
export type AskedSession = Pick<Session, 'isClosed' | 'asked' | 'on'>;

export class ConsentQuestion {
  readonly #options: ConsentQuestionOptions;
  #timer: NodeJS.Timeout | undefined;
  /** Another stream has been silent, too, since the last question. */
  #isDue = false;
  #isOver = false;

  constructor(options: ConsentQuestionOptions) {
    this.#options = options;
    options.session.on('silent', () => this.#want());
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #want(): void {
    if (this.#timer === undefined) this.#ask();
    else this.#isDue = true;
  }

  #ask(): void {
    this.#isDue = false;
    const answer = this.#isOver ? undefined : this.#options.ask();
    if (!answer) return;
    let isOpen = true;
    void answer.then((outcome) => {
      isOpen = false;
      this.#tell(outcome);
    });
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // A transaction gives up after 32 s only: too late for who has 30. An answer still counts when it comes.
      if (isOpen) this.#tell('unanswered');
      if (this.#isDue) this.#ask();
    }, EVERY_MS);
    this.#timer.unref();
  }

  #tell(outcome: QuestionOutcome): void {
    const { session } = this.#options;
    if (!session.isClosed) session.asked(outcome);
  }
}
