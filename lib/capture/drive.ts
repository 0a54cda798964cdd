/*
 * The core in the place of a captured server: what arrived there is fed to it again, in virtual time with the capture's own
 * timing, and what it says of it comes out as events. What it sends goes nowhere. Its challenges are those that the captured
 * server asked (see captured-random.ts), so that the answers fit: each is fed as long after the core's own question as it
 * came after the server's. Two readings of the same capture: one for a `ChallengeSurvey`, one for this.
 */
import { Engine, LatchkeyError } from '../core/index.js';
import type { Component, Crypto, LatchEvent, Policy, Port, SdpSession, SrtpCrypto } from '../core/index.js';
import { formatAddress } from '../wire/address.js';
import type { TransportAddress } from '../wire/address.js';
import { parseSdp, stripLatch } from '../wire/sdp.js';
import type { Sdp } from '../wire/sdp.js';
import { CapturedRandom } from './captured-random.js';
import type { Asking } from './captured-random.js';
import { transactionKey } from './challenge-survey.js';
import type { CapturedChallenge, ChallengeSurvey } from './challenge-survey.js';
import type { DriveExchange, DrivePlan } from './drive-plan.js';
import type { CapturedDatagram, CapturedSip, CaptureSink } from './traffic.js';

/** An event of the core, and when: milliseconds since the capture began. */
export type DrivenEvent = LatchEvent & { readonly atMs: number };

export interface DriveOptions {
  readonly plans: readonly DrivePlan[];
  readonly survey: ChallengeSurvey;
  /** When the capture began, in milliseconds since 1970. */
  readonly startedMs: number;
  readonly crypto: Crypto;
  readonly srtpCrypto: SrtpCrypto;
  /** Of the core; `prefer` unless given. */
  readonly policy?: Policy;
  readonly onEvent: (event: DrivenEvent) => void;
}

/** What was driven, and what the capture lacks. */
export interface DriveSummary {
  readonly calls: number;
  /** Datagrams that arrived at a port of the server, and payload out of them that the application would have got. */
  readonly datagrams: number;
  readonly delivered: number;
  /** Challenges that the core asked and the captured server did not: nobody could answer them. */
  readonly unmatched: number;
  /** Challenges of the server that were answered in the capture and that the core never asked. */
  readonly unasked: number;
  /** Calls in which nobody proves an address: neither latch nor ICE nor keys of SRTP were agreed on. */
  readonly unprotected: readonly string[];
  /** Calls in which the server's own names and secrets cannot be made again: the core has others. */
  readonly foreign: readonly string[];
  /** Calls whose descriptions the core could not take. */
  readonly unread: readonly string[];
}

interface Leg {
  readonly plan: DrivePlan;
  readonly session: SdpSession;
  readonly components: Set<Component>;
  /** The peer's tags and fragments of the last exchange: while they stay, so do ours (protocol.md 2). */
  peer?: string;
}

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

/** Reason: a damaged time may be decades away, and timers want something every few seconds. What is due later is due at once. */
const GAP_MAX_MS = 3_600_000;
/** What belongs to ICE in a description. */
const ICE_LINE = /^a=(?:ice-[a-z]+|candidate|end-of-candidates|remote-candidates)(?::.*)?\r?\n/gm;

export class Drive implements CaptureSink {
  readonly #options: DriveOptions;
  readonly #engine: Engine;
  readonly #random: CapturedRandom;
  readonly #ports = new Map<string, Port>();
  readonly #legs = new Set<Leg>();
  /** In the order of time. */
  readonly #due: Due[] = [];
  readonly #told = { unprotected: new Set<string>(), foreign: new Set<string>(), unread: new Set<string>() };
  /** Milliseconds since the capture began. */
  #nowMs = 0;
  #datagrams = 0;
  #delivered = 0;

