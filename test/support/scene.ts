// A stage on which the same play runs twice: once with a latched call, once with a server that latches blindly.
// Caller behind a NAT, server and attacker on the internet; the play sees only what both casts have.
import type { EngineOptions } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { Attacker, attackerAddresses } from './attacker.js';
import type { Target } from './attacker.js';
import { BlindLatch, PlainPhone } from './blind-latch.js';
import type { BlindVariant } from './blind-latch.js';
import { Clock } from './clock.js';
import { EngineHost } from './engine-host.js';
import { Ledger } from './ledger.js';
import { MediaStream } from './media.js';
import { Nat } from './nat.js';
import type { Behaviour } from './nat.js';
import { Network, cleanLink, instantLink } from './network.js';
import type { Datagram, Link } from './network.js';
import type { Suite } from './oracle.js';
import { Pair } from './pair.js';
import type { Side } from './pair.js';
import { Prng } from './prng.js';

export interface SceneOptions {
  readonly seed?: number;
  readonly suite?: Suite;
  readonly mapping?: Behaviour;
  readonly filtering?: Behaviour;
  readonly natTimeoutMs?: number;
  readonly isPortPreserving?: boolean;
  /** No NAT: the caller has a global address. */
  readonly isDirect?: boolean;
  /** A home NAT behind the carrier's. */
  readonly isDoubleNat?: boolean;
  readonly isIpv6?: boolean;
  readonly isMuxed?: boolean;
  readonly offerer?: Side;
  /** The caller's cable. */
  readonly link?: Link;
  readonly attackerAddresses?: number;
  readonly engine?: Partial<EngineOptions>;
  readonly periodMs?: number;
}

export const hosts = {
  server: '203.0.113.1',
  nat: '198.51.100.7',
  caller: '10.0.1.2',
  global: '198.51.100.80',
} as const;

export const hostsIpv6 = {
  server: '2001:db8:1::1',
  nat: '2001:db8:7::1',
  caller: 'fd00:1::2',
  global: '2001:db8:80::2',
} as const;

const serverPort = 40_000;

/** Clock, internet, NAT and attacker: what every cast needs. */
export class Stage {
  readonly options: SceneOptions;
  readonly prng: Prng;
  readonly clock = new Clock();
  readonly internet: Network;
  readonly nat: Nat;
  readonly home: Network;
  readonly attacker: Attacker;
  readonly serverRtp: TransportAddress;
  readonly serverRtcp: TransportAddress;
  readonly callerAddress: string;
  readonly callerLink: Link;

  constructor(options: SceneOptions = {}) {
    this.options = options;
    this.prng = new Prng(options.seed ?? 1);
    this.internet = new Network(this.clock, this.prng.fork());
    const names = options.isIpv6 === true ? hostsIpv6 : hosts;
    this.nat = new Nat(this.internet, {
      name: 'nat',
      address: names.nat,
      mapping: options.mapping ?? 'address-and-port-dependent',
      filtering: options.filtering ?? 'address-and-port-dependent',
      ...(options.natTimeoutMs === undefined ? {} : { timeoutMs: options.natTimeoutMs }),
      ...(options.isPortPreserving === undefined ? {} : { isPortPreserving: options.isPortPreserving }),
    });
    this.home = options.isDirect === true ? this.internet : this.nat.inside;
    if (options.isDoubleNat === true)
      this.home = new Nat(this.nat.inside, {
        ...this.nat.options,
        name: 'home-nat',
        address: '100.64.3.4',
      }).inside;
    this.callerAddress = options.isDirect === true ? names.global : names.caller;
    this.callerLink = options.link ?? instantLink;
    this.serverRtp = { address: names.server, port: serverPort };
    this.serverRtcp = { address: names.server, port: options.isMuxed === true ? serverPort : serverPort + 1 };
    this.attacker = new Attacker({
      network: this.internet,
      prng: this.prng.fork(),
      addresses: attackerAddresses(options.attackerAddresses ?? 16, options.isIpv6),
    });
  }

  runFor(ms: number): void {
    this.clock.runFor(ms);
  }

  /** An attacker that is the caller's neighbour: behind the same NAT, with the same external address. */
  attackerInside(address: string): Attacker {
    return new Attacker({
      network: this.nat.inside,
      prng: this.prng.fork(),
      addresses: [address],
      name: 'neighbour',
    });
  }

  get stolen(): number {
    return this.attacker.stolen.length;
  }
}

