/**
 * An INVITE of ours that may be given up. Its CANCEL goes out once a provisional response has shown that somebody is there to read it, and
 * not before (RFC 3261 9.1); who has answered for good is past that.
 */
export class Cancellation {
  #hasProgress = false;
  #isWanted = false;

  constructor(private readonly sendCancel: () => void) {}

  /** A provisional response has come. */
  noteProgress(): void {
    if (!this.#hasProgress && this.#isWanted) this.sendCancel();
    this.#hasProgress = true;
  }

  cancel(): void {
    if (this.#hasProgress && !this.#isWanted) this.sendCancel();
    this.#isWanted = true;
  }
}
