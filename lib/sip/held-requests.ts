/**
 * Requests of an application's that may not go out yet: a re-INVITE of this side's, of which the application knows nothing, has no answer
 * (RFC 3261 14.1). Each goes out when that has been answered, or is refused by this side when it takes too long. One that is cancelled
 * meanwhile never goes out: nobody else could answer its CANCEL, since the peer has not seen it. It sends nothing itself.
 */
import { UNANSWERED_MS } from './dialog.js';
import type { Dialog } from './dialog.js';
import { cseqOf } from './message.js';
import type { SipRequest } from './message-types.js';

/** A request that waits for another one's answer. One of these is called, once. */
export interface HeldSite {
  readonly goOn: () => void;
  /** 491 is what it would get. */
  readonly giveUp: () => void;
  /** Its application has cancelled it: 487 is what it would get (RFC 3261 9.2). Left out where it cannot. */
  readonly onCancelled?: () => void;
}

interface Held {
  readonly seq: number;
  readonly method: string;
  /** Undefined once it is over. */
  site: HeldSite | undefined;
}

export class HeldRequests {
  readonly #held = new WeakMap<Dialog, Set<Held>>();

  hold(dialog: Dialog, request: SipRequest, site: HeldSite): void {
    const { seq } = cseqOf(request);
    const held: Held = { seq, method: request.method, site };
    const all = this.#held.get(dialog) ?? new Set();
    this.#held.set(dialog, all.add(held));
    const settle = (outcome: 'goOn' | 'giveUp') => {
      clearTimeout(timer);
      all.delete(held);
      const open = held.site;
      held.site = undefined;
      open?.[outcome]();
    };
    const timer = setTimeout(() => settle('giveUp'), UNANSWERED_MS);
    dialog.whenQuiet(() => settle('goOn'));
  }

  /** True where this CANCEL is of an INVITE that waits. It has ended that wait, and is to be answered 200. */
  cancel(dialog: Dialog, cancel: SipRequest): boolean {
    // RFC 3261 9.1: a CANCEL has the number of its request. That one has no Via yet to be told by.
    const { seq } = cseqOf(cancel);
    const all = this.#held.get(dialog) ?? [];
    const held = [...all].find((one) => one.method === 'INVITE' && one.seq === seq);
    const site = held?.site;
    if (!held || !site) return false;
    held.site = undefined;
    site.onCancelled?.();
    return true;
  }
}
