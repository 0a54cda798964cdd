/**
 * Offers that name a key which somebody else holds (protocol.md 2: "a verifier that has to fetch it waits with the answer"). Each is
 * parked until the key has come or cannot be had; of a call that it would begin nothing exists meanwhile, no session and no port. Its
 * CANCEL, its repetitions and other offers of its dialog find it here. It decides who waits, and sends nothing itself.
 */
import type { FetchedKeys, Latchkey } from '../index.js';
import { sourceOf } from './address-ranges.js';
import { readSdp } from './body.js';
import type { BoundCounters } from './bound-counters.js';
import type { Dialog } from './dialog.js';
import type { Fork } from './forks.js';
import { cseqOf, inviteKey, rackCseq, transactionKey } from './message.js';
import type { SipFlow, SipMessage, SipRequest, SipResponse } from './message-types.js';
import type { Refusal } from './offer-answer.js';
import type { StrangerLimits } from './stranger-limits.js';

/** What a stack does about a request that is parked. */
export interface ParkSite {
  /** It is to be read now, as if it had just come. Must not throw. */
  readonly goOn: () => void;
  /** It waits: 100. Its dialog is over, and nobody will read it: 487. */
  readonly answer: (status: 100 | 487) => void;
  /** A CANCEL of it has come, and nobody will read either: both are to be answered. */
  readonly onCancelled: (cancel: SipRequest) => void;
}

interface Parked extends ParkSite {
  readonly request: SipRequest;
  readonly dialog: Dialog | undefined;
  readonly source: string;
}

/** Responses to one INVITE of ours: who sends more sends them again. */
const RESPONSES_MAX = 16;

const FULL: Refusal = { status: 503, warning: 'too many calls wait for a key to be fetched' };
/** RFC 3261 14.2, RFC 3311 5.2: one offer at a time. */
const SECOND_OFFER: Refusal = { status: 500, warning: 'another offer of this dialog has no answer yet' };

export class ParkedOffers {
  readonly #latchkey: Latchkey;
  readonly #bounds: BoundCounters;
  readonly #limits: StrangerLimits;
  /** By their transactions. */
  readonly #parked = new Map<string, Parked>();
  readonly #bySource = new Map<string, number>();
  readonly #dialogs = new Set<Dialog>();
  /** By INVITEs of ours, the responses that wait. */
  readonly #responses = new WeakMap<Fork, (() => Promise<void>)[]>();
  /** Of messages that go on. */
  readonly #keys = new WeakMap<SipMessage, FetchedKeys>();

  constructor(latchkey: Latchkey, bounds: BoundCounters, limits: StrangerLimits) {
    this.#latchkey = latchkey;
    this.#bounds = bounds;
    this.#limits = limits;
  }

  /** True where nobody is to read this request now, since it waits. Or why it is refused. */
  park(request: SipRequest, flow: SipFlow, dialog: Dialog | undefined, site: ParkSite): boolean | Refusal {
    const { seq } = cseqOf(request);
    if (!isOffer(request, dialog) || (dialog && seq < dialog.remoteSeq)) return false;
    if (dialog && this.#dialogs.has(dialog)) return SECOND_OFFER;
    const kids = this.#latchkey.missingKeys(readSdp(request), dialog?.session);
    if (kids.length === 0) return false;
    const source = sourceOf(flow.address ?? '');
    if (!this.#hasRoom(source)) {
      this.#bounds.count('parked');
      return FULL;
    }
    // What comes after it in the dialog has a higher CSeq, and is read before it (RFC 3261 12.2.2).
    if (dialog) dialog.remoteSeq = seq;
    this.#wait({ ...site, request, dialog, source }, kids);
    if (request.method === 'INVITE') site.answer(100);
    return true;
  }

  /** True where this CANCEL has ended the wait of its INVITE. */
  cancel(cancel: SipRequest): boolean {
    const key = inviteKey(cancel);
    const parked = this.#parked.get(key);
    if (!parked) return false;
    this.#unpark(key, parked);
    parked.onCancelled(cancel);
    return true;
  }

  /** Whether this request, or another of its transaction, waits. */
  has(request: SipRequest): boolean {
    return this.#parked.has(transactionKey(request));
  }

  /**
   * Calls `goOn`: at once, or when the key has come that an offer in this response names. Those that come after it wait too, so that they
   * are read in their order.
   *
   * @param goOn Must not throw.
   */
  hold(outgoing: Fork, response: SipResponse, goOn: () => void): void {
    const waiting = this.#responses.get(outgoing);
    const { dialog, offerAnswer } = outgoing;
    const { method, offer } = offerAnswer;
    const isOffer =
      method === 'INVITE' && offer !== 'local' && response.status > 100 && response.status < 300;
    const kids = isOffer ? this.#latchkey.missingKeys(readSdp(response), dialog.session) : [];
    if (!waiting && kids.length === 0) return goOn();
    const read = async () => {
      const keys = await this.#latchkey.fetchKeys(kids);
      this.#keys.set(response, keys);
      goOn();
      keys.forget();
    };
    if (!waiting) void this.#readInOrder(outgoing, read);
    else if (waiting.length < RESPONSES_MAX) waiting.push(read);
  }

  /** The keys that were fetched for a message that goes on; undefined for one that never waited. */
  keysFor(message: SipMessage): FetchedKeys | undefined {
    return this.#keys.get(message);
  }

  async #readInOrder(outgoing: Fork, first: () => Promise<void>): Promise<void> {
    const waiting = [first];
    this.#responses.set(outgoing, waiting);
    for (let read = waiting[0]; read; read = waiting[0]) {
      await read();
      waiting.shift();
    }
    this.#responses.delete(outgoing);
  }

  #wait(parked: Parked, kids: readonly string[]): void {
    const { request, dialog, source, goOn, answer } = parked;
    const key = transactionKey(request);
    this.#parked.set(key, parked);
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    if (dialog) this.#dialogs.add(dialog);
    void this.#latchkey.fetchKeys(kids).then((keys) => {
      // Else its CANCEL was first.
      if (this.#parked.get(key) === parked) {
        this.#unpark(key, parked);
        this.#keys.set(request, keys);
        // RFC 3261 15.1.2: the BYE was first.
        if (dialog?.isEnded) answer(487);
        else goOn();
      }
      keys.forget();
    });
  }

  #unpark(key: string, { source, dialog }: Parked): void {
    this.#parked.delete(key);
    const others = (this.#bySource.get(source) ?? 1) - 1;
    if (others > 0) this.#bySource.set(source, others);
    else this.#bySource.delete(source);
    if (dialog) this.#dialogs.delete(dialog);
  }

  #hasRoom(source: string): boolean {
    const { maxParked, maxParkedOfSource } = this.#limits;
    return this.#parked.size < maxParked && (this.#bySource.get(source) ?? 0) < maxParkedOfSource;
  }
}

/** A request with an offer in it: what an ACK brings is an answer, and a PRACK where our offer waits for one (RFC 3262 5). */
function isOffer(request: SipRequest, dialog: Dialog | undefined): boolean {
  const { method } = request;
  if (method === 'PRACK')
    return dialog?.invite(true, rackCseq(request) ?? NaN)?.owesAnswer('remote') !== true;
  return method === 'INVITE' || method === 'UPDATE';
}
