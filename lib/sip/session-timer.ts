/**
 * The session timer that the two sides of a dialog have agreed on (RFC 4028): how long the session lasts without a refresh, and who
 * refreshes. A re-INVITE or UPDATE is a refresh, and agrees anew: one that says nothing of the timer turns it off, and one that leaves the
 * refresher open may make another of the two refresh (7.4, 9). So each of ours says again what was agreed. Whoever refreshes goes on doing
 * that by itself. Here are no clocks.
 */
import { readSessionExpires } from './message.js';
import type { SipHeaders, SipMessage } from './message-types.js';

interface Agreed {
  readonly intervalS: number;
  /** Else the peer, or whoever speaks for it. */
  readonly isOurs: boolean;
}

export class SessionTimer {
  #agreed: Agreed | undefined;
  /** The shortest interval that everybody takes: the longest that a refresh of the peer's or a 422 has asked for (RFC 4028 5). */
  #minS = 0;

  /** A request of the peer's, or a 422 to one of ours: neither the peer nor a proxy on the way takes a shorter interval. */
  noteMinimum({ headers }: SipMessage): void {
    const field = headers['min-se'];
    const text = typeof field === 'string' ? /^\s*(\d{1,9})\s*(?:;|$)/.exec(field)?.[1] : undefined;
    this.#minS = Math.max(this.#minS, Number(text ?? 0));
  }

  /** A 2xx to an INVITE or UPDATE, the peer's or ours: what it says counts, and where it says nothing there is no timer any more. */
  agree(response: SipMessage, isIncoming: boolean): void {
    const read = readSessionExpires(response);
    // It has to say who refreshes (RFC 4028 9); where it does not, who has asked is asked to.
    const isOurs = (read?.refresher === 'uas') === isIncoming;
    this.#agreed = read && { intervalS: read.intervalS, isOurs };
  }

  /** Of a re-INVITE or UPDATE of ours; none where there is no timer: who says that he knows timers may be made to refresh. */
  get headers(): SipHeaders {
    if (!this.#agreed) return {};
    const { intervalS, isOurs } = this.#agreed;
    return {
      'session-expires': `${Math.max(intervalS, this.#minS)};refresher=${isOurs ? 'uac' : 'uas'}`,
      ...(this.#minS > 0 && { 'min-se': String(this.#minS) }),
      supported: 'timer',
    };
  }
}
