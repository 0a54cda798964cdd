/*
 * Which session descriptions of a call are offers and which are answers (RFC 3264), by the request that carries them or that they
 * answer, for each dialog apart (RFC 3261 section 13.2.1, RFC 3262 section 5, RFC 3311 section 5). A response answers the offer of
 * its own request, and makes one where its request had none; nothing of one dialog says anything of another.
 */
import type { Party } from './party.js';
import type { SipMessage } from './sip-message.js';

/** A message as one dialog of a call sees it. */
export interface DialogMessage {
  readonly message: SipMessage;
  /** Who sent the request, or the one that a response is to. */
  readonly asker: Party;
  /** The callee's tag; '' for the INVITE that may begin several dialogs. */
  readonly dialog: string;
}

/** Reason: bounded memory. A call of more transactions than that is shown, and its late responses are taken for answers. */
const TRANSACTIONS_MAX = 512;

export class OfferAnswer {
  /** Whether the request of each transaction carried an offer; absent where it was not seen, or cut off before that showed. */
  readonly #offered = new Map<string, boolean>();
  /** Dialogs with an offer of the callee's that a request has to answer. */
  readonly #waiting = new Set<string>();

  /** To be told of every request, with a description or without. */
  noteRequest({ message, asker, dialog }: DialogMessage): void {
    if (message.body === 'unknown' || this.#offered.size === TRANSACTIONS_MAX) return;
    const isOffer = message.body === 'description' && this.roleOf({ message, asker, dialog }) === 'offer';
    this.#offered.set(keyOf(message, asker, dialog), isOffer);
  }

  /** Of a message with a description; to be asked before `noteDescription`. */
  roleOf({ message, asker, dialog }: DialogMessage): 'offer' | 'answer' {
    const { status, method } = message;
    if (status === undefined) {
      if (method === 'ACK') return 'answer';
      return method === 'PRACK' && this.#waiting.has(dialog) ? 'answer' : 'offer';
    }
    const offered =
      this.#offered.get(keyOf(message, asker, dialog)) ?? this.#offered.get(keyOf(message, asker, ''));
    return offered === false ? 'offer' : 'answer';
  }

  /** What a description with this role leaves open. */
  noteDescription({ message, dialog }: DialogMessage, role: 'offer' | 'answer'): void {
    if (message.status !== undefined && role === 'offer') this.#waiting.add(dialog);
    if (message.status === undefined) this.#waiting.delete(dialog);
  }
}

function keyOf({ method, sequence }: SipMessage, asker: Party, dialog: string): string {
  return `${asker} ${method} ${sequence} ${dialog}`;
}
