/**
 * One instance of the package, wrapped: the application's messages pass through here on their way in and out, and the
 * package's two logger hooks see what really goes over the wire. Decides nothing about offers and dialogs: calls.ts does.
 */
import { randomBytes } from 'node:crypto';
import { hostname as systemName } from 'node:os';
import { isIPv6 } from 'node:net';
import { stripKeys, stripLatch } from '../../lib/index.js';
import {
  createResponse,
  credentialsIn,
  cseqOf,
  denialAtGate,
  denialReply,
  dropUnreadableRoutes,
  hopSignalling,
  isSecureFlow,
  isWellFormed,
  methodOf,
  readSdp,
  replaceSdp,
  toTag,
} from '../../lib/sip/index.js';
import type {
  ListenerAddress,
  ListenRenewal,
  SipStack,
  BoundCounters,
  Calls,
  DatagramLedger,
  Dialog,
  GateAnswer,
  GateCounters,
  GateMessage,
  HopBefore,
  OnRequest,
  OnResponse,
  Outgoing,
  Refusal,
  Signalling,
  SipFlow,
  SipMessage,
  SipRequest,
  SipResponse,
  SipUri,
  TrustedProxies,
  UnshownTransactions,
} from '../../lib/sip/index.js';
import type { PackageStack, SipOptions, SipPackage } from './sip-types.js';
import type { ConnectionBounds } from './connection-bounds.js';
import { Dialling } from './dialling.js';
import type { DatagramGuardSite } from './guard-datagrams.js';
import { UnshownPeers } from './unshown-peers.js';
import { Listeners } from './listeners.js';
import { OpenFlows } from './open-flows.js';
import { newBranch, Sender } from './sender.js';
import { expectedSignalling, nextHop, parseSipUri, Pins } from './target.js';
import { gateLimits } from './limits.js';
import type { SipLimits } from './limits.js';
import { unveilMessage } from './package-text.js';
import type { Resolve } from './target.js';

export interface StackSite {
  readonly sip: SipPackage;
  readonly calls: Calls;
  readonly resolve: Resolve;
  readonly proxies: TrustedProxies;
  /** Counts what is refused before the package sees it. */
  readonly gate: GateCounters;
  /** What came over UDP and went, and how often a bound held somebody back. */
  readonly ledger: DatagramLedger;
  readonly bounds: BoundCounters;
  readonly transactions: UnshownTransactions;
  readonly connections: ConnectionBounds;
  /** Those that were asked for, and all. */
  readonly given: Partial<SipLimits>;
  readonly limits: SipLimits;
  onRejected(dialog: Dialog | undefined, message: SipMessage, refusal: Refusal): void;
  /** False where nobody wants to hear of what is received. */
  isHeard(): boolean;
  onReceived(message: SipMessage, remote: SipFlow): void;
  onFault(where: string, error: unknown): void;
  onDestroyed(stack: Stack): void;
}

/** A response says nothing of the hop behind the proxy. */
const NOT_SAID: HopBefore = { signalling: 'clear' };

export class Stack implements SipStack {
  readonly #site: StackSite;
  readonly #options: SipOptions;
  readonly #onRequest: OnRequest;
  readonly #listeners: Listeners;
  readonly #dialling: Dialling;
  readonly #sender: Sender;
  readonly #package: PackageStack;
  readonly #unshown: UnshownPeers;
  readonly #openFlows = new OpenFlows();
  readonly #pins = new Pins();
  readonly #flows = new WeakMap<SipMessage, SipFlow>();
  /** The Via of requests that have a final response: a response has that of its request. */
  readonly #answered = new WeakSet<object>();
  /** What the package takes for its own name. Never dialled, so no call of ours is mistaken for a flow token. */
  readonly #flowHost = `flow-${randomBytes(8).toString('hex')}.invalid`;
  readonly #name: string;
  readonly #isWss: boolean;
  /** While the package reads a message: what it does not know of the flow. */
  #arriving: SipFlow | undefined;
  #isDestroyed = false;
  /** Of the datagram that is written next. */
  #isOwnAccord = false;
  /** Fulfilled when everything listens; rejected with one clear Error (a port in use, an address that is not ours). */
  readonly ready: Promise<void>;

