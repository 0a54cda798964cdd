/**
 * Who answers one INVITE of ours (RFC 3261 13.2.2.4): each phone behind a forking proxy has a To tag, a dialog and a session
 * of its own. The first that answers for good wins, and the others end with that. Sends nothing.
 */
import type { Dialog, EndReason } from './dialog.js';
import type { OfferAnswer } from './offer-answer.js';
import { toTag } from './message.js';
import type { SipMessage } from './message-types.js';

export interface Fork {
  readonly dialog: Dialog;
  readonly offerAnswer: OfferAnswer;
}

/** As many as a household's phones; whoever answers makes up tags as it likes. */
export const MAX_FORKS = 16;

export class Forks {
  readonly #byTag = new Map<string, Fork>();
  #winner: Fork | undefined;

  /** @param open Makes the fork for one more To tag; undefined where the call is over. */
  constructor(
    private readonly first: Fork,
    private readonly open: (response: SipMessage) => Fork | undefined,
  ) {}

  /** Whose response below 300 this is; undefined: somebody's who has lost, or is one too many. */
  of(response: SipMessage): Fork | undefined {
    const tag = toTag(response);
    // A peer that knows no tags (RFC 2543) cannot fork either.
    if (tag === undefined) return this.#winner ?? this.first;
    const known = this.#byTag.get(tag);
    if (this.#winner) return known === this.#winner ? known : undefined;
    if (known || this.#byTag.size >= MAX_FORKS) return known;
    const fork = this.#byTag.size === 0 ? this.first : this.open(response);
    if (!fork) return undefined;
    fork.dialog.remoteTag = tag;
    this.#byTag.set(tag, fork);
    return fork;
  }

  /** This one has answered for good. */
  win(fork: Fork): void {
    if (this.#winner) return;
    this.#winner = fork;
    for (const other of this.#others(fork)) other.dialog.end('forked');
  }

  /** The INVITE failed: with it all that was early (RFC 3261 13.2.2.3) but the first, which a new attempt may use. */
  fail(reason: EndReason): void {
    for (const other of this.#others(this.first)) other.dialog.end(reason);
  }

  #others(fork: Fork): readonly Fork[] {
    return [this.first, ...this.#byTag.values()].filter(({ dialog }) => dialog !== fork.dialog);
  }
}
