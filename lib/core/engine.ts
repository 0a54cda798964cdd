// The engine of one process: bytes and time in; transmissions, events and the next time out. No sockets, no
// clocks. Every handle… call may leave outputs: drain pollTransmit, pollDelivery and
// pollEvent, then ask pollTimeout.
import {
  SDP_LIMITS,
  classifyPacket,
  normaliseIp,
  parseIceMessage,
  parseLatchMessage,
  type IceMessage,
  type LatchMessage,
  type PacketClass,
  type TransportAddress,
} from '../wire/index.js';
import { Agenda } from './agenda.js';
import type { Agreement } from './call/agreement.js';
import type { CallHandle, CallOptions } from './call/call-handle.js';
import { EngineCall } from './call/engine-call.js';
import type { Component, ComponentContext, ComponentPath, ComponentPort } from './path/component.js';
import type { EngineOptions } from './context.js';
import { addCounters, countDrop, createCounters, type Counters, type DropReason } from './counters.js';
import type { SrtpCrypto } from '../srtp/index.js';
import type { Crypto, Random } from './crypto.js';
import { LatchkeyError } from './errors.js';
import { OutputQueue } from './output-queue.js';
import { OwnSockets } from './own-sockets.js';
import { ProcessQuestions } from './question-budget.js';
import { Suspects } from './suspects.js';
import { isDefaultDirectTarget, TargetBounds } from './route/target-bounds.js';
import type { LatchEvent } from './events.js';
import { readSsrc } from './route/heard-ssrcs.js';
import { ufragKey } from './proof/ice-generation.js';
import { SUITES } from './suite.js';
import { Port, type Judge, type Route, type RouteHint } from './route/port.js';
import { SdpSession, type SdpSessionOptions } from './exchange/sdp-session.js';

/** One datagram to send from a port. */
export interface Transmit {
  readonly port: ComponentPort;
  readonly bytes: Uint8Array;
  readonly destination: TransportAddress;
}

/** Payload that was held while its source was on trial, and is the application's now. */
export interface Delivery {
  readonly component: Component;
  /** Where it arrived. */
  readonly port: ComponentPort;
  readonly bytes: Uint8Array;
  readonly source: TransportAddress;
  readonly kind: PacketClass;
}

const DEFAULTS: EngineOptions = {
  policy: 'prefer',
  suites: SUITES,
  keepaliveS: 15,
  allowInsecureSignalling: false,
  isDirectTarget: isDefaultDirectTarget,
  findKey: () => undefined,
  sdpLimits: SDP_LIMITS,
  isHome: () => false,
  isAsymmetric: false,
};

export class Engine {
  readonly #agenda = new Agenda<Component>();
  readonly #transmits = new OutputQueue<Transmit>();
  readonly #deliveries = new OutputQueue<Delivery>();
  readonly #events = new OutputQueue<LatchEvent>();
  readonly #calls = new Set<EngineCall>();
  readonly #ports = new Set<ComponentPort>();
  readonly #context: ComponentContext;
  /** What the packet reads that `handleHinted` has accepted last, where its owner's peer has protected it. To be taken before the next. */
  opened: Uint8Array | undefined;
  /** One function for all sessions. */
  readonly #opener = (options: CallOptions): EngineCall => this.#openCall(options);