/** What a play may use, whoever plays the server. */
export interface Scene {
  readonly stage: Stage;
  /** The caller's call begins: descriptions are exchanged and both sides start to talk. */
  call(): void;
  /** Descriptions are exchanged once more in mid call. */
  reinvite(): void;
  target(): Target;
  /** Packets taken for media of the call that the other side of it did not send. */
  injected(): number;
  /** Genuine media packets that have reached each side. */
  heard(side: Side): number;
}

export class LatchScene implements Scene {
  readonly stage: Stage;
  readonly server: EngineHost;
  readonly caller: EngineHost;
  readonly pair: Pair;
  readonly ledger: Ledger;

  constructor(options: SceneOptions = {}) {
    this.stage = new Stage(options);
    const { stage } = this;
    const engine = { ...(options.suite === undefined ? {} : { suites: [options.suite] }), ...options.engine };
    this.server = new EngineHost({
      name: 'server',
      network: stage.internet,
      address: stage.serverRtp.address,
      prng: stage.prng.fork(),
      link: cleanLink,
      engine,
    });
    this.caller = new EngineHost({
      name: 'caller',
      network: stage.home,
      address: stage.callerAddress,
      prng: stage.prng.fork(),
      link: stage.callerLink,
      engine,
    });
    const { isMuxed = false } = options;
    const serverPorts = [this.server.openPort(stage.serverRtp.port)];
    if (!isMuxed) serverPorts.push(this.server.openPort(stage.serverRtcp.port));
    this.pair = new Pair({
      caller: this.caller,
      server: this.server,
      prng: stage.prng.fork(),
      isMuxed,
      serverPorts,
      ...(options.offerer === undefined ? {} : { offerer: options.offerer }),
    });
    this.ledger = new Ledger(this.server, [this.pair]);
    for (const { local } of this.pair.caller.ports) this.ledger.addSignalled(local);
  }

  call(): void {
    this.pair.negotiate({ delayMs: 20 });
    this.pair.talk(this.stage.options.periodMs ?? 20);
  }

  /** Until the server sends to the caller on every component. */
  callUntilVerified(limitMs = 5000): void {
    this.call();
    const isReady = (): boolean => this.pair.components.every((component) => this.pair.mapping(component));
    if (!this.stage.clock.runUntil(isReady, limitMs)) throw new Error('the caller was not verified');
  }

  reinvite(): void {
    this.pair.negotiate({ delayMs: 20 });
  }

  target(): Target {
    return { rtp: this.stage.serverRtp, rtcp: this.stage.serverRtcp, stream: this.pair.caller.stream };
  }

  injected(): number {
    const foreign = (side: Side): number => {
      const other = side === 'caller' ? 'server' : 'caller';
      return this.pair[side].heard.filter(({ datagram }) => datagram.origin !== other).length;
    };
    return foreign('caller') + foreign('server');
  }

  heard(side: Side): number {
    return this.pair[side].heard.length;
  }
}

export class BlindScene implements Scene {
  readonly stage: Stage;
  readonly server: BlindLatch;
  readonly phone: PlainPhone;
  readonly stream: MediaStream;

  constructor(variant: BlindVariant, options: SceneOptions = {}) {
    this.stage = new Stage(options);
    const { stage } = this;
    const local = { address: stage.callerAddress, port: 5004 };
    this.stream = new MediaStream(stage.prng);
    this.server = new BlindLatch(stage.internet, variant, stage.serverRtp, local, cleanLink);
    const own = new MediaStream(stage.prng);
    this.phone = new PlainPhone(stage.home, local, stage.serverRtp, own, stage.callerLink);
  }

  call(): void {
    const { clock, options } = this.stage;
    clock.every(options.periodMs ?? 20, () => {
      this.server.send(1, this.stream.nextRtp());
      this.phone.send(1, this.phone.stream.nextRtp());
    });
    clock.every(500, () => {
      this.server.send(2, this.stream.nextRtcp(clock.nowMs));
      this.phone.send(2, this.phone.stream.nextRtcp(clock.nowMs));
    });
  }

  reinvite(): void {
    this.server.relearn();
  }

  target(): Target {
    return { rtp: this.stage.serverRtp, rtcp: this.stage.serverRtcp, stream: this.phone.stream };
  }

  injected(): number {
    const foreign = (datagram: Datagram, other: Side): boolean => datagram.origin !== other;
    return (
      this.phone.received.filter(({ datagram }) => foreign(datagram, 'server')).length +
      this.server.received.filter(({ datagram }) => foreign(datagram, 'caller')).length
    );
  }

  heard(side: Side): number {
    const { received } = side === 'caller' ? this.phone : this.server;
    return received.length;
  }
}
