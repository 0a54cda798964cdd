/**
 * The question of protocol.md 8.2.5: a peer with SRTP that may be silent, as on hold, is asked in the dialog whether it is there. The session
 * says when (`silent`), for each stream by itself; here they become one question every 10 s at most. What is sent is the caller's.
 */
import type { QuestionOutcome, Session } from '../index.js';

const EVERY_MS = 10_000;
/** RFC 3261 12.2.1.2: there is nobody, or nobody who knows of the call. */
export const NOBODY: readonly number[] = [408, 481];

/** As much of a session as is heard and told here. */
export type AskedSession = Pick<Session, 'isClosed' | 'asked' | 'on'>;

/**
 * Asks whenever the session is silent, until it is closed, and tells it the outcome.
 *
 * @param ask Puts the question; fulfilled with what became of it, however late. undefined: it cannot be put now.
 */
export function askWhenSilent(session: AskedSession, ask: () => Promise<QuestionOutcome> | undefined): void {
  let isResting = false;
  /** Another stream has been silent, too, since the last question. */
  let isDue = false;

  const tell = (outcome: QuestionOutcome) => {
    if (!session.isClosed) session.asked(outcome);
  };
  const put = () => {
    isDue = false;
    const answer = session.isClosed ? undefined : ask();
    if (!answer) return;
    let isOpen = true;
    void answer.then((outcome) => {
      isOpen = false;
      tell(outcome);
    });
    isResting = true;
    setTimeout(() => {
      isResting = false;
      // A transaction gives up after 32 s only: too late for who has 30. An answer still counts when it comes.
      if (isOpen) tell('unanswered');
      if (isDue) put();
    }, EVERY_MS).unref();
  };
  session.on('silent', () => {
    if (isResting) isDue = true;
    else put();
  });
}

/**
 * What a final response says as an answer to a question: any but 408 and 481 is the peer's. Not to be asked of one that is made up for the
 * peer where there is no way to it: nobody has answered.
 */
export function questionOutcomeOf(status: number): QuestionOutcome {
  if (NOBODY.includes(status)) return 'unanswered';
  if (status === 491) return 'pending';
  return status < 300 ? 'answered' : 'refused';
}
