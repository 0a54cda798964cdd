/**
 * One connection between a daemon and drachtio-srf, with latchkey in between: each line passes through here on its way in and out.
 * What drachtio-srf sees and what its logs show has no attribute of ours in it; what the daemon sends has them where its hop may
 * carry them. Decides nothing about offers and dialogs: lib/sip does.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { stripLatch } from '../../lib/index.js';
import type { Signalling } from '../../lib/index.js';
import { createResponse, hopSignalling, toTag } from '../../lib/sip/index.js';
import type {
  Calls,
  Dialog,
  GateCounters,
  GateReason,
  OnResponse,
  Outgoing,
  Refusal,
  SipFlow,
  SipMessage,
  SipRequest,
  SipResponse,
} from '../../lib/sip/index.js';
import { addressIn, readInDialog, readInvite, readResponse, tagOf } from './application-message.js';
import type { CallRegistry } from './call-registry.js';
import { DaemonCall } from './daemon-call.js';
import type { CallLine, Waiting } from './daemon-call.js';
import {
  joinLine,
  readApplicationLine,
  readDaemonLine,
  writeRefusal,
  writeUnsolicited,
} from './daemon-line.js';
import type { AnswerLine, ApplicationLine, SipLine } from './daemon-line.js';
import { bothHops, daemonHop, hopInDialog, hopOfCall, hopOfRequest, protocolOf, readNextHop } from './hop.js';
import type { HopTrust, NextHop } from './hop.js';
import { LineReader } from './line-reader.js';
import { reasonOf, withPlace, writeRequest, writeResponse } from './own-message.js';
import {
  asRefused,
  fieldsOf,
  partText,
  readMessage,
  withBody,
  withField,
  withoutLatch,
  writeMessage,
} from './sip-text.js';

export interface ConnectionSite {
  readonly calls: Calls;
  readonly registry: CallRegistry;
  readonly trust: HopTrust;
  /** Counts what cannot be read. */
  readonly gate: GateCounters;
  /** Hands a line to drachtio-srf, whose listeners and the application's may throw. */
  deliver(socket: Socket, text: string): void;
  /** A line as logs may show it. */
  log(direction: 'in' | 'out', text: string): void;
  /** True where drachtio-srf has a dialog of this name. */
  hasDialog(id: string): boolean;
  onRejected(dialog: Dialog | undefined, message: SipMessage, refusal: Refusal): void;
  onFault(where: string, error: unknown): void;
}

/** A line of this side's until the daemon has answered it. */
interface Sent {
  readonly call: DaemonCall | undefined;
  /** The body as the application wrote it: what drachtio-srf is to believe that was sent. */
  readonly body: string;
  /** Of a request. */
  readonly asked?: Asked;
  /** Of a response: what it answers, and with what. */
  readonly answered?: { readonly dialog: Dialog; readonly status: number; readonly isInitial: boolean };
}

/** A request of this side's until its final response. */
interface Asked {
  readonly request: SipRequest;
  readonly outgoing: Outgoing | undefined;
  /** Of a dialog's own, of which drachtio-srf knows nothing. */
  readonly own: { readonly onResponse: OnResponse | undefined } | undefined;
}

/** What can change a call. Other requests are no concern here. */
const CALL_METHODS: ReadonlySet<string> = new Set(['INVITE', 'ACK', 'CANCEL', 'PRACK', 'UPDATE', 'BYE']);

export class DaemonConnection implements CallLine {
  readonly #site: ConnectionSite;
  readonly #socket: Socket;
  readonly #reader: LineReader;
  /** By the names of lines. */
  readonly #sent = new Map<string, Sent>();
  /** By the daemon's names of transactions. */
  readonly #asked = new Map<string, Asked & { readonly call: DaemonCall }>();

