// The engine as a server of the odds, under the policy that is on trial: its loop, the sockets of the range, and the port question
// through the signalling. It judges nothing.
import { Engine } from '../../lib/core/index.js';
import type { Component, LatchEvent, Policy, Port, SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import type { Task } from '../support/clock.js';
import { testCrypto } from '../support/crypto.js';
import { makeSdp } from '../support/session-description.js';
import type { CallHost, MediaServer, Reply, ServerCall, ServerHost, ServerKind } from './media-server.js';
import type { PortListener } from './port-range.js';

class EngineServer implements MediaServer, PortListener {
  readonly host: ServerHost;
  readonly engine: Engine;
  readonly #ports = new Map<number, Port>();
  readonly #calls = new Map<string, EngineCall>();
  #timer: Task | undefined;

  constructor(host: ServerHost, policy: Policy) {
    this.host = host;
    this.engine = new Engine({ policy }, testCrypto, host.prng);
    host.range.add(this);
  }

  openCall(call: CallHost): ServerCall {
    const session = this.engine.createSession({ call: call.home, signalling: 'clear' });
    const opened = new EngineCall(this, call, session);
    this.#calls.set(session.id, opened);
    return opened;
  }

  handleOpened(port: number): void {
    this.#ports.set(port, this.engine.openPort({ address: this.host.address, port }));
  }

  handleClosed(port: number): void {
    this.engine.closePort(this.portOf(port), this.host.clock.nowMs);
    this.#ports.delete(port);
  }

  receive(port: number, bytes: Uint8Array, { address, port: remotePort }: TransportAddress): void {
    const at = this.#ports.get(port);
    if (!at) return;
    const taker = this.engine.handleDatagram(at, bytes, address, remotePort, this.host.clock.nowMs);
    if (taker) this.#deliver(taker, bytes);
    this.drain();
  }

  portOf(port: number): Port {
    const open = this.#ports.get(port);
    if (!open) throw new Error(`port ${port} does not listen`);
    return open;
  }

  /** After whatever is told to the engine. */
  drain(): void {
    const { engine, host } = this;
    for (let sent = engine.pollTransmit(); sent; sent = engine.pollTransmit())
      host.transmit(sent.port.local.port, sent.destination, sent.bytes);
    for (let held = engine.pollDelivery(); held; held = engine.pollDelivery())
      this.#deliver(held.component, held.bytes);
    for (let event = engine.pollEvent(); event; event = engine.pollEvent())
      this.#calls.get(event.session)?.handleEvent(event);
    this.#setTimer(engine.pollTimeout());
  }

  #deliver({ session }: Component, bytes: Uint8Array): void {
    this.#calls.get(session.id)?.call.deliver(bytes);
  }

  #setTimer(dueMs: number | undefined): void {
    if (this.#timer && !this.#timer.isCancelled && this.#timer.atMs === dueMs) return;
    if (this.#timer) this.#timer.isCancelled = true;
    this.#timer =
      dueMs === undefined
        ? undefined
        : this.host.clock.at(dueMs, () => {
            this.#timer = undefined;
            this.engine.handleTimeout(this.host.clock.nowMs);
            this.drain();
          });
  }
}

class EngineCall implements ServerCall {
  readonly call: CallHost;
  readonly #server: EngineServer;
  readonly #session: SdpSession;
  #told: number | undefined;
  #version = 1;
  /** A re-INVITE of ours has no final answer yet: there can be no second one (RFC 3261 14.1). */
  #isAsking = false;

  constructor(server: EngineServer, call: CallHost, session: SdpSession) {
    this.#server = server;
    this.call = call;
    this.#session = session;
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
    this.#server.drain();
  }

  confirm(): void {
    this.#session.confirm(this.#nowMs);
    this.#server.drain();
  }

  send(bytes: Uint8Array): void {
    const component = this.#session.component(0, 1);
    const destination = component.handleSend(bytes, this.#nowMs);
    const { port } = component;
    if (destination && port) this.#server.host.transmit(port.local.port, destination, bytes);
    this.#server.drain();
  }

  handleEvent(event: LatchEvent): void {
    switch (event.type) {
      case 'legacy':
      case 'locked':
      case 'rebound':
        if (event.remote) this.call.note({ kind: 'locked', remote: event.remote });
        return;
      case 'contested':
      case 'conflict':
        return this.call.note({ kind: event.type });
      case 'question':
        return this.#ask(event.media);
      case 'released':
        return this.#server.host.range.release(event.local.port);
      default:
    }
  }

  get #nowMs(): number {
    return this.#server.host.clock.nowMs;
  }

  /** The port question (protocol.md 8.3.6): another port of ours, in a re-INVITE. */
  #ask(media: number): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const before = this.#told;
    this.#told = this.#server.host.range.take();
    this.#session.component(media, 1).addPort(this.#server.portOf(this.#told), this.#nowMs);
    this.call.note({ kind: 'question' });
    this.call.reinvite(this.#tell('offer'), (reply) => {
      this.#isAsking = false;
      this.#handleReply(reply, media, before);
      this.#server.drain();
    });
  }

  #handleReply(reply: Reply, media: number, before: number | undefined): void {
    if (reply.kind === 'answered') {
      this.#take(reply.sdp, 'answer');
      return this.#session.asked('answered', this.#nowMs, media);
    }
    this.#session.rollback();
    this.#told = before;
    this.#session.asked('refused', this.#nowMs, media);
  }

  /** Taken when it is first told. */
  #ownPort(): number {
    if (this.#told === undefined) {
      this.#told = this.#server.host.range.take();
      this.#session.component(0, 1).attach(this.#server.portOf(this.#told), this.#nowMs);
    }
    return this.#told;
  }

  #tell(type: 'offer' | 'answer', direction: 'sendrecv' | 'sendonly' = 'sendrecv'): string {
    const media = [{ port: this.#ownPort(), isMuxed: true, direction }];
    const { address } = this.#server.host;
    const description = makeSdp({ address, version: this.#version++, media });
    const text = this.#session.setLocal(description, this.#nowMs, type);
    this.#server.drain();
    return text;
  }

  #take(text: string, type: 'offer' | 'answer'): void {
    // Over a connection, so that the address of the signalling is shown (protocol.md 8).
    this.#session.peer({ address: this.call.home, transport: 'tcp' });
    const verdict = this.#session.setRemote(text, this.#nowMs, type);
    if (!verdict.accepted) throw new Error(`the server refused the phone: ${verdict.warning}`);
  }
}

/** RFC 7362: whoever is first, for good. */
export const BLIND: ServerKind = {
  name: 'blind latching',
  asks: false,
  hasCanaries: false,
  keepsNumbersHome: false,
  create: (host) => new EngineServer(host, 'blind'),
};

/** protocol.md 8.3. */
export const EVIDENCE: ServerKind = {
  name: 'evidence',
  asks: true,
  hasCanaries: true,
  keepsNumbersHome: true,
  create: (host) => new EngineServer(host, 'prefer'),
};
