/**
 * Requests that come over UDP from addresses at which nobody is shown (protocol.md 8, P11). The package would repeat its answers by a
 * timer and keep each transaction for 32 s, in the name of whoever forged the source. Here nothing is sent but in answer to a request,
 * and a request that comes again pays for its answer again. Whether a datagram may go is the ledger's to say.
 */
import type { RemoteInfo } from 'node:dgram';
import { callId, methodOf, RecentCounts, toTag, TRANSACTION_MS } from '../../lib/sip/index.js';
import type {
  BoundCounters,
  Calls,
  DatagramLedger,
  Dialog,
  SipFlow,
  SipMessage,
  SipRequest,
  SipResponse,
  StrangerLimits,
  UnshownTransaction,
  UnshownTransactions,
} from '../../lib/sip/index.js';
import type { SipPackage } from './sip-types.js';

export interface UnshownPeersSite {
  readonly sip: SipPackage;
  readonly ledger: DatagramLedger;
  readonly bounds: BoundCounters;
  readonly transactions: UnshownTransactions;
  readonly calls: Calls;
  readonly limits: StrangerLimits;
  /** Of the UDP socket. */
  readonly local: () => { readonly address: string; readonly port: number };
  onReceived(request: SipMessage, remote: SipFlow): void;
  onRequest(request: SipRequest, remote: SipFlow): void;
  /** The application has failed at a request: it is answered 500. */
  onFailed(request: SipRequest, error: unknown): void;
  /** Puts a message into the shape in which it goes to this flow. */
  shape(message: SipMessage, target: SipFlow): void;
  /** It goes there now. */
  onSending(message: SipMessage, target: SipFlow): void;
  send(bytes: Buffer, to: { readonly address: string; readonly port: number }): void;
}

type DatagramFlow = SipFlow & { readonly address: string; readonly port: number };

export class UnshownPeers {
  readonly #site: UnshownPeersSite;
  /** Where each transaction's answers go: where its request came from. */
  readonly #flows = new WeakMap<UnshownTransaction, DatagramFlow>();
  /** The same by the Via of the request, which its responses have too: they find their way when the transaction is forgotten. */
  readonly #flowsByVia = new WeakMap<object, DatagramFlow>();

  /** Requests that were left to the package. */
  readonly #left = new RecentCounts(TRANSACTION_MS);

  constructor(site: UnshownPeersSite) {
    this.#site = site;
  }

  /** A request has passed the gate. False where it is the package's: somebody is shown there, and does not ask too much. */
  take(text: string, { address, port }: RemoteInfo): boolean {
    const { sip, ledger, transactions } = this.#site;
    const mayLeave = ledger.isShown(address) && this.#hasRoom(address);
    // Nothing was begun here by that source: all is the package's.
    if (mayLeave && !transactions.hasAnyOf(address)) return this.#leave(address);
    const request = readRequest(sip, text, address, port);
    if (!request || this.#isRepeated(request)) return true;
    if (mayLeave) return this.#leave(address);
    // Its transaction was forgotten for others, its call was not: the dialog sees to the rest.
    if (this.#isOfCall(request)) return true;
    this.#receive(request, { protocol: 'UDP', address, port, local: { ...this.#site.local() } });
    return true;
  }

  /**
   * The package keeps each transaction for 32 s and has no bound. Sources can be forged where somebody is shown, too: what goes beyond
   * is held here, where there is one.
   */
  #hasRoom(address: string): boolean {
    const { ledger, limits } = this.#site;
    if (ledger.isOwned(address)) return true;
    const { ofSource, inAll } = this.#left.of(address, performance.now());
    return ofSource < limits.maxTransactionsOfSource && inAll < limits.maxTransactions;
  }

  #leave(address: string): false {
    this.#left.note(address, performance.now());
    return false;
  }

