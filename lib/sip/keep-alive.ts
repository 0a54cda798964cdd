/**
 * Keeps the way of a call's signalling open: a NAT forgets a mapping that nothing goes over, UDP after 30 s and more, and then neither
 * side reaches the other until the phone speaks. What is sent, and whether anybody answers, is its owner's to see to.
 */
import { randomInt } from 'node:crypto';

/** Below 30 s, which many NATs have for UDP; drawn anew each time, so that a thousand calls do not speak at once (RFC 5626 4.4.1). */
const LEAST_MS = 20_000;
const MOST_MS = 25_000;

export class KeepAlive {
  readonly #send: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param send Is called whenever nothing has come for a while. */
  constructor(send: () => void) {
    this.#send = send;
  }

  start(): void {
    if (this.#timer === undefined) this.#wait();
  }

  /** Something has come over it: nothing need be sent for a while. */
  noteHeard(): void {
    if (this.#timer !== undefined) this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#wait();
        this.#send();
      },
      randomInt(LEAST_MS, MOST_MS + 1),
    );
    this.#timer.unref();
  }
}