  constructor(socket: Socket, site: ConnectionSite) {
    this.#site = site;
    this.#socket = socket;
    this.#reader = new LineReader({
      onLine: (text) => this.#onLine(text),
      onBroken: (reason) => {
        site.onFault('daemon', new Error(`what came from the daemon cannot be read: ${reason}`));
        socket.destroy();
      },
    });
  }

  /** Bytes from the daemon. */
  push(data: Buffer): void {
    this.#reader.push(data);
  }

  /** A line of drachtio-srf's. Returns its name. Throws a LatchkeyError for a session description that cannot be read. */
  send(text: string): string {
    const line = readApplicationLine(text);
    if (line.verb === 'sip' && line.sip !== '')
      return line.sip.startsWith('SIP/') ? this.#sendResponse(line) : this.#sendRequest(line);
    if (line.verb === 'proxy') this.#site.registry.find(line.transaction, undefined)?.dialog?.end('closed');
    return this.#write(line.head, line.sip);
  }

  /**
   * The connection is gone. Calls that are up go on: the daemon may have died, or only its way to us. Who is silent is given up
   * in time (`maxSilenceMs`).
   */
  close(): void {
    for (const sent of this.#sent.values()) if (sent.asked) this.#fail(sent.asked, 503);
    for (const asked of this.#asked.values()) this.#fail(asked, 503);
    this.#sent.clear();
    this.#asked.clear();
    for (const call of [...this.#site.registry])
      if (call.line === this && call.dialog?.isConfirmed === false)
        for (const dialog of call.dialogs) dialog.end('failed');
  }

  sendOwn(call: DaemonCall, message: SipMessage, onResponse: OnResponse | undefined): void {
    const request = message as SipRequest;
    const { dialogId } = call;
    if (dialogId === undefined || this.#socket.destroyed) {
      process.nextTick(() => onResponse?.(localResponse(request, 503)));
      return;
    }
    const hop = bothHops(hopOfRequest(call.expectedSignalling(), targetOf(call)), this.#hop);
    const outgoing = this.#site.calls.sendRequest(request, hop, { stack: call, flow: undefined });
    const { method } = request;
    const isBye = method === 'BYE' && call.isOver;
    const body = this.#contentOf(request, hop);
    const sip = writeRequest(request, body, isBye ? call.reason : undefined);
    const asked = method === 'ACK' ? undefined : { request, outgoing, own: { onResponse } };
    const name = this.#write(`sip||${dialogId}`, sip);
    this.#sent.set(name, { call, body, ...(asked && { asked }) });
    // What the daemon does of its own accord it tells in this way; drachtio-srf hears of nothing else that ends a dialog.
    if (isBye && this.#site.hasDialog(dialogId))
      this.#site.deliver(this.#socket, writeUnsolicited(dialogId, withPlace(sip, request)));
  }

  answerOwn(call: DaemonCall, response: SipMessage): void {
    const waiting = call.waitingFor(response);
    if (waiting) this.#answer(call, waiting, response as SipResponse);
  }

  get #hop(): Signalling {
    return daemonHop(this.#socket, this.#site.trust);
  }

  /**
   * Writes a line, and returns its name.
   *
   * @param shown The message for logs, where what we add has no place.
   */
  #write(head: string, sip: string, shown = withoutLatch(sip), name: string = randomUUID()): string {
    const line = `${name}|${joinLine(head, sip)}`;
    this.#socket.write(`${Buffer.byteLength(line, 'utf8')}#${line}`);
    const logged = head.startsWith('authenticate|') ? 'authenticate' : head;
    this.#site.log('out', `${name}|${joinLine(logged, shown)}`);
    return name;
  }

  // From drachtio-srf to the daemon.

  #sendResponse(line: ApplicationLine): string {
    const { transaction, sip } = line;
    const method = /\S+$/.exec(fieldsOf(sip).get('cseq') ?? '')?.[0] ?? '';
    const call = this.#site.registry.find(transaction, undefined);
    const waiting = call?.waiting(transaction, method);
    const { body } = partText(sip);
    if (!call || !waiting) return this.#write(line.head, withoutLatch(sip));
    const { request } = waiting;
    const dialog = this.#site.calls.table.ofMessage(request);
    const response = readResponse(sip, request, dialog?.localTag);
    const { status } = response;
    this.#site.calls.sendResponse(response);
    if (status >= 200) this.#site.registry.settle(call, waiting);
    const content = this.#contentOf(response, bothHops(waiting.signalling, this.#hop));
    this.#noteAnswered(response, waiting, dialog);
    const name = this.#write(line.head, content === '' ? sip : withBody(sip, content), withoutLatch(sip));
    const isInitial = toTag(request) === undefined && method === 'INVITE';
    this.#sent.set(name, { call, body, ...(dialog && { answered: { dialog, status, isInitial } }) });
    return name;
  }

  /** A response goes back to where its request came from, but for one thing (RFC 3261 18.2.2). */
  #noteAnswered(response: SipResponse, { request, flow }: Waiting, dialog: Dialog | undefined): void {
    if (request.headers.via?.[0]?.params['maddr'] === undefined) this.#site.calls.noteSent(response, flow);
    else dialog?.peer.noteSentElsewhere();
  }

  #sendRequest(line: ApplicationLine): string {
    const method = line.sip.slice(0, line.sip.indexOf(' '));
    if (method === 'INVITE' && line.dialog === '') return this.#sendInvite(line);
    const call = this.#site.registry.find(line.transaction, line.dialog);
    const dialog = call?.dialog;
    if (!call || !dialog || !CALL_METHODS.has(method)) return this.#write(line.head, withoutLatch(line.sip));
    const name: string = randomUUID();
    const ask = () => {
      const request = readInDialog(dialog, method, line.sip);
      const hop = bothHops(hopOfRequest(dialog.signalling, targetOf(call)), this.#hop);
      return this.#ask(call, request, { ...line, name }, hop, dialog.target);
    };
    const refuse = (why: string) => this.#deliver(writeRefusal(name, why), '');
    const isHeld = this.#site.calls.holdBack(readInDialog(dialog, method, line.sip), {
      goOn: () => {
        try {
          ask();
        } catch (error) {
          this.#site.onFault('application', error);
          refuse('the session description cannot be sent');
        }
      },
      giveUp: () => refuse('another INVITE of this dialog has no answer yet'),
    });
    return isHeld ? name : ask();
  }

  #sendInvite(given: ApplicationLine): string {
    const { calls } = this.#site;
    const fields = fieldsOf(given.sip);
    // The daemon would make one up, and tell it only when the INVITE has gone out.
    const callId = fields.get('call-id') ?? randomUUID();
    const sip = fields.has('call-id') ? given.sip : withField(given.sip, `Call-ID: ${callId}`);
    const request = readInvite(sip, callId);
    const target = given.route || (fields.get('route') ?? request.uri);
    const hop = bothHops(hopOfCall(readNextHop(target), request, this.#site.trust), this.#hop);
    const dialog = calls.outgoingInvite(request, hop);
    const known = dialog.stack instanceof DaemonCall ? dialog.stack : undefined;
    const call = known ?? new DaemonCall(this);
    this.#site.registry.add(call, dialog);
    return this.#ask(call, request, { ...given, sip }, hop, target);
  }

  /** @param target The URI that says where it goes, for what is known of the peer (protocol.md 8). */
  #ask(
    call: DaemonCall,
    request: SipRequest,
    line: ApplicationLine & { readonly name?: string },
    hop: Signalling,
    target: Dialog['target'],
  ): string {
    const { calls } = this.#site;
    const body = request.content ?? '';
    const outgoing = calls.sendRequest(request, hop, { stack: call, flow: undefined });
    const content = this.#contentOf(request, hop);
    const next = readNextHop(typeof target === 'string' ? target : '');
    calls.noteSent(request, { protocol: 'udp', host: next?.host ?? '', port: next?.port ?? 0 });
    const sip = content === '' ? line.sip : withBody(line.sip, content);
    const name = this.#write(line.head, sip, withoutLatch(line.sip), line.name);
    const isAsked = request.method !== 'ACK' && request.method !== 'CANCEL';
    this.#sent.set(name, { call, body, ...(isAsked && { asked: { request, outgoing, own: undefined } }) });
    return name;
  }

  /** With our attributes where this hop may carry them, without them where not (protocol.md 2). */
  #contentOf(message: SipMessage, hop: Signalling): string {
    const edit = this.#site.calls.edits.get(message);
    if (!edit) return stripLatch(message.content ?? '');
    return hop === 'clear' && edit.dialog.signalling !== 'clear' ? edit.plain : edit.latched;
  }

  // From the daemon to drachtio-srf.

  #onLine(text: string): void {
    const line = readDaemonLine(text);
    if (line.kind === 'answer') return this.#onAnswer(line);
    if (line.kind === 'other') return this.#deliver(line.head, withoutLatch(line.sip));
    if (line.source === 'application') return this.#onUnsolicited(line);
    if (line.sip.startsWith('SIP/')) this.#onResponse(line);
    else this.#onRequest(line);
  }

  #deliver(head: string, sip: string): void {
    const text = joinLine(head, sip);
    this.#site.log('in', text);
    this.#site.deliver(this.#socket, text);
  }

  /** What the daemon says to a line of this side's. */
  #onAnswer(line: AnswerLine): void {
    const sent = this.#sent.get(line.to);
    if (!sent) return this.#deliver(line.head, withoutLatch(line.sip));
    this.#sent.delete(line.to);
    const { asked, answered, call } = sent;
    if (!line.isOk) {
      // The peer has hung up, or is gone: nobody hears of this response.
      if (answered?.isInitial && answered.status >= 200) answered.dialog.end('failed');
      if (asked) this.#fail(asked, /unable to find dialog/i.test(line.reason) ? 481 : 503);
    } else if (call && asked) this.#learnAsked(call, asked, line);
    else if (call && answered?.isInitial) this.#learnAnswered(call, answered.dialog, line);
    if (!asked?.own) this.#deliver(line.head, line.sip === '' ? '' : withBody(line.sip, sent.body));
  }

  /** A request has gone out, under the names that the daemon gave it. */
  #learnAsked(call: DaemonCall, asked: Asked, { transaction, sip }: AnswerLine): void {
    const { request, outgoing } = asked;
    this.#asked.set(transaction, { ...asked, call });
    if (request.method !== 'INVITE' || toTag(request) !== undefined || !outgoing) return;
    this.#site.registry.addTransaction(call, transaction);
    const tag = tagOf(addressIn(fieldsOf(sip).get('from')));
    if (tag !== undefined) outgoing.dialog.localTag = tag;
  }

  /** An answer to an INVITE has gone out, under the tag that the daemon gave it. */
  #learnAnswered(call: DaemonCall, dialog: Dialog, line: AnswerLine): void {
    const to = addressIn(fieldsOf(line.sip).get('to'));
    const tag = tagOf(to);
    if (tag !== undefined) {
      dialog.localTag = tag;
      dialog.local = to;
    }
    this.#site.registry.addDialog(call, line.dialog);
  }

  /** The daemon has ended a dialog of its own accord. */
  #onUnsolicited(line: SipLine): void {
    const call = this.#site.registry.find(undefined, line.dialog);
    if (line.sip.startsWith('BYE ')) call?.dialog?.end(reasonOf(fieldsOf(line.sip).get('reason') ?? ''));
    this.#deliver(line.head, withoutLatch(line.sip));
  }

  #onRequest(line: SipLine): void {
    const method = line.sip.slice(0, line.sip.indexOf(' '));
    if (!CALL_METHODS.has(method)) return this.#deliver(line.head, withoutLatch(line.sip));
    const read = readMessage(line.sip);
    if (!read.ok) return this.#refuseUnread(line, method, read.reason);
    const request = read.message as SipRequest;
    if (method === 'CANCEL' && this.#site.calls.cancelParked(request)) return;
    const isInitial = method === 'INVITE' && toTag(request) === undefined;
    const call = isInitial ? new DaemonCall(this) : this.#callOf(line);
    if (!call) return this.#deliver(line.head, withoutLatch(line.sip));
    const { trust } = this.#site;
    const { proxies } = trust;
    const from = isInitial ? { ...flowOf(line), protocol: protocolOf(line, trust) } : flowOf(line);
    const flow = proxies.has(from) ? { ...from, behind: proxies.hopBefore(request, from) } : from;
    const hop = call.dialog ? hopInDialog(call.dialog.signalling, flow) : hopSignalling(flow);
    const waiting = { transaction: line.transaction, request, flow, signalling: bothHops(hop, this.#hop) };
    const answer = (status: number) =>
      this.#answer(call, waiting, createResponse(request, { status }, call.hostname()));
    const parked = this.#site.calls.park(request, flow, {
      goOn: () => {
        if (this.#socket.destroyed) return;
        try {
          this.#read(call, waiting, line);
        } catch (error) {
          this.#site.onFault('request', error);
          answer(500);
        }
      },
      // 100 is the daemon's to send, and so is what a CANCEL asks for.
      answer: (status) => status === 487 && answer(status),
      onCancelled: () => undefined,
    });
    if (parked === false) this.#read(call, waiting, line);
    else if (parked !== true) this.#refuse(call, waiting, parked);
  }

  #read(call: DaemonCall, waiting: Waiting, line: SipLine): void {
    const { request, flow } = waiting;
    const { method } = request;
    const refusal = this.#site.calls.receiveRequest(request, flow, waiting.signalling, call);
    const dialog = this.#site.calls.table.ofMessage(request);
    if (dialog) this.#file(call, dialog, waiting, method === 'INVITE' && toTag(request) === undefined);
    if (refusal) return this.#refuse(call, waiting, refusal);
    // The daemon has answered the INVITE by itself.
    if (method === 'CANCEL' && dialog?.isConfirmed === false) dialog.end('cancelled');
    this.#site.calls.handOn(request, {
      goOn: () => {
        if (!this.#socket.destroyed) this.#deliver(line.head, withoutLatch(line.sip));
      },
      // And here, too.
      onCancelled: () => {
        this.#site.calls.sendResponse(createResponse(request, { status: 487 }, call.hostname()));
        this.#site.registry.settle(call, waiting);
      },
    });
  }

  #file(call: DaemonCall, dialog: Dialog, waiting: Waiting, isInitial: boolean): void {
    const { registry, calls } = this.#site;
    const { method } = waiting.request;
    registry.add(call, dialog);
    if (method === 'ACK' || method === 'CANCEL') return;
    if (isInitial) registry.addTransaction(call, waiting.transaction);
    registry.wait(call, waiting);
    const { address, port } = waiting.flow;
    // A proxy of one's own forges nothing.
    if (isInitial && waiting.flow.protocol === 'udp' && address !== undefined && !waiting.flow.behind)
      calls.noteUnconfirmed(dialog, { address, port: Number(port) });
  }

  #refuse(call: DaemonCall, waiting: Waiting, refusal: Refusal): void {
    const { request } = waiting;
    const dialog = this.#site.calls.table.ofMessage(request);
    if (request.method === 'ACK') dialog?.giveUp('rejected');
    else {
      // RFC 3261 14.2, 21.5.4: the peer may try again after a while.
      const wait = String(1 + ((randomBytes(1)[0] ?? 0) % 10));
      const headers = [500, 503].includes(refusal.status) ? { 'retry-after': wait } : {};
      const response = createResponse(request, { ...refusal, headers }, call.hostname());
      // A call that never began ends here; a change that failed leaves its call as it was.
      if (toTag(request) === undefined) dialog?.end('rejected');
      this.#answer(call, waiting, response);
    }
    this.#site.onRejected(dialog, request, refusal);
  }

  /** A response of ours, of which drachtio-srf knows nothing. */
  #answer(call: DaemonCall, waiting: Waiting, response: SipResponse): void {
    this.#site.calls.sendResponse(response);
    if (response.status >= 200) this.#site.registry.settle(call, waiting);
    const sip = writeResponse(response, this.#contentOf(response, bothHops(waiting.signalling, this.#hop)));
    this.#write(`sip|${waiting.transaction}|`, sip);
  }

  /** What nobody can read in one way only goes no further (lib/sip/gate.ts). */
  #refuseUnread(line: SipLine, method: string, reason: GateReason): void {
    this.#noteUnread(method, reason);
    if (method === 'ACK' || method === 'CANCEL') return;
    const cseq = fieldsOf(line.sip).get('cseq');
    const fields = [...(cseq === undefined ? [] : [`CSeq: ${cseq}`]), `Warning: 399 latchkey "${reason}"`];
    this.#site.gate.countAnswered();
    const sip = writeMessage('SIP/2.0 400 Bad Request', fields, '');
    this.#write(`sip|${line.transaction}|`, sip);
  }

  #noteUnread(what: string, reason: GateReason): void {
    if (this.#site.gate.countRefused(reason))
      this.#site.onFault('daemon', new Error(`a ${what} was refused: ${reason}`));
  }

  #onResponse(line: SipLine): void {
    const asked = this.#asked.get(line.transaction);
    if (!asked) return this.#deliver(line.head, withoutLatch(line.sip));
    const read = readMessage(line.sip);
    if (!read.ok) this.#noteUnread('response', read.reason);
    const response = read.ok ? (read.message as SipResponse) : localResponse(asked.request, 500);
    if (response.status >= 200) this.#asked.delete(line.transaction);
    const goOn = () => this.#readResponse(asked, response, line, read.ok);
    if (asked.outgoing) this.#site.calls.hold(asked.outgoing, response, goOn);
    else goOn();
  }

  #readResponse(
    asked: Asked & { readonly call: DaemonCall },
    response: SipResponse,
    line: SipLine,
    isReadable: boolean,
  ): void {
    const { call, own } = asked;
    const refusal = asked.outgoing && this.#takeResponse(call, asked.outgoing, response, line);
    if (own) own.onResponse?.(response);
    else if (refusal)
      this.#deliver(line.head, asRefused(line.sip, createResponse(asked.request, refusal, call.hostname())));
    else this.#deliver(line.head, isReadable ? withoutLatch(line.sip) : asRefused(line.sip, response));
  }

  /** Returns why a 2xx is not taken: it has been acknowledged then, and hung up. */
  #takeResponse(
    call: DaemonCall,
    outgoing: Outgoing,
    response: SipResponse,
    line: SipLine,
  ): Refusal | undefined {
    const { calls, registry } = this.#site;
    const { status } = response;
    const isSuccess = status >= 200 && status < 300;
    const { request } = outgoing;
    const fork = calls.forkOf(outgoing, response);
    const { dialog, offerAnswer } = fork ?? outgoing;
    if (fork) registry.add(call, dialog);
    registry.addDialog(call, line.dialog);
    const from = flowOf(line);
    // A response says nothing of the hop behind a proxy; it comes by the way of its request.
    const isByProxy = this.#site.trust.proxies.has(from);
    const flow = isByProxy ? { ...from, behind: { signalling: dialog.signalling } } : from;
    const hop = bothHops(hopInDialog(dialog.signalling, flow), this.#hop);
    const tooMany = { status: 500, warning: 'more phones have answered than a call can have' };
    const refusal = fork || !isSuccess ? calls.receiveResponse(outgoing, response, hop, flow) : tooMany;
    if (!refusal) return undefined;
    if (request.method === 'INVITE') dialog.acknowledge(offerAnswer.seq);
    dialog.giveUp('rejected');
    this.#site.onRejected(dialog, response, refusal);
    return refusal;
  }

  /** A request that came to nothing. */
  #fail({ request, outgoing, own }: Asked, status: number): void {
    const response = localResponse(request, status);
    if (outgoing) this.#site.calls.receiveResponse(outgoing, response, 'clear');
    own?.onResponse?.(response);
  }

  /** The call of a request; the daemon may have found another way to us than that by which it began. */
  #callOf({ transaction, dialog }: SipLine): DaemonCall | undefined {
    const call = this.#site.registry.find(transaction, dialog);
    if (call) call.line = this;
    return call;
  }
}

function localResponse(request: SipRequest, status: number): SipResponse {
  return createResponse(request, { status }, 'latchkey');
}

function flowOf({ protocol, address, port }: SipLine): SipFlow {
  return { protocol, address, port };
}

function targetOf({ dialog }: DaemonCall): NextHop | undefined {
  const uri = dialog?.routes[0]?.uri ?? dialog?.target;
  return typeof uri === 'string' ? readNextHop(uri) : undefined;
}