  /** It came before: it brings its answer again, where there is one. */
  #isRepeated(request: SipRequest): boolean {
    const { transactions } = this.#site;
    if (request.method === 'ACK') return transactions.failureOf(request) !== undefined;
    const known = transactions.of(request);
    if (known?.isVoid() === true) transactions.forget(known);
    else if (known) this.#repeat(known);
    return transactions.of(request) !== undefined;
  }

  #isOfCall(request: SipRequest): boolean {
    return request.method !== 'ACK' && this.#site.calls.isKnown(request);
  }

  /** A request was read. A call that it has begun over UDP may have to give way until somebody acknowledges it. */
  noteCall(request: SipRequest, { protocol, address, port }: SipFlow): void {
    const { ledger, calls, transactions } = this.#site;
    const dialog = calls.table.ofMessage(request);
    if (!dialog || protocol !== 'UDP' || address === undefined || dialog.isEnded) return;
    if (ledger.isOwned(address)) return dialog.session.shown(address);
    if (request.method !== 'INVITE' || toTag(request) !== undefined) return;
    const begun = transactions.of(request);
    if (begun)
      begun.isVoid = () => dialog.isEnded && (begun.response === undefined || begun.response.status < 300);
    // Also where somebody is shown: it may be another who writes that address into his datagrams.
    calls.noteUnconfirmed(dialog, { address, port: Number(port) });
  }

  /** Sends a response, where its request came this way. False: it is the package's to send. */
  respond(response: SipResponse): boolean {
    const { ledger, bounds } = this.#site;
    const flow = this.#flowOf(response);
    if (!flow) return false;
    // Without a 1xx the INVITE comes again, and pays for the next 200.
    if (response.status < 200 && !ledger.isShown(flow.address)) bounds.count('provisional');
    else this.#send(response, flow);
    return true;
  }

  /** An INVITE whose 200 cannot be paid for gets one bare 400 in its place, and there is no call. */
  refuseTooLong(response: SipResponse, dialog: Dialog): boolean {
    const { transactions, ledger, bounds } = this.#site;
    const flow = this.#flowOf(response);
    if (!flow || transactions.of(response)?.response || methodOf(response) !== 'INVITE') return false;
    if (ledger.fits(flow, this.#encode(response, flow).length)) return false;
    bounds.count('answerTooLong');
    const { via, to, from, cseq } = response.headers;
    const headers = { ...{ via, to, from, cseq }, 'call-id': callId(response) } as SipResponse['headers'];
    dialog.end('failed');
    this.#send({ status: 400, reason: 'Bad Request', version: '2.0', headers, content: '' }, flow);
    return true;
  }

  #flowOf(response: SipResponse): DatagramFlow | undefined {
    const { via } = response.headers;
    const begun = this.#site.transactions.of(response);
    return (via && this.#flowsByVia.get(via)) ?? (begun && this.#flows.get(begun));
  }

  #receive(request: SipRequest, flow: DatagramFlow): void {
    // An ACK to a 2xx is a transaction of its own, which nothing answers.
    if (request.method !== 'ACK') this.#flows.set(this.#site.transactions.begin(request, flow.address), flow);
    this.#site.onReceived(request, flow);
    try {
      this.#site.onRequest(request, flow);
    } catch (error) {
      if (request.method === 'ACK') throw error;
      this.#site.onFailed(request, error);
    }
  }

  #repeat(known: UnshownTransaction): void {
    const { response } = known;
    const flow = this.#flows.get(known);
    if (!response || !flow) return;
    // A 2xx to an INVITE is repeated by its dialog, but where it could not be paid for.
    const isDialogs = methodOf(response) === 'INVITE' && response.status < 300;
    if (!isDialogs || known.isHeldBack) this.#send(response, flow);
  }

  #send(response: SipResponse, flow: DatagramFlow): void {
    const bytes = this.#encode(response, flow);
    const isHeldBack = !this.#site.ledger.fits(flow, bytes.length);
    const begun = this.#site.transactions.of(response);
    if (begun) Object.assign(begun, { response, isHeldBack });
    if (!isHeldBack) this.#site.onSending(response, flow);
    this.#site.send(bytes, flow);
  }

  #encode(response: SipResponse, flow: DatagramFlow): Buffer {
    this.#site.shape(response, flow);
    return Buffer.from(this.#site.sip.stringify(response), 'latin1');
  }
}

/** As the package reads it, with what it adds. */
function readRequest(sip: SipPackage, text: string, address: string, port: number): SipRequest | undefined {
  const message = sip.parse(text);
  const via = message?.headers.via?.[0];
  if (message?.method === undefined || !via) return undefined;
  via.params['received'] = address;
  if (Object.hasOwn(via.params, 'rport')) via.params['rport'] = String(port);
  return message as SipRequest;
}
