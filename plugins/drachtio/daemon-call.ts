/**
 * One call as a daemon knows it: the transactions that it has names for, the dialog, and who of this side's dialogs they belong
 * to. To those it is the stack that their own requests go out by. It keeps what is known and judges nothing.
 */
import type {
  Dialog,
  EndReason,
  OnResponse,
  SipFlow,
  SipMessage,
  SipRequest,
  SipStack,
  SipUri,
} from '../../lib/sip/index.js';
import type { Signalling } from '../../lib/index.js';

/** A request of the peer's that waits for the application's answer. */
export interface Waiting {
  readonly transaction: string;
  readonly request: SipRequest;
  readonly flow: SipFlow;
  readonly signalling: Signalling;
}

/** The connection to the daemon, as far as a call needs it. */
export interface CallLine {
  sendOwn(call: DaemonCall, message: SipMessage, onResponse: OnResponse | undefined): void;
  answerOwn(call: DaemonCall, response: SipMessage): void;
}

/** Requests of a peer that may wait at a time; who answers none must not fill the memory. */
const MAX_WAITING = 16;

export class DaemonCall implements SipStack {
  readonly addresses = [];
  readonly ready = Promise.resolve();
  /** Over which the daemon was last heard of it. */
  line: CallLine;
  /** The daemon's name for the dialog: known from the first answer on. */
  dialogId: string | undefined;
  /** The daemon's names for the INVITE that made it: more than one where credentials were asked for. */
  readonly transactions = new Set<string>();
  /** Why the last of its dialogs ended. */
  reason: EndReason | undefined;
  /** Forks of one INVITE are one dialog to the daemon. */
  readonly #dialogs = new Set<Dialog>();
  readonly #waiting = new Map<string, Waiting>();

  constructor(line: CallLine) {
    this.line = line;
  }

  /** The dialog that requests go to: the one that was answered, else the first. */
  get dialog(): Dialog | undefined {
    const { dialogs } = this;
    return dialogs.find(({ isConfirmed }) => isConfirmed) ?? dialogs[0];
  }

  get dialogs(): readonly Dialog[] {
    return [...this.#dialogs];
  }

  get isOver(): boolean {
    return this.#dialogs.size === 0;
  }

  dialogWith(remoteTag: string | undefined): Dialog | undefined {
    return this.dialogs.find((dialog) => dialog.remoteTag === remoteTag) ?? this.dialog;
  }

  add(dialog: Dialog): void {
    if (!dialog.isEnded) this.#dialogs.add(dialog);
  }

  remove(dialog: Dialog, reason: EndReason): void {
    this.#dialogs.delete(dialog);
    this.reason = reason;
  }

  /** Returns the one that is forgotten for it. */
  wait(waiting: Waiting): Waiting | undefined {
    const [oldest] = this.#waiting.size >= MAX_WAITING ? this.#waiting.values() : [];
    if (oldest) this.settle(oldest);
    // The daemon has one name for an INVITE and an UPDATE that comes before its answer.
    this.#waiting.set(`${waiting.transaction} ${waiting.request.method}`, waiting);
    return oldest;
  }

  get allWaiting(): readonly Waiting[] {
    return [...this.#waiting.values()];
  }

  waiting(transaction: string, method: string): Waiting | undefined {
    return this.#waiting.get(`${transaction} ${method}`);
  }

  waitingFor(request: SipMessage): Waiting | undefined {
    return this.allWaiting.find((one) => one.request.headers.cseq === request.headers.cseq);
  }

  /** The final answer has gone out. */
  settle({ transaction, request }: Waiting): void {
    this.#waiting.delete(`${transaction} ${request.method}`);
  }

  // What a dialog asks of its stack.

  readonly send = (message: SipMessage, onResponse?: OnResponse): void => {
    if (message.method === undefined) this.line.answerOwn(this, message);
    else this.line.sendOwn(this, message, onResponse);
  };

  /** The daemon keeps what it likes of a transaction. */
  readonly sendOnce = (request: SipRequest): void => this.line.sendOwn(this, request, undefined);

  readonly hostname = (): string => 'latchkey';

  /** Never asked for: to this side no flow has a socket. */
  readonly encodeFlowUri = ({ address = '', port }: SipFlow): SipUri => ({ host: address, port, params: {} });

  expectedSignalling(): Signalling {
    return this.dialog?.signalling ?? 'clear';
  }

  /** A connection carries other calls too. */
  readonly destroy = (): void => undefined;
}