  constructor(options: DriveOptions) {
    const { survey, crypto, srtpCrypto, plans, startedMs, policy } = options;
    this.#options = options;
    this.#random = new CapturedRandom(survey.challenges, crypto);
    // Whoever drives a capture has its secrets already: none is given away here.
    this.#engine = new Engine(
      { allowInsecureSignalling: true, ...(policy && { policy }) },
      crypto,
      this.#random,
      srtpCrypto,
    );
    for (const plan of plans) this.#schedule(plan, startedMs);
  }

  onDatagram(datagram: CapturedDatagram): void {
    this.#advance(datagram.timeMs - this.#options.startedMs);
    const port = this.#ports.get(formatAddress(datagram.destination));
    if (!port) return;
    this.#datagrams++;
    // An answer comes after the core's own question.
    if (this.#options.survey.answeredBy(datagram)) return;
    this.#feed(port, whole(datagram), datagram.source);
  }

  /** The time goes on; what it says is in the plans. */
  onSip({ timeMs }: CapturedSip): void {
    this.#advance(timeMs - this.#options.startedMs);
  }

  /** To be called once, when all is read. */
  finish(): DriveSummary {
    const { survey, plans } = this.#options;
    const unasked = [...survey.challenges].filter(
      (challenge) =>
        challenge.answers.length > 0 && this.#isOurs(challenge) && !this.#random.isMade(challenge),
    );
    const { unprotected, foreign, unread } = this.#told;
    return {
      calls: plans.length,
      datagrams: this.#datagrams,
      delivered: this.#delivered,
      unmatched: this.#random.unmatched,
      unasked: unasked.length,
      ...{ unprotected: [...unprotected], foreign: [...foreign], unread: [...unread] },
    };
  }

  #isOurs({ local }: CapturedChallenge): boolean {
    return this.#ports.has(formatAddress(local));
  }

  #schedule(plan: DrivePlan, startedMs: number): void {
    const session = this.#engine.createSession({ call: plan.call, signalling: 'encrypted' });
    const leg: Leg = { plan, session, components: new Set() };
    const at = (timeMs: number, action: () => void) =>
      this.#plan(timeMs - startedMs, () => this.#attempt(leg, timeMs, action));
    for (const exchange of plan.exchanges) {
      const steps = this.#stepsOf(leg, exchange);
      if (!steps) {
        this.#told.unread.add(plan.call);
        continue;
      }
      at(exchange.offeredMs, steps.offer);
      at(exchange.answeredMs, steps.answer);
    }
    if (plan.endMs === undefined) return;
    at(plan.endMs, () => {
      session.close(this.#nowMs);
      this.#legs.delete(leg);
    });
  }

  /** What an exchange does to the server's side. Undefined where one of its descriptions is none. */
  #stepsOf(leg: Leg, { isServerOffer, offer, answer }: DriveExchange) {
    const { session, plan } = leg;
    const said = parseSdp(isServerOffer ? offer : answer);
    if (!said.ok) return undefined;
    const own = said.value;
    // What the server took no part in is not agreed on here either.
    let remote = isServerOffer ? answer : offer;
    if (!own.media.some(({ latch }) => latch)) remote = stripLatch(remote);
    if (!own.media.some(({ ice }) => ice)) remote = remote.replace(ICE_LINE, '');
    const local = stripLatch(own.text).replace(ICE_LINE, '');
    const heard = parseSdp(remote);
    const peerNames = heard.ok ? namesIn(heard.value) : '';
    const setRemote = (type: 'offer' | 'answer') => {
      if (!session.setRemote(remote, this.#nowMs, type).accepted) this.#told.unread.add(plan.call);
    };
    const setLocal = (type: 'offer' | 'answer') => {
      this.#legs.add(leg);
      this.#attach(leg, own, heard.ok ? heard.value : undefined);
      const make = () => session.setLocal(local, this.#nowMs, type);
      const isNew = type === 'offer' ? leg.peer === undefined : leg.peer !== peerNames;
      const isOurs = this.#random.yielding(isNew ? own.media : [], type === 'offer', make);
      if (!isOurs) this.#told.foreign.add(plan.call);
    };
    const judge = () => {
      leg.peer = peerNames;
      const { protection } = session;
      if (protection === 'none' || protection === 'evidence') this.#told.unprotected.add(plan.call);
    };
    return isServerOffer
      ? { offer: () => setLocal('offer'), answer: () => (setRemote('answer'), judge()) }
      : { offer: () => setRemote('offer'), answer: () => (setLocal('answer'), judge()) };
  }

  /** The core refuses what makes no sense as an exchange; the capture goes on. */
  #attempt(leg: Leg, timeMs: number, action: () => void): void {
    try {
      const asking = {
        timeMs: Math.max(timeMs, this.#options.startedMs),
        // The action may attach more.
        get locals() {
          return [...leg.components].flatMap(({ port }) => port?.local ?? []);
        },
        remotes: undefined,
      };
      this.#call(asking, action);
    } catch (error) {
      if (!(error instanceof LatchkeyError)) throw error;
      this.#told.unread.add(leg.plan.call);
    }
  }

  #attach({ session, plan, components }: Leg, own: Sdp, peer: Sdp | undefined): void {
    for (const media of own.media) {
      if (media.isRejected || media.transport !== media.index) continue;
      const isMuxed = media.rtcpMux && peer?.media[media.index]?.rtcpMux === true;
      const places = isMuxed ? [media] : [media, media.rtcp];
      for (const [index, { address, port }] of places.entries()) {
        if (port === 0) continue;
        const component = session.component(media.index, index === 0 ? 1 : 2);
        component.attach(this.#portAt({ address: plan.address ?? address, port }), this.#nowMs);
        components.add(component);
      }
    }
  }

  #portAt({ address, port }: TransportAddress): Port {
    const local = { address, port };
    const key = formatAddress(local);
    let opened = this.#ports.get(key);
    if (!opened) this.#ports.set(key, (opened = this.#engine.openPort(local)));
    return opened;
  }

  #advance(untilMs: number): void {
    this.#run(Math.min(untilMs, this.#nowMs + GAP_MAX_MS));
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    this.#run(untilMs);
  }

  /** Everything that is due until then, in its order. */
  #run(untilMs: number): void {
    for (;;) {
      const timeoutMs = this.#engine.pollTimeout() ?? Infinity;
      const plannedMs = this.#due[0]?.atMs ?? Infinity;
      const nextMs = Math.min(timeoutMs, plannedMs);
      if (nextMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, nextMs);
      if (plannedMs <= timeoutMs) this.#due.shift()?.run();
      else this.#handleTimeout();
    }
  }

  #handleTimeout(): void {
    const waiting = [...this.#legs]
      .flatMap(({ components }) => [...components])
      .filter((component) => component.nextMs <= this.#nowMs);
    this.#call(this.#askingAt(waiting), () => this.#engine.handleTimeout(this.#nowMs));
  }

  #feed(port: Port, bytes: Uint8Array, source: TransportAddress): void {
    const { address, port: sourcePort } = source;
    const asking = this.#askingAt([...port.components], source);
    this.#call(asking, () => {
      if (this.#engine.handleDatagram(port, bytes, address, sourcePort, this.#nowMs)) this.#delivered++;
    });
  }

  /** Whom these components may ask: their paths, and who has just been heard. */
  #askingAt(components: readonly Component[], source?: TransportAddress): Asking {
    return {
      timeMs: this.#nowMs + this.#options.startedMs,
      locals: components.flatMap(({ port }) => port?.local ?? []),
      remotes: [source, ...components.map(({ mapping }) => mapping)].filter((remote) => remote !== undefined),
    };
  }

  #call(asking: Asking, action: () => void): void {
    this.#random.asking = asking;
    try {
      action();
    } finally {
      this.#random.asking = undefined;
      this.#drain();
    }
  }

  #drain(): void {
    const engine = this.#engine;
    for (let sent = engine.pollTransmit(); sent; sent = engine.pollTransmit()) {
      const challenge = this.#random.takeMade(transactionKey(sent.bytes));
      if (challenge) this.#answer(sent.port, challenge);
    }
    while (engine.pollDelivery()) this.#delivered++;
    for (let event = engine.pollEvent(); event; event = engine.pollEvent()) {
      this.#options.onEvent({ ...event, atMs: this.#nowMs });
      if (event.type === 'question') this.#refuseQuestion(event);
    }
  }

  /** No peer of a capture can be asked to send to another port. */
  #refuseQuestion({ session: id, media }: LatchEvent): void {
    for (const { session } of this.#legs) if (session.id === id) session.asked('refused', this.#nowMs, media);
  }

  /** At the first transmission of a challenge: its answers come as they came in the capture. */
  #answer(port: Port, { remote, answers }: CapturedChallenge): void {
    for (const { afterMs, bytes } of answers)
      this.#plan(this.#nowMs + afterMs, () => this.#feed(port, bytes, remote));
  }

  #plan(atMs: number, run: () => void): void {
    let index = this.#due.length;
    while (index > 0 && (this.#due[index - 1]?.atMs ?? 0) > atMs) index--;
    this.#due.splice(index, 0, { atMs, run });
  }
}

function namesIn({ media }: Sdp): string {
  return media.map(({ latch, ice }) => `${latch?.tag} ${ice?.ufrag} ${ice?.pwd}`).join('\n');
}

/** The core may keep what it gets; what the capture cut off was there, and is zero here. */
function whole({ payload, cutBytes = 0 }: CapturedDatagram): Uint8Array {
  const bytes = new Uint8Array(payload.length + cutBytes);
  bytes.set(payload);
  return bytes;
}
