/**
 * Who answers one INVITE of ours (RFC 3261 13.2.2.4): each phone behind a forking proxy has a To tag, a dialog and a session
 * of its own. The first that answers for good wins, and the others end with that: their phones are hung up on.
 */
import type { Dialog, EndReason } from './dialog.js';
import type { OfferAnswer } from './offer-answer.js';
import { callId, cseqOf, toTag } from './message.js';
import type { SipMessage, SipRequest } from './message-types.js';
import { createInDialog, flowRoute } from './request.js';

export interface Fork {
  readonly dialog: Dialog;
  readonly offerAnswer: OfferAnswer;
}

/** As many as a household's phones; whoever answers makes up tags as it likes. */
export const MAX_FORKS = 16;

export class Forks {
  readonly #byTag = new Map<string, Fork>();
  #winner: Fork | undefined;
  /** To tags whose 2xx was hung up by us. */
  readonly #declined = new Set<string>();

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

  /** This 2xx has been acknowledged and hung up on already: its repetitions are only acknowledged. */
  markDeclined(response: SipMessage): void {
    this.#declined.add(toTag(response) ?? '');
  }

  /**
   * ACK and BYE for a 2xx of a fork that has lost: its phone believes in a call (RFC 3261 13.2.2.4). Of more forks than there
   * can be nothing is said: each request goes wherever the response wants it.
   */
  decline(invite: SipRequest, response: SipMessage): void {
    const { contact, 'record-route': recorded, from, to } = response.headers;
    const { stack, flow, isOnFlow } = this.first.dialog;
    const target = Array.isArray(contact) ? contact[0]?.uri : undefined;
    const tag = toTag(response) ?? '';
    const isRepeated = this.#declined.has(tag);
    if (!stack || !from || !to || target === undefined) return;
    if (!isRepeated && this.#declined.size >= MAX_FORKS) return;
    this.#declined.add(tag);
    for (const { dialog } of [this.first, ...this.#byTag.values()]) dialog.peer.noteSentElsewhere();
    const routes = Array.isArray(recorded) ? recorded.toReversed() : [];
    if (isOnFlow && flow?.local) routes.unshift(flowRoute(stack, flow));
    const place = { callId: callId(invite), local: from, remote: to, target, routes };
    const { seq } = cseqOf(invite);
    stack.send(createInDialog(place, 'ACK', seq));
    if (!isRepeated) stack.send(createInDialog(place, 'BYE', seq + 1));
  }

  #others(fork: Fork): readonly Fork[] {
    return [this.first, ...this.#byTag.values()].filter(({ dialog }) => dialog !== fork.dialog);
  }
}
