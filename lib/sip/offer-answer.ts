/**
 * Offer and answer inside one transaction: which body is which (RFC 3261 13.2.1, RFC 3262 5, RFC 3311, RFC 6337 2).
 * Holds the rules and calls the session; it never decides about dialogs. The type is always passed explicitly.
 */
import { LatchkeyError } from '../index.js';
import type { Session } from '../index.js';

/** Why a description is not accepted: the answer that SIP gives to it. */
export interface Refusal {
  readonly status: number;
  readonly warning: string;
  /** Of the Warning (RFC 3261 20.43): 399 unless given. */
  readonly warnCode?: number;
}

export class OfferAnswer {
  /** Who made the offer. */
  offer: 'none' | 'local' | 'remote' = 'none';
  /** open: an answer is due; settled: answered, failed, or past the point where one could come. */
  state: 'open' | 'settled' = 'open';
  /** Set when the peer's side of the exchange was not acceptable. */
  refusal: Refusal | undefined;
  /** The final response has been sent, or has come. */
  hasFinal = false;
  /** Of an INVITE: it had a 2xx, whose ACK has not been sent, or has not come. */
  isAckDue = false;
  /** Both descriptions are there. */
  isAgreed = false;
  /** Our offer was taken back before the peer has answered it: no answer to it is read any more. */
  isWithdrawn = false;
  /** Called when the peer has answered an offer of ours. */
  onAgreed: (() => void) | undefined;
  /** Our offer, as the application wrote it. */
  localOffer: string | undefined;
  #lastRemote: string | undefined;
  readonly #edits = new Map<string, string>();

  constructor(
    readonly session: Session,
    readonly method: string,
    readonly seq: number,
    readonly isIncoming: boolean,
    /** The INVITE that makes the dialog, as against a re-INVITE. */
    readonly isInitial: boolean,
  ) {}

  /** A description of the peer in the request itself. */
  remoteRequest(sdp: string): Refusal | undefined {
    return this.#readRemote(sdp, 'offer');
  }

  /** A description of ours in the request itself. */
  localRequest(sdp: string): string {
    return this.#editLocal(sdp, 'offer');
  }

  /**
   * A description in a response to our request.
   *
   * @param isBinding A 2xx or a reliable 1xx. In other responses an SDP is a copy of the answer to come, and never an
   *   offer; in mid call it is left alone, so that a failure after it changes nothing (RFC 6141 3.1).
   */
  remoteResponse(sdp: string, isBinding: boolean): Refusal | undefined {
    if (this.isWithdrawn) return undefined;
    if (this.offer === 'local') {
      return isBinding || this.isInitial ? this.#readRemote(sdp, 'answer', isBinding) : undefined;
    }
    const isOffer = isBinding && this.method === 'INVITE' && this.offer === 'none';
    return isOffer ? this.#readRemote(sdp, 'offer') : undefined;
  }

  /** A description of ours in a response; undefined: it is neither offer nor answer, ours has no place in it. */
  localResponse(sdp: string, isBinding: boolean): string | undefined {
    if (this.offer === 'remote') return this.#editLocal(sdp, 'answer');
    if (this.offer === 'local') return this.#edits.get(sdp);
    return isBinding && this.method === 'INVITE' ? this.#editLocal(sdp, 'offer') : undefined;
  }

  /** True when the answer to an offer made in a response is still to come, in a PRACK or the ACK. */
  owesAnswer(by: 'local' | 'remote'): boolean {
    return this.state === 'open' && this.offer === (by === 'local' ? 'remote' : 'local');
  }

  /** The peer's answer in PRACK or ACK. */
  remoteAnswer(sdp: string): Refusal | undefined {
    return this.#readRemote(sdp, 'answer');
  }

  /** Our answer in PRACK or ACK; a repetition gives the same text. */
  localAnswer(sdp: string): string {
    return this.#editLocal(sdp, 'answer');
  }

  /** The request failed, or was answered without what was due: nothing changes (protocol.md 2). */
  fail(): void {
    this.hasFinal = true;
    if (this.offer !== 'none' && this.state === 'open' && !this.session.isClosed) this.session.rollback();
    this.state = 'settled';
  }

  /** Our offer is taken back, though its request has no final response yet. */
  withdraw(): void {
    if (!this.session.isClosed) this.session.rollback();
    this.isWithdrawn = true;
    this.state = 'settled';
  }

  #readRemote(sdp: string, type: 'offer' | 'answer', isBinding = true): Refusal | undefined {
    if (this.#lastRemote === sdp) return undefined;
    const refusal = this.#judge(sdp, type);
    if (refusal) {
      if (isBinding) this.refusal = refusal;
      return isBinding ? refusal : undefined;
    }
    this.#lastRemote = sdp;
    this.#advance(type, 'remote');
    return undefined;
  }

  #judge(sdp: string, type: 'offer' | 'answer'): Refusal | undefined {
    if (this.session.isClosed) return undefined;
    try {
      const verdict = this.session.setRemote(sdp, type);
      if (verdict.accepted) return undefined;
      const { status, warning, warnCode } = verdict;
      return { status, warning, warnCode };
    } catch (error) {
      // A peer out of step is bad input, not a bad caller.
      if (!(error instanceof LatchkeyError)) throw error;
      return { status: 488, warning: 'the description does not fit the state of the exchange' };
    }
  }

  #editLocal(sdp: string, type: 'offer' | 'answer'): string {
    const known = this.#edits.get(sdp);
    if (known !== undefined) return known;
    if (this.session.isClosed) return sdp;
    const edited = this.session.setLocal(sdp, type);
    this.#edits.set(sdp, edited);
    if (type === 'offer') this.localOffer = sdp;
    this.#advance(type, 'local');
    return edited;
  }

  #advance(type: 'offer' | 'answer', by: 'local' | 'remote'): void {
    if (type === 'offer') {
      this.offer = by;
      return;
    }
    this.state = 'settled';
    this.isAgreed = true;
    if (by === 'remote') this.onAgreed?.();
  }
}
