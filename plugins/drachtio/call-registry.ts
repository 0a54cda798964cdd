/**
 * Where the calls of all daemons are found, by the names that a daemon gave: an INVITE's transaction, a dialog. Bounded by the
 * calls that are open: what a call filed leaves with it.
 */
import type { Dialog, EndReason } from '../../lib/sip/index.js';
import { DaemonCall } from './daemon-call.js';
import type { Waiting } from './daemon-call.js';

export class CallRegistry {
  readonly #byTransaction = new Map<string, DaemonCall>();
  readonly #byDialog = new Map<string, DaemonCall>();
  readonly #calls = new Set<DaemonCall>();

  [Symbol.iterator](): IterableIterator<DaemonCall> {
    return this.#calls.values();
  }

  add(call: DaemonCall, dialog: Dialog): void {
    call.add(dialog);
    if (!call.isOver) this.#calls.add(call);
  }

  addTransaction(call: DaemonCall, transaction: string): void {
    if (call.isOver || transaction === '') return;
    call.transactions.add(transaction);
    this.#byTransaction.set(transaction, call);
  }

  /** A request of the peer's waits for its answer. */
  wait(call: DaemonCall, waiting: Waiting): void {
    const forgotten = call.wait(waiting);
    if (forgotten) this.settle(call, forgotten);
    this.#byTransaction.set(waiting.transaction, call);
  }

  /** Its final answer has gone out. */
  settle(call: DaemonCall, waiting: Waiting): void {
    call.settle(waiting);
    if (!call.transactions.has(waiting.transaction)) this.#byTransaction.delete(waiting.transaction);
  }

  addDialog(call: DaemonCall, id: string): void {
    if (call.isOver || id === '' || call.dialogId === id) return;
    if (call.dialogId !== undefined) this.#byDialog.delete(call.dialogId);
    call.dialogId = id;
    this.#byDialog.set(id, call);
  }

  /** By the dialog where there is one: an early UPDATE comes under the name of the INVITE. */
  find(transaction: string | undefined, dialog: string | undefined): DaemonCall | undefined {
    return this.#byDialog.get(dialog ?? '') ?? this.#byTransaction.get(transaction ?? '');
  }

  /** For calls.ts of lib/sip: a dialog has ended. */
  end(dialog: Dialog, reason: EndReason): void {
    const call = dialog.stack;
    if (!(call instanceof DaemonCall)) return;
    call.remove(dialog, reason);
    if (!call.isOver) return;
    this.#calls.delete(call);
    for (const { transaction } of call.allWaiting) this.#byTransaction.delete(transaction);
    for (const transaction of call.transactions) this.#byTransaction.delete(transaction);
    if (call.dialogId !== undefined) this.#byDialog.delete(call.dialogId);
  }
}
