/**
 * RFC 3261 13.3.1.4: a 2xx to an INVITE is sent again until its ACK comes, after T1, and then ever twice as long up to T2. It is
 * the only one that sends a 2xx again: a second owner, or the application sending it once more, would double each copy. What
 * becomes of a call that is never acknowledged is the dialog's to say.
 */

/** RFC 3261 17.1.1.1: the round trip that timers start from, and where doubling ends. */
const T1_MS = 500;
const T2_MS = 4000;

export class SuccessTimer {
  /** CSeq of the last INVITE that was answered by a 2xx. */
  #seq: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Sends a 2xx, and goes on; one to an INVITE that has had its 2xx is not sent: its copies are on their way. */
  start(seq: number, send: () => void): void {
    if (seq === this.#seq) return;
    this.stop();
    this.#seq = seq;
    send();
    this.#repeat(send, T1_MS);
  }

  /** The ACK to the INVITE with this CSeq has come. */
  acknowledge(seq: number): void {
    if (seq === this.#seq) this.stop();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #repeat(send: () => void, afterMs: number): void {
    this.#timer = setTimeout(() => {
      send();
      this.#repeat(send, Math.min(2 * afterMs, T2_MS));
    }, afterMs);
    this.#timer.unref();
  }
}