  /** @param srtpCrypto the ciphers of SRTP: without them no agreement of kind `srtp` is carried out */
  constructor(options: Partial<EngineOptions>, crypto: Crypto, random: Random, srtpCrypto?: SrtpCrypto) {
    this.#context = {
      options: { ...DEFAULTS, ...options },
      crypto,
      random,
      srtpCrypto,
      targetBounds: new TargetBounds(),
      ownSockets: new OwnSockets(),
      suspects: new Suspects(),
      questions: new ProcessQuestions(),
      residue: createCounters(),
      nowMs: 0,
      transmit: (port, bytes, destination) => this.#transmits.push({ port, bytes, destination }),
      deliver: (component, bytes, { port, remote: source }, kind) =>
        this.#deliveries.push({ component: component.application, port, bytes, source, kind }),
      emit: (event) => this.#events.push(event),
      wake: (component) => this.#agenda.set(component, component.nextMs),
    };
  }

  /** One bound socket. */
  openPort(local: TransportAddress): ComponentPort {
    this.#context.ownSockets.add(local.address, local.port);
    const port = new Port<Component>(local);
    this.#ports.add(port);
    return port;
  }

  /** The socket is gone: the components behind it use their other one, or neither send nor receive until they are attached to one. */
  closePort(port: ComponentPort, nowMs: number): void {
    for (const component of [...port.components]) component.removePort(port, nowMs);
    if (this.#ports.delete(port)) this.#context.ownSockets.remove(port.local.address, port.local.port);
  }

  /**
   * A call with one peer, whatever its signalling: nothing flows until `agree`.
   * @throws LatchkeyError LATCHKEY_OPTION for a `peer` that is none
   */
  openCall(options: CallOptions): CallHandle {
    return this.#openCall(options);
  }

  /**
   * Carries out what was agreed on for one transport of a call, in place of what was before. The same halves of secrets again
   * change nothing; a new one on either side starts a new generation (protocol.md 2, 5.10). The engine copies what it needs:
   * whoever made the agreement forgets its secrets when it likes.
   *
   * @param media numbers the transports of the call, from 0; with SDP, the index of the m= section
   * @throws LatchkeyError LATCHKEY_OPTION for an agreement that cannot be carried out; then nothing has changed
   * @throws LatchkeyError LATCHKEY_CLOSED for a call that is over, or another engine's
   */
  agree(call: CallHandle, media: number, agreement: Agreement, nowMs: number): void {
    if (!(call instanceof EngineCall) || !this.#calls.has(call))
      throw new LatchkeyError('LATCHKEY_CLOSED', "the call is over, or another engine's");
    if (!Number.isInteger(media) || media < 0)
      throw new LatchkeyError('LATCHKEY_OPTION', '"media" accepts the number of a transport, from 0');
    this.#context.nowMs = nowMs;
    call.agree(media, agreement, nowMs);
  }

  /**
   * A call whose agreements come out of offers and answers in SDP.
   * @throws LatchkeyError LATCHKEY_OPTION for a `peer` that is none
   */
  createSession(options: SdpSessionOptions): SdpSession {
    return new SdpSession(options, this.#opener, this.#context);
  }

  /** The sums of all calls, those that are closed included, and of what belongs to none. */
  get counters(): Counters {
    const total = addCounters(createCounters(), this.#context.residue);
    for (const call of this.#calls) addCounters(total, call.counters);
    return total;
  }

  /**
   * A datagram from `address:port`. Returns the component whose application gets it as payload; undefined where it was a message
   * of the protocol, was dropped and counted, or is held for `pollDelivery`. The address may be an IPv4-mapped IPv6 address.
   * `kind` is what `classifyPacket` says, for a caller that has asked it already.
   */
  handleDatagram(
    port: ComponentPort,
    bytes: Uint8Array,
    address: string,
    remotePort: number,
    nowMs: number,
    kind: PacketClass = classifyPacket(bytes),
  ): Component | undefined {
    const ip = normaliseIp(address);
    this.#context.nowMs = nowMs;
    if (kind === 'stun') {
      if (!port.isTold) this.#noteHit(port, bytes, kind, { address: ip, port: remotePort });
      this.#handleStun(bytes, { port, remote: { address: ip, port: remotePort } });
      return undefined;
    }
    if (!port.isTold) this.#noteHit(port, bytes, kind, { address: ip, port: remotePort });
    const route = port.route(ip, remotePort);
    if (
      route &&
      nowMs <= route.untilMs &&
      (route.isProven ||
        (!route.owner.isJudging &&
          !this.#context.ownSockets.has(ip, remotePort) &&
          this.#isForUnproven(route, bytes, kind, { port, remote: { address: ip, port: remotePort } })))
    ) {
      const isInUse = route.untilMs === Infinity;
      const { owner } = route;
      const { isCovered } = owner;
      const path = isInUse && !isCovered ? undefined : { port, remote: { address: ip, port: remotePort } };
      if (isCovered && path) owner.acceptCovered(bytes, kind, isInUse, path, nowMs);
      else owner.accept(bytes, kind, isInUse, nowMs);
      if (!isInUse && path) owner.handleElsewhere(bytes, kind, path, nowMs);
      return isCovered ? undefined : owner.application;
    }
    return this.#handleStray(bytes, kind, { port, remote: { address: ip, port: remotePort } });
  }

  /**
   * As `handleDatagram`, for who has an object for each source: what nearly every packet of a call is, payload from the path in use, which has
   * proved itself. Of a peer with SRTP the application gets `opened` in place of the packet, at once. Undefined: it is something else, to be
   * given to `handleDatagram`, which decides.
   */
  handleHinted(
    port: ComponentPort,
    bytes: Uint8Array,
    hint: RouteHint<Component>,
    nowMs: number,
    kind: PacketClass,
  ): Component | undefined {
    const { owner, judge } = hint;
    if (!owner || hint.port !== port || kind === 'stun') return undefined;
    if (judge) return kind === 'rtp' ? this.#openHinted(port, bytes, owner, judge, nowMs) : undefined;
    if (owner.isCovered) return undefined;
    this.#context.nowMs = nowMs;
    owner.accept(bytes, kind, true, nowMs);
    return owner.application;
  }

  /** A guest's RTP is its host's to look at, and who was told no port may be guessing: that is decided elsewhere. */
  #openHinted(
    port: ComponentPort,
    bytes: Uint8Array,
    owner: Component,
    judge: Judge,
    nowMs: number,
  ): Component | undefined {
    if (!port.isTold || owner.application !== owner) return undefined;
    this.#context.nowMs = nowMs;
    const opened = judge.openInUse(bytes, nowMs);
    if (opened === undefined) return undefined;
    owner.counters.received++;
    this.opened = opened;
    return owner;
  }

  handleTimeout(nowMs: number): void {
    this.#context.nowMs = nowMs;
    for (let due = this.#agenda.take(nowMs); due; due = this.#agenda.take(nowMs)) {
      due.handleTimeout(nowMs);
      this.#agenda.set(due, Math.max(due.nextMs, nowMs + 0.1));
    }
  }

  pollTransmit(): Transmit | undefined {
    return this.#transmits.shift();
  }

  pollDelivery(): Delivery | undefined {
    return this.#deliveries.shift();
  }

  pollEvent(): LatchEvent | undefined {
    return this.#events.shift();
  }

  /** When handleTimeout wants to be called, in the caller's milliseconds; undefined where nothing is waited for. */
  pollTimeout(): number | undefined {
    return this.#agenda.nextMs();
  }

  /** Nobody has told the sender of this port (protocol.md 8.3.2). */
  #noteHit(port: ComponentPort, bytes: Uint8Array, kind: PacketClass, source: TransportAddress): void {
    const { suspects, nowMs } = this.#context;
    port.hitMs = nowMs;
    suspects.noteHit(port.local, source, readSsrc(bytes, kind), nowMs);
  }

  #openCall(options: CallOptions): EngineCall {
    const call = new EngineCall(options, this.#context, this.#calls);
    this.#calls.add(call);
    return call;
  }

  #handleStray(bytes: Uint8Array, kind: PacketClass, path: ComponentPath): Component | undefined {
    const { port } = path;
    const { nowMs } = this.#context;
    const ssrc = readSsrc(bytes, kind);
    const known =
      port.only ??
      this.#judgeAt(bytes, kind, path) ??
      (ssrc === undefined ? undefined : port.bySsrc(ssrc, nowMs));
    const owner =
      known?.sharing.forKind(kind) ??
      this.#seekerOf(port.seekers, ssrc, bytes, kind, path) ??
      this.#seekerOf(port.keylessSeekers, ssrc, bytes, kind, path);
    if (!owner) {
      this.#context.residue.received++;
      return this.#drop('unroutable');
    }
    if (owner.isJudging)
      return owner.handleProtected(bytes, kind, path, nowMs) ? owner.application : undefined;
    if (!owner.handleStray(bytes, kind, path, nowMs)) return undefined;
    owner.accept(bytes, kind, true, nowMs);
    return owner.application;
  }

  /** The address is that of a peer whose packets are looked at one by one (protocol.md 8.2, 8.3), by its proof or by its claim. */
  #judgeAt(bytes: Uint8Array, kind: PacketClass, path: ComponentPath): Component | undefined {
    const { port, remote } = path;
    const route = port.route(remote.address, remote.port);
    if (!route?.owner.isJudging) return undefined;
    if (route.isProven || this.#isForUnproven(route, bytes, kind, path)) return route.owner;
    route.owner.noteDiverted(bytes, kind, path, this.#context.nowMs);
    return undefined;
  }

  /**
   * Nothing has proven the address, so the media of a session that proves itself is not for who claims it, nor the first packet of a
   * peer whose key tells it (protocol.md 5.1, P11).
   */
  #isForUnproven(
    { owner }: Route<Component>,
    bytes: Uint8Array,
    kind: PacketClass,
    path: ComponentPath,
  ): boolean {
    const { port } = path;
    const ssrc = readSsrc(bytes, kind);
    const hearer = ssrc === undefined ? undefined : port.bySsrc(ssrc, this.#context.nowMs);
    if (hearer !== undefined && hearer !== owner) return false;
    return this.#seekerOf(port.seekers, ssrc, bytes, kind, path) === undefined;
  }

  /** Of the peers that have not been heard yet the one whose packet this is. */
  #seekerOf(
    seekers: ComponentPort['seekers'],
    ssrc: number | undefined,
    bytes: Uint8Array,
    kind: PacketClass,
    path: ComponentPath,
  ): Component | undefined {
    if (seekers.size === 0) return undefined;
    const { nowMs } = this.#context;
    return seekers.find(ssrc, path.remote, (seeker) => seeker.isSought(bytes, kind, path, nowMs));
  }

  /** Never answers what does not verify: no error responses, nothing to reflect (protocol.md 4). */
  #handleStun(bytes: Uint8Array, path: ComponentPath): undefined {
    const latch = parseLatchMessage(bytes);
    const parsed = !latch.ok && latch.error.code === 'not-latch' ? parseIceMessage(bytes) : latch;
    if (!parsed.ok) {
      const { code } = parsed.error;
      return this.#drop(
        code === 'fingerprint' ? 'fingerprint' : code === 'not-ice' ? 'notLatch' : 'malformed',
      );
    }
    const message = parsed.value;
    if ('username' in message) return this.#handleNamed(bytes, message, path);
    // A response comes to the socket that the challenge went out of, or to nobody (protocol.md 5.2).
    const component = path.port.byTransaction(message.transaction);
    if (!component) return this.#drop('staleTransaction');
    component.handleMessage(message, path, this.#context.nowMs);
    return undefined;
  }

  #handleNamed(
    bytes: Uint8Array,
    message: Extract<LatchMessage | IceMessage, { username: unknown }>,
    path: ComponentPath,
  ): undefined {
    const isIce = message.kind === 'check';
    const recipient = isIce ? ufragKey(message.username.recipient) : message.username.recipient;
    const sender = isIce ? ufragKey(message.username.sender) : message.username.sender;
    const waiting: Component[] = [];
    for (const component of path.port.byTag(recipient)) {
      const knows = component.knows(recipient, sender);
      if (knows === 'now') {
        const addressee = isIce ? component.sharing.forCheck(message.priority) : component;
        addressee.handleMessage(message, path, this.#context.nowMs);
        return undefined;
      }
      if (knows === 'later') waiting.push(component);
    }
    if (waiting.length === 0 || message.kind === 'challenge' || isIce) return this.#drop('unknownTags');
    for (const component of waiting) component.keepHello(bytes, path);
    return undefined;
  }

  #drop(reason: DropReason): undefined {
    countDrop(this.#context.residue, reason);
    return undefined;
  }
}
