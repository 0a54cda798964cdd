/**
 * Where dialogs are found: by message object, by Call-ID and both tags (RFC 3261 12), and by incoming transaction.
 * Bounded by the open dialogs: what a dialog filed leaves with it.
 */
import type { Dialog } from './dialog.js';
import type { OfferAnswer } from './offer-answer.js';
import type { SipFlow, SipMessage } from './message-types.js';

export interface Incoming {
  readonly dialog: Dialog;
  readonly offerAnswer: OfferAnswer;
}

/** Requests of a peer that can still be answered; a BYE-less peer must not fill the memory. */
const MAX_INCOMING = 16;

export class DialogTable {
  readonly #byCall = new Map<string, Dialog[]>();
  readonly #byMessage = new WeakMap<SipMessage, Dialog>();
  readonly #incoming = new Map<string, Incoming>();
  readonly #keys = new Map<Dialog, string[]>();
  readonly #byFlow = new Map<string, Set<Dialog>>();

  add(dialog: Dialog): void {
    const others = this.#byCall.get(dialog.callId);
    if (others) others.push(dialog);
    else this.#byCall.set(dialog.callId, [dialog]);
  }

  remove(dialog: Dialog): void {
    const rest = (this.#byCall.get(dialog.callId) ?? []).filter((other) => other !== dialog);
    if (rest.length > 0) this.#byCall.set(dialog.callId, rest);
    else this.#byCall.delete(dialog.callId);
    for (const key of this.#keys.get(dialog) ?? []) this.#incoming.delete(key);
    this.#keys.delete(dialog);
    this.#leaveFlow(dialog);
  }

  /** How many open dialogs have this Call-ID. */
  countOf(callId: string): number {
    return this.#byCall.get(callId)?.length ?? 0;
  }

  /** The dialog's peer was heard on this flow, or will be. */
  follow(dialog: Dialog, flow: SipFlow | undefined): void {
    this.#leaveFlow(dialog);
    dialog.flow = flow;
    if (!flow) return;
    const key = flowKey(flow.address, flow.port);
    const others = this.#byFlow.get(key);
    if (others) others.add(dialog);
    else this.#byFlow.set(key, new Set([dialog]));
  }

  *dialogs(): IterableIterator<Dialog> {
    for (const dialogs of this.#byCall.values()) yield* dialogs;
  }

  mark(message: SipMessage, dialog: Dialog): void {
    this.#byMessage.set(message, dialog);
  }

  ofMessage(message: SipMessage): Dialog | undefined {
    return this.#byMessage.get(message);
  }

  addIncoming(key: string, incoming: Incoming): void {
    const keys = this.#keys.get(incoming.dialog) ?? [];
    this.#keys.set(incoming.dialog, keys);
    keys.push(key);
    if (keys.length > MAX_INCOMING) this.#incoming.delete(keys.shift() ?? '');
    this.#incoming.set(key, incoming);
  }

  incoming(key: string): Incoming | undefined {
    return this.#incoming.get(key);
  }

  /** True while an open dialog's peer was last heard on the flow from this address. */
  isFlowInUse(address: string | undefined, port: number | undefined): boolean {
    return this.#byFlow.has(flowKey(address, port));
  }

  /**
   * The open dialog with these tags. Both must match where both sides have one; a request without the peer's tag (a
   * CANCEL) matches an early dialog by ours alone.
   */
  find(callId: string, localTag: string | undefined, remoteTag: string | undefined): Dialog | undefined {
    const dialogs = this.#byCall.get(callId) ?? [];
    const matches = (dialog: Dialog) =>
      (dialog.localTag === localTag || (localTag === undefined && !dialog.isConfirmed)) &&
      (dialog.remoteTag === remoteTag || (remoteTag === undefined && !dialog.isConfirmed));
    return dialogs.find(matches);
  }

  /** A call of ours that failed in a way that is tried again, or whose INVITE has not gone out yet. */
  waiting(callId: string, localTag: string | undefined): Dialog | undefined {
    const dialogs = this.#byCall.get(callId) ?? [];
    return dialogs.find(
      (d) => d.isOutgoing && !d.isConfirmed && d.localTag === localTag && d.remoteTag === undefined,
    );
  }

  #leaveFlow(dialog: Dialog): void {
    const { flow } = dialog;
    const key = flow && flowKey(flow.address, flow.port);
    const others = key === undefined ? undefined : this.#byFlow.get(key);
    others?.delete(dialog);
    if (key !== undefined && others?.size === 0) this.#byFlow.delete(key);
  }
}

function flowKey(address: string | undefined, port: string | number | undefined): string {
  return `${address},${port}`;
}
