// The engine as the server of a call of the odds, under the policy that is on trial: its loop, the sockets of the range, and the port
// question through the signalling. It judges nothing.
import { Engine } from '../../lib/core/index.js';
import type { LatchEvent, Policy, Port, QuestionOutcome, SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import type { Task } from '../support/clock.js';
import { testCrypto } from '../support/crypto.js';
import { makeSdp } from '../support/session-description.js';
import type { MediaServer, Reply, ServerHost, ServerKind } from './media-server.js';
import type { PortListener } from './port-range.js';

/** What the engine tells of a peer under evidence. */
type EvidenceEvent =
  | { readonly type: 'locked' | 'rebound'; readonly remote: TransportAddress }
  | { readonly type: 'contested' | 'conflict' }
  /** The signalling is to put the port question. */
  | { readonly type: 'question'; readonly media: number }
  /** The session listens at this port no more. */
  | { readonly type: 'released'; readonly local: TransportAddress };

interface Asking {
  asked(outcome: QuestionOutcome, nowMs: number, media: number): void;
}

class EngineServer implements MediaServer, PortListener {
  readonly keepsNumbersHome: boolean;
  readonly #host: ServerHost;
  readonly #engine: Engine;
  readonly #session: SdpSession;
  readonly #ports = new Map<number, Port>();
  #told: number | undefined;
  #version = 1;
  /** A re-INVITE of ours has no final answer yet: there can be no second one (RFC 3261 14.1). */
  #isAsking = false;
  #timer: Task | undefined;

  constructor(host: ServerHost, policy: Policy, keepsNumbersHome: boolean) {
    this.#host = host;
    this.keepsNumbersHome = keepsNumbersHome;
    this.#engine = new Engine({ policy }, testCrypto, host.prng);
    this.#session = this.#engine.createSession({ call: 'odds', signalling: 'clear' });
    host.range.add(this);
  }

  handleOpened(port: number): void {
    this.#ports.set(port, this.#engine.openPort({ address: this.#host.address, port }));
  }

  handleClosed(port: number): void {
    this.#engine.closePort(this.#portOf(port), this.#host.clock.nowMs);
    this.#ports.delete(port);
  }

  makeOffer(): string {
    return this.#tell('offer');
  }

  makeAnswer(offer: string): string {
    this.#take(offer, 'offer');
    return this.#tell('answer', offer.includes('a=recvonly') ? 'sendonly' : 'sendrecv');
  }

  takeAnswer(answer: string): void {
    this.#take(answer, 'answer');
    this.#drain();
  }

  confirm(): void {
    this.#session.confirm(this.#host.clock.nowMs);
    this.#drain();
  }

  receive(port: number, bytes: Uint8Array, { address, port: remotePort }: TransportAddress): void {
    const at = this.#ports.get(port);
    if (!at) return;
    const taken = this.#engine.handleDatagram(at, bytes, address, remotePort, this.#host.clock.nowMs);
    if (taken) this.#host.deliver(bytes);
    this.#drain();
  }

  send(bytes: Uint8Array): void {
    const component = this.#session.component(0, 1);
    const destination = component.handleSend(bytes, this.#host.clock.nowMs);
    const { port } = component;
    if (destination && port) this.#host.transmit(port.local.port, destination, bytes);
    this.#drain();
  }

  /** Taken when it is first told. */
  #ownPort(): number {
    if (this.#told === undefined) {
      this.#told = this.#host.range.take();
      this.#session.component(0, 1).attach(this.#portOf(this.#told), this.#host.clock.nowMs);
    }
    return this.#told;
  }

  #portOf(port: number): Port {
    const open = this.#ports.get(port);
    if (!open) throw new Error(`port ${port} does not listen`);
    return open;
  }

  #tell(type: 'offer' | 'answer', direction: 'sendrecv' | 'sendonly' = 'sendrecv'): string {
    const media = [{ port: this.#ownPort(), isMuxed: true, direction }];
    const description = makeSdp({ address: this.#host.address, version: this.#version++, media });
    const text = this.#session.setLocal(description, this.#host.clock.nowMs, type);
    this.#drain();
    return text;
  }

  #take(text: string, type: 'offer' | 'answer'): void {
    // Over a connection, so that the address of the signalling is shown (protocol.md 8).
    this.#session.peer({ address: this.#host.home, transport: 'tcp' });
    const verdict = this.#session.setRemote(text, this.#host.clock.nowMs, type);
    if (!verdict.accepted) throw new Error(`the server refused the phone: ${verdict.warning}`);
  }

  #drain(): void {
    const engine = this.#engine;
    const host = this.#host;
    for (let sent = engine.pollTransmit(); sent; sent = engine.pollTransmit())
      host.transmit(sent.port.local.port, sent.destination, sent.bytes);
    for (let held = engine.pollDelivery(); held; held = engine.pollDelivery()) host.deliver(held.bytes);
    for (let event = engine.pollEvent(); event; event = engine.pollEvent()) this.#handleEvent(event);
    this.#setTimer(engine.pollTimeout());
  }

  #handleEvent(told: LatchEvent): void {
    const event = told as LatchEvent | EvidenceEvent;
    switch (event.type) {
      case 'legacy':
      case 'locked':
      case 'rebound':
        if (event.remote) this.#host.note({ kind: 'locked', remote: event.remote });
        return;
      case 'contested':
      case 'conflict':
        return this.#host.note({ kind: event.type });
      case 'question':
        return this.#ask(event.media);
      case 'released':
        return this.#host.range.release(event.local.port);
      default:
    }
  }

  /** The port question (protocol.md 8.3.6): another port of ours, in a re-INVITE. */
  #ask(media: number): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { clock, range } = this.#host;
    const before = this.#told;
    this.#told = range.take();
    this.#session.component(media, 1).addPort(this.#portOf(this.#told), clock.nowMs);
    this.#host.note({ kind: 'question' });
    this.#host.reinvite(this.#tell('offer'), (reply) => {
      this.#isAsking = false;
      this.#handleReply(reply, media, before);
      this.#drain();
    });
  }

  #handleReply(reply: Reply, media: number, before: number | undefined): void {
    const { nowMs } = this.#host.clock;
    const asking: Asking = this.#session;
    if (reply.kind === 'answered') {
      this.#take(reply.sdp, 'answer');
      return asking.asked('answered', nowMs, media);
    }
    this.#session.rollback();
    this.#told = before;
    asking.asked('refused', nowMs, media);
  }

  #setTimer(dueMs: number | undefined): void {
    if (this.#timer && !this.#timer.isCancelled && this.#timer.atMs === dueMs) return;
    if (this.#timer) this.#timer.isCancelled = true;
    this.#timer =
      dueMs === undefined
        ? undefined
        : this.#host.clock.at(dueMs, () => {
            this.#timer = undefined;
            this.#engine.handleTimeout(this.#host.clock.nowMs);
            this.#drain();
          });
  }
}

/** RFC 7362: whoever is first, for good. */
export const BLIND: ServerKind = {
  name: 'blind latching',
  asks: false,
  hasCanaries: false,
  create: (host) => new EngineServer(host, 'legacy', false),
};

/** protocol.md 8.3. */
export const EVIDENCE: ServerKind = {
  name: 'evidence',
  asks: true,
  hasCanaries: true,
  create: (host) => new EngineServer(host, 'prefer', true),
};
