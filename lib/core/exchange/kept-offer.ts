// The offer of a session's last exchange. While that is pending it is there as it was read. After that it is wanted for an answer that is
// repeated (a 183 and its 200) and for a fork, and for nothing else: then its text is kept, a tenth of it, and read again.
import { parseSdp, type Sdp } from '../../wire/index.js';

export class KeptOffer {
  readonly #text: string;
  #sdp: Sdp | undefined;

  constructor(
    sdp: Sdp,
    readonly isOurs: boolean,
  ) {
    this.#text = sdp.text;
    this.#sdp = sdp;
  }

  get sdp(): Sdp {
    if (this.#sdp) return this.#sdp;
    // Whatever is allowed now: it was allowed when it came.
    const again = parseSdp(this.#text, { maxCharacters: Infinity, maxMedia: Infinity, maxMids: Infinity });
    if (!again.ok) throw new Error('an offer that was read can be read again');
    return again.value;
  }

  /** It is answered. */
  settle(): void {
    this.#sdp = undefined;
  }
}