  constructor(options: SipOptions, onRequest: OnRequest, site: StackSite) {
    this.#site = site;
    this.#options = options;
    this.#onRequest = onRequest;
    this.#name = options.publicAddress ?? options.address ?? options.hostname ?? systemName();
    this.#isWss = Boolean(options.tls) && options.ws_port !== undefined;
    const guard = this.#guardSite();
    this.#listeners = new Listeners(options, guard);
    const isVerifying =
      (options.tls as { rejectUnauthorized?: boolean } | undefined)?.rejectUnauthorized !== false;
    this.#dialling = new Dialling(guard, isVerifying);
    const receive = (request: SipRequest, remote: SipFlow) => this.#receive(request, remote);
    this.#unshown = new UnshownPeers({
      ...{ sip: site.sip, ledger: site.ledger, bounds: site.bounds, transactions: site.transactions },
      ...{ calls: site.calls, limits: site.limits },
      local: () => this.#udpAddress,
      onReceived: (request, remote) => this.#onReceived(request, remote),
      onRequest: receive,
      shape: (message, target) => this.#shape(message, target),
      onSending: (message, target) => this.#onSending(message, target),
      onFailed: (request, error) => this.#onFailed(request, error),
      send: (bytes, to) => this.#listeners.sendDatagram(bytes, to),
    });
    this.#package = this.#listeners.capture(() => site.sip.create(this.#packageOptions(), receive));
    this.#sender = new Sender({
      sip: site.sip,
      stack: this.#package,
      dialling: this.#dialling,
      pins: this.#pins,
      resolve: site.resolve,
      flowOf: (hop) => this.#decode(hop),
      isFlowOpen: (flow) => flow.protocol !== 'WS' || this.#listeners.hasWebSocket(flow),
      flowHost: this.#flowHost,
      onFault: (where, error) => site.onFault(where, error),
    });
    this.ready = this.#listeners.ready();
    this.ready.catch(() => this.destroy());
  }

  /** Where this stack listens, the ports that the system chose included; complete once `ready`. */
  get addresses(): readonly ListenerAddress[] {
    return this.#listeners.addresses;
  }

  /**
   * As the package's `send`: a response, or a request with a callback for its responses. Never throws for what the network
   * does; throws a LatchkeyError where the body is a session description that cannot be read.
   */
  readonly send = (message: SipMessage, onResponse?: OnResponse): void => {
    if (message.method === undefined) this.#sendResponse(message as SipResponse);
    else this.#sendRequest(message as SipRequest, onResponse);
  };

  readonly sendOnce = (request: SipRequest, flow: SipFlow): void => {
    const { protocol, address, port } = flow;
    if (protocol !== 'UDP' || address === undefined || typeof port !== 'number') return;
    request.headers.via = [
      { version: '2.0', protocol, host: this.#name, params: { branch: newBranch(), rport: null } },
    ];
    this.#quietly(() => {
      this.#onSending(request, flow);
      const bytes = Buffer.from(this.#site.sip.stringify(request), 'latin1');
      this.#listeners.sendDatagram(bytes, { address, port });
    });
  };

  readonly hostname = (): string => this.#name;

  readonly encodeFlowUri = (flow: SipFlow): SipUri => ({
    ...this.#package.encodeFlowUri(flow),
    host: this.#name,
  });

  readonly decodeFlowUri = (uri: string | SipUri): SipFlow | undefined => {
    const parsed = parseSipUri(this.#site.sip, uri);
    return parsed && this.#decode(parsed);
  };

  readonly isFlowUri = (uri: string | SipUri): boolean => this.decodeFlowUri(uri) !== undefined;

  /** Closes listeners and flows. Calls that are up are the application's to end first. */
  readonly destroy = (): void => {
    this.#isDestroyed = true;
    try {
      this.#package.destroy();
    } catch {
      // A listener that never came up cannot be closed.
    }
    this.#listeners.close();
    this.#dialling.close();
    this.#site.onDestroyed(this);
  };

  ping(flow: SipFlow): boolean {
    try {
      return this.#openFlows.ping(flow);
    } catch (error) {
      this.#site.onFault(flow.protocol, error);
      return false;
    }
  }

  /** What who connects from now on meets; what is open stays open. */
  renew(renewal: ListenRenewal): void {
    this.#listeners.renew(renewal);
  }

  /** What the hop of a request to be sent promises. */
  expectedSignalling(request: SipMessage): Signalling {
    const hop = nextHop(this.#site.sip, request);
    const flow = hop && this.#decode(hop);
    if (hop && this.#site.proxies.has(flow ?? { host: hop.host })) {
      const target = flow ?? { protocol: 'UDP', host: hop.host, port: NaN };
      return hopSignalling({ ...target, behind: this.#beyond(request, target) }, this.#isWss);
    }
    return flow ? hopSignalling(flow, this.#isWss) : expectedSignalling(hop);
  }

  get #udpAddress() {
    const found = this.#listeners.addresses.find(({ protocol }) => protocol === 'UDP');
    return { address: this.#options.address ?? '0.0.0.0', port: found?.port ?? this.#options.port ?? 5060 };
  }

  #guardSite(): DatagramGuardSite {
    return {
      limits: gateLimits(this.#options, this.#site.given),
      counters: this.#site.gate,
      tag: randomBytes(8).toString('hex'),
      onFault: (where, error) => this.#site.onFault(where, error),
      turnAway: (message, flow) => this.#turnAway(message, flow),
      handOn: (flow, parse) => this.#handOn(flow, parse),
      ledger: this.#site.ledger,
      bounds: this.#site.bounds,
      connections: this.#site.connections,
      flows: this.#openFlows,
      takeRequest: (text, info) => this.#unshown.take(text, info),
      takeOwnAccord: () => this.#takeOwnAccord(),
      isInUse: (address, port) => this.#site.calls.table.isFlowInUse(address, port),
    };
  }

  /** Asks the doorkeeper before the package keeps a transaction for the INVITE of somebody who may not call. */
  #turnAway(message: GateMessage, flow: SipFlow): GateAnswer | undefined {
    const { doorkeeper } = this.#options;
    const { start, from, to, fields } = message;
    if (!doorkeeper || start.kind !== 'request' || start.method !== 'INVITE') return undefined;
    if (to.params.some(({ name }) => name.toLowerCase() === 'tag')) return undefined;
    const authorization = fields
      .filter(({ key }) => key === 'authorization')
      .flatMap(({ value }) => credentialsIn(value));
    const headers = { from: { uri: from.uri }, 'call-id': message.callId, authorization };
    const denied = doorkeeper.look({ method: 'INVITE', uri: start.uri, headers }, flow);
    return denied && denialAtGate(denied);
  }

  #handOn(flow: SipFlow, parse: () => void): void {
    this.#arriving = flow;
    try {
      parse();
    } finally {
      this.#arriving = undefined;
    }
  }

  #packageOptions(): SipOptions {
    const { logger, port, tls_port, ws_port } = this.#options;
    return {
      ...this.#options,
      publicAddress: this.#flowHost,
      // The package reads 0 as its default, or as off; the listeners are bound as asked all the same.
      port: port || 5060,
      tls_port: tls_port || 5061,
      ws_port: ws_port === undefined ? undefined : ws_port || 1,
      // What reaches the package has been measured at the gate.
      maxBytesHeaders: Number.MAX_SAFE_INTEGER,
      maxContentLength: Number.MAX_SAFE_INTEGER,
      logger: {
        recv: (message, remote) => this.#onReceived(message, remote),
        send: (message, target) => this.#onSending(message, target),
        error: (error) => this.#quietly(() => logger?.error?.(error)),
      },
    };
  }

  /** The application's listeners may throw; the loop that called them goes on. */
  #quietly(call: () => unknown): void {
    this.#attempt(call, (error) => this.#site.onFault('application', error));
  }

  /** Whether it throws or, later, rejects: both are heard. */
  #attempt(call: () => unknown, onFailed: (error: unknown) => void): void {
    try {
      const done = call();
      if (done instanceof Promise) done.catch(onFailed);
    } catch (error) {
      onFailed(error);
    }
  }

  /** For the application's logs: the secret is in none (protocol.md 2), nor what a password can be guessed from. */
  #redacted(message: SipMessage): SipMessage {
    const sdp = readSdp(message);
    const { authorization, 'proxy-authorization': forProxies, ...headers } = message.headers;
    const hasCredentials = authorization !== undefined || forProxies !== undefined;
    const shown = hasCredentials ? { ...message, headers } : message;
    return sdp === undefined ? shown : { ...shown, content: replaceSdp(message, stripKeys(sdp)) };
  }

  #onReceived(message: SipMessage, remote: SipFlow): void {
    const port = this.#listeners.portOf(remote.protocol);
    if (remote.protocol === 'UDP' && remote.local && port !== undefined) remote.local.port = port;
    if (this.#arriving?.isCertified === true) remote.isCertified = true;
    if (this.#site.proxies.has(remote))
      remote.behind = message.method === undefined ? NOT_SAID : this.#site.proxies.hopBefore(message, remote);
    this.#flows.set(message, remote);
    unveilMessage(message);
    dropUnreadableRoutes(message);
    const { logger } = this.#options;
    if (!logger?.recv && !this.#site.isHeard()) return;
    const copy = this.#redacted(message);
    this.#quietly(() => logger?.recv?.(copy, remote));
    this.#site.onReceived(copy, remote);
  }

  /** Before each serialisation, retransmissions and other targets included. */
  #onSending(message: SipMessage, target: SipFlow): void {
    this.#quietly(() => {
      this.#shape(message, target);
      this.#site.calls.noteSent(message, target);
      if (target.protocol.toUpperCase() === 'UDP') this.#isOwnAccord = this.#isOwn(message);
    });
    const { logger } = this.#options;
    if (!logger?.send) return;
    const copy = this.#redacted(message);
    const log = () => this.#quietly(() => logger.send?.(copy, target));
    if (this.#dialling.isRunning) process.nextTick(log);
    else log();
  }

  #shape(message: SipMessage, target: SipFlow): void {
    this.#pins.restore(message);
    if (message.method !== undefined) this.#setVia(message, target);
    this.#setContent(message, target);
  }

  /**
   * A request that nobody could aim: it begins something, or belongs to a call that this side has begun. All else goes where a
   * message of somebody's says, which may be forged (protocol.md P11).
   */
  #isOwn(message: SipMessage): boolean {
    if (message.method === undefined) return false;
    return toTag(message) === undefined || this.#site.calls.table.ofMessage(message)?.isOutgoing === true;
  }

  #takeOwnAccord(): boolean {
    const isOwn = this.#isOwnAccord;
    this.#isOwnAccord = false;
    return isOwn;
  }

  #setVia(message: SipMessage, target: SipFlow): void {
    const via = message.headers.via?.[0];
    if (!via) return;
    via.host = isIPv6(this.#name) ? `[${this.#name}]` : this.#name;
    via.port = this.#listeners.portOf(target.protocol) ?? via.port;
  }

  /** With our attributes where this hop may carry them, without them where not (protocol.md 2). */
  #setContent(message: SipMessage, target: SipFlow): void {
    const behind = this.#site.proxies.has(target) ? { behind: this.#beyond(message, target) } : {};
    const isClear = hopSignalling({ ...target, ...behind }, this.#isWss) === 'clear';
    const edit = this.#site.calls.edits.get(message);
    const isOurs = edit && [edit.latched, edit.plain, edit.original].includes(message.content ?? '');
    if (isOurs) {
      message.content = isClear && edit.dialog.signalling !== 'clear' ? edit.plain : edit.latched;
    } else if (isClear) {
      const sdp = readSdp(message);
      if (sdp !== undefined) message.content = replaceSdp(message, stripLatch(sdp));
    }
    // Bodies are byte strings to the package: other characters would be cut to 8 bits, and counted as one.
    if (target.protocol !== 'WS' && message.content && /[^\0-\xff]/.test(message.content)) {
      message.content = Buffer.from(message.content, 'utf8').toString('latin1');
    }
  }

  /** On the other side of a proxy, to which this message of ours goes: what its dialog has, else what its Via or its URI says. */
  #beyond(message: SipMessage, proxy: SipFlow): HopBefore {
    const { proxies, calls } = this.#site;
    if (message.method === undefined) return proxies.hopBefore(message, proxy);
    const dialog = toTag(message) === undefined ? undefined : calls.dialogOf(message);
    return { signalling: dialog?.signalling ?? proxies.hopBeyond(message) };
  }

  #receive(request: SipRequest, remote: SipFlow): void {
    const { calls } = this.#site;
    if (!isWellFormed(request)) {
      if (request.method !== 'ACK')
        this.#refuse(request, { status: 400, warning: 'a required header is missing' });
      return;
    }
    // Who asked for sips: was promised TLS on every hop, and this one has none (RFC 3261 26.2.2, RFC 5630).
    if (isOutOfDialog(request) && isSips(request) && !isSecureFlow(remote, this.#isWss))
      return this.#refuse(request, { status: 416, warning: 'sips: is taken over TLS only' });
    const isCall = request.method === 'INVITE' && toTag(request) === undefined;
    const denied = isCall ? this.#options.doorkeeper?.admit(request, remote) : undefined;
    if (denied) return this.#sendResponse(createResponse(request, denialReply(denied), this.#name));
    if (request.method === 'CANCEL' && calls.cancelParked(request)) return;
    const parked = calls.park(request, remote, {
      goOn: () => {
        if (this.#isDestroyed) return;
        this.#attempt(
          () => this.#read(request, remote),
          (error) => this.#onFailed(request, error),
        );
      },
      answer: (status) => this.#sendResponse(createResponse(request, { status }, this.#name)),
      onCancelled: (cancel) => this.#terminate(request, cancel),
    });
    if (parked === false) this.#read(request, remote);
    else if (parked !== true) this.#reject(request, parked);
  }

  #read(request: SipRequest, remote: SipFlow): void {
    const { calls } = this.#site;
    const refusal = calls.receiveRequest(request, remote, hopSignalling(remote, this.#isWss), this);
    this.#unshown.noteCall(request, remote);
    if (refusal) this.#reject(request, refusal);
    else
      calls.handOn(request, {
        goOn: () => this.#deliver(request, remote),
        onCancelled: (cancel) => this.#terminate(request, cancel),
      });
  }

  /** An INVITE that nobody has answered is cancelled (RFC 3261 9.2). */
  #terminate(invite: SipRequest, cancel: SipRequest): void {
    this.#sendResponse(createResponse(cancel, { status: 200 }, this.#name));
    this.#sendResponse(createResponse(invite, { status: 487 }, this.#name));
  }

  #reject(request: SipRequest, refusal: Refusal): void {
    const { calls } = this.#site;
    const dialog = calls.table.ofMessage(request);
    if (request.method !== 'ACK') {
      // A call that never began ends here; a change that failed leaves its call as it was.
      if (toTag(request) === undefined) dialog?.end('rejected');
      this.#refuse(request, refusal);
    } else dialog?.giveUp('rejected');
    this.#site.onRejected(dialog, request, refusal);
  }

  /** An exception of the application's is told with its stack; who waits for an answer gets 500. */
  #deliver(request: SipRequest, remote: SipFlow): void {
    if (this.#isDestroyed) return;
    this.#attempt(
      () => this.#onRequest(request, remote),
      (error) => {
        this.#site.onFault('application', error);
        this.#quietly(() => this.#options.logger?.error?.(error));
        if (request.method === 'ACK' || this.#answered.has(request.headers.via ?? request)) return;
        this.#sendResponse(createResponse(request, { status: 500 }, this.#name));
      },
    );
  }

  /** What was not foreseen, while a request was read. */
  #onFailed(request: SipRequest, error: unknown): void {
    this.#transmit(createResponse(request, { status: 500 }, this.#name));
    this.#quietly(() => this.#options.logger?.error?.(error));
  }

  #refuse(request: SipRequest, refusal: Refusal): void {
    // RFC 3261 14.2, 21.5.4: the peer may try again after a while.
    const headers =
      refusal.status === 500 || refusal.status === 503
        ? { 'retry-after': String(1 + ((randomBytes(1)[0] ?? 0) % 10)) }
        : {};
    const dialog = this.#site.calls.table.ofMessage(request);
    if (dialog) dialog.respond(request, { ...refusal, headers });
    else this.#sendResponse(createResponse(request, { ...refusal, headers }, this.#name));
  }

  #sendResponse(response: SipResponse): void {
    const { calls } = this.#site;
    if (response.status >= 200 && response.headers.via) this.#answered.add(response.headers.via);
    calls.sendResponse(response);
    const dialog = calls.table.ofMessage(response);
    const isSuccess = response.status >= 200 && response.status < 300;
    if (isSuccess && dialog && this.#unshown.refuseTooLong(response, dialog)) return;
    if (isSuccess && dialog && methodOf(response) === 'INVITE')
      dialog.repeatUntilAcknowledged(cseqOf(response).seq, () => this.#transmit(response));
    else this.#transmit(response);
  }

  #transmit(response: SipResponse): void {
    try {
      // What cannot be written must fail here, not in a timer of the package later.
      this.#site.sip.stringify(response);
      if (!this.#unshown.respond(response)) this.#package.send(response);
    } catch (error) {
      this.#site.onFault('response', error);
    }
  }

  #sendRequest(given: SipRequest, onResponse: OnResponse | undefined): void {
    const { calls } = this.#site;
    const answer = (status: number) =>
      process.nextTick(() =>
        this.#quietly(() => onResponse?.(createResponse(given, { status }, this.#name))),
      );
    if (given.method === 'CANCEL' && calls.cancelHeld(given)) return answer(200);
    const isHeld = calls.holdBack(given, {
      goOn: () =>
        this.#attempt(
          () => this.#sendNow(given, onResponse),
          (error) => this.#site.onFault('request', error),
        ),
      giveUp: () => answer(491),
      onCancelled: () => answer(487),
    });
    if (!isHeld) this.#sendNow(given, onResponse);
  }

  #sendNow(given: SipRequest, onResponse: OnResponse | undefined): void {
    const hop = nextHop(this.#site.sip, given);
    const way = { stack: this, flow: hop && this.#decode(hop) };
    const { calls } = this.#site;
    const { seq } = cseqOf(given);
    const request = calls.numbered(given);
    const outgoing = calls.sendRequest(request, this.expectedSignalling(request), way);
    const deliver = (response: SipResponse) => {
      // To the application under the number that it gave.
      if (request !== given) response.headers.cseq = { ...cseqOf(response), seq };
      this.#quietly(() => onResponse?.(response));
    };
    this.#sender.send(request, (response) => {
      if (!outgoing) return deliver(response);
      calls.hold(outgoing, response, () =>
        this.#attempt(
          () => this.#receiveResponse(outgoing, response, deliver),
          (error) => this.#site.onFault('response', error),
        ),
      );
    });
  }

  #receiveResponse(outgoing: Outgoing, response: SipResponse, deliver: OnResponse): void {
    const { request, forks } = outgoing;
    const { calls } = this.#site;
    const isSuccess = response.status >= 200 && response.status < 300;
    const fork = calls.forkOf(outgoing, response);
    if (forks && isSuccess && (!fork || outgoing.isRefused)) return forks.decline(request, response);
    const { dialog, offerAnswer } = fork ?? outgoing;
    const isInvite = offerAnswer.method === 'INVITE';
    const { seq } = offerAnswer;
    if (outgoing.isRefused) {
      if (isInvite && isSuccess) dialog.acknowledge(seq);
      return;
    }
    const flow = this.#flows.get(response);
    // A response has come the way that its request went.
    const way = flow?.behind ? { ...flow, behind: this.#beyond(request, flow) } : flow;
    const signalling = way ? hopSignalling(way, this.#isWss) : 'clear';
    const refusal = calls.receiveResponse(outgoing, response, signalling, flow);
    if (!refusal) return void deliver(response);
    outgoing.isRefused = true;
    forks?.markDeclined(response);
    if (isInvite) dialog.acknowledge(seq);
    dialog.giveUp('rejected');
    this.#site.onRejected(dialog, response, refusal);
    deliver(createResponse(request, refusal, this.#name));
  }

  #decode(hop: SipUri): SipFlow | undefined {
    const isOurs = hop.host === this.#name || hop.host === this.#flowHost;
    if (!isOurs || typeof hop.user !== 'string') return undefined;
    return this.#package.decodeFlowUri({ ...hop, host: this.#flowHost });
  }
}

/** Not ACK and CANCEL: they belong to what was refused before. */
function isOutOfDialog(request: SipRequest): boolean {
  return toTag(request) === undefined && request.method !== 'ACK' && request.method !== 'CANCEL';
}

function isSips({ uri }: SipRequest): boolean {
  return typeof uri === 'string' ? /^sips:/i.test(uri) : uri.schema === 'sips';
}
