/**
 * CSeqs of a dialog in which two count: the application, and this side, of whose own requests (an OPTIONS, say) the application knows
 * nothing. On the wire each request has the next number (RFC 3261 12.2.1.1): what the application sends after one of ours is
 * renumbered, and what names an INVITE of its (ACK, CANCEL, the RAck of a PRACK) goes with that. To give it its responses back
 * under the number that it knows is the stack's.
 */
import { cseqOf, rackCseq } from './message.js';
import type { SipRequest } from './message-types.js';

/** INVITEs whose ACK may still be repeated: one at a time is under way. */
const MAX_INVITES = 8;

export class CseqNumbering {
  readonly #own = new WeakSet<SipRequest>();
  /** The application's number of each INVITE that has another on the wire, and that one; the oldest first. */
  readonly #invites = new Map<number, number>();
  /** A number was taken of which the application knows nothing. */
  #isShared = false;

  /** A request of this side's own, which has its number, goes out. */
  noteOwn(request: SipRequest): void {
    this.#own.add(request);
    // An ACK has the number of its INVITE.
    if (request.method !== 'ACK') this.#isShared = true;
  }

  isOwn(request: SipRequest): boolean {
    return this.#own.has(request);
  }

  /**
   * A request that is about to go out, as it goes out: itself, or a copy under another number whose Via is the same list.
   *
   * @param lastSeq The highest number that was used in the dialog.
   */
  onWire(request: SipRequest, lastSeq: number): SipRequest {
    if (!this.#isShared || this.#own.has(request)) return request;
    const { method } = request;
    const { seq } = cseqOf(request);
    if (method === 'ACK' || method === 'CANCEL') return renumber(request, this.#invites.get(seq) ?? seq);
    const next = seq > lastSeq ? seq : lastSeq + 1;
    if (method === 'INVITE' && next !== seq) this.#noteInvite(seq, next);
    return renumber(method === 'PRACK' ? this.#ofInvite(request) : request, next);
  }

  #noteInvite(seq: number, wireSeq: number): void {
    this.#invites.delete(seq);
    this.#invites.set(seq, wireSeq);
    const [oldest] = this.#invites.size > MAX_INVITES ? this.#invites.keys() : [];
    if (oldest !== undefined) this.#invites.delete(oldest);
  }

  /** RFC 3262 7.2: RAck has the CSeq of the INVITE in its middle. */
  #ofInvite(prack: SipRequest): SipRequest {
    const wireSeq = this.#invites.get(rackCseq(prack) ?? NaN);
    if (wireSeq === undefined) return prack;
    const rack = String(prack.headers.rack).replace(/^(\s*\d+\s+)\d+/, `$1${wireSeq}`);
    return copyWith(prack, { rack });
  }
}

function renumber(request: SipRequest, seq: number): SipRequest {
  const cseq = cseqOf(request);
  return cseq.seq === seq ? request : copyWith(request, { cseq: { seq, method: cseq.method } });
}

/** The application may make a CANCEL of the Via that its request gets. */
function copyWith(request: SipRequest, changed: Partial<SipRequest['headers']>): SipRequest {
  const via = (request.headers.via ??= []);
  return { ...request, headers: { ...request.headers, via, ...changed } };
}
