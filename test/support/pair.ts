// A call: the caller's engine proves, the server's verifies, they exchange descriptions, and media flows both ways
// on both components. The pair keeps what the two have agreed, so that a test can be judge, or traitor.
import type { Component, Port, SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import type { EngineHost } from './engine-host.js';
import type { Observer } from './engine-host.js';
import { MediaStream } from './media.js';
import type { Datagram } from './network.js';
import { deriveKeys, readLatchLines } from './oracle.js';
import type { Generation } from './oracle.js';
import type { Prng } from './prng.js';
import { makeSdp } from './session-description.js';
import type { MediaDescription } from './session-description.js';

export type Side = 'caller' | 'server';
export type Direction = NonNullable<MediaDescription['direction']>;

export interface PairOptions {
  readonly caller: EngineHost;
  readonly server: EngineHost;
  readonly prng: Prng;
  readonly name?: string;
  readonly offerer?: Side;
  readonly isMuxed?: boolean;
  readonly callerPort?: number;
  /** The server's sockets: RTP and, without rtcp-mux, RTCP. Several pairs may share them. */
  readonly serverPorts: readonly Port[];
  readonly signalling?: 'encrypted' | 'loopback' | 'clear';
}

export interface Heard {
  readonly atMs: number;
  readonly component: 1 | 2;
  readonly datagram: Datagram;
}

interface Leg {
  readonly host: EngineHost;
  session: SdpSession;
  readonly stream: MediaStream;
  readonly heard: Heard[];
  ports: readonly Port[];
  direction: Direction;
  version: number;
}

const answerTo: Record<Direction, Direction> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

export class Pair {
  readonly name: string;
  readonly caller: Leg;
  readonly server: Leg;
  /** What the two agreed on, oldest first, with the server as verifier. */
  readonly generations: Generation[] = [];
  readonly descriptions: { readonly from: Side; readonly sdp: string }[] = [];
  isMuxed: boolean;
  offerer: Side;
  /** What the caller's descriptions say instead of the truth. */
  callerChange: Partial<MediaDescription> = {};
  #talking: { isCancelled: boolean }[] = [];

  constructor(options: PairOptions) {
    const { caller, server, prng, name = 'call-1', callerPort = 5004, signalling = 'encrypted' } = options;
    this.name = name;
    this.offerer = options.offerer ?? 'caller';
    this.isMuxed = options.isMuxed ?? false;
    const leg = (host: EngineHost, role: 'prover' | 'verifier', ports: readonly Port[]): Leg => ({
      host,
      session: host.engine.createSession({ call: name, role, signalling }),
      stream: new MediaStream(prng),
      heard: [],
      ports,
      direction: 'sendrecv',
      version: 0,
    });
    const callerPorts = this.isMuxed
      ? [caller.openPort(callerPort)]
      : [caller.openPort(callerPort), caller.openPort(callerPort + 1)];
    this.caller = leg(caller, 'prover', callerPorts);
    this.server = leg(server, 'verifier', options.serverPorts);
    for (const side of [this.caller, this.server]) {
      side.host.observers.push(this.#recorder(side));
      this.attach(side);
    }
  }

  get components(): readonly (1 | 2)[] {
    return this.isMuxed ? [1] : [1, 2];
  }

  get generation(): Generation {
    const last = this.generations.at(-1);
    if (last === undefined) throw new Error('the two have not agreed on keys');
    return last;
  }

  /** Where the server's media comes from, and the caller's goes to. */
  serverAddress(component: 1 | 2): TransportAddress {
    return (this.server.ports[component - 1] as Port).local;
  }

  component(side: Side, component: 1 | 2): Component {
    return this[side].session.component(0, component);
  }

  /** The address that the server's media goes to at this moment. */
  mapping(component: 1 | 2 = 1): TransportAddress | undefined {
    return this.component('server', component).mapping;
  }

  attach(leg: Leg): void {
    for (const component of this.components)
      leg.session.component(0, component).attach(leg.ports[component - 1] as Port, leg.host.clock.nowMs);
    leg.host.drain();
  }

  describe(side: Side, change: Partial<MediaDescription> = {}): string {
    const leg = this[side];
    const [rtp, rtcp] = leg.ports;
    return makeSdp({
      address: rtp?.local.address ?? leg.host.address,
      version: ++leg.version,
      media: [
        {
          port: rtp?.local.port ?? 0,
          isMuxed: this.isMuxed,
          direction: leg.direction,
          ...(rtcp === undefined ? {} : { rtcpPort: rtcp.local.port }),
          ...(side === 'caller' ? this.callerChange : {}),
          ...change,
        },
      ],
    });
  }

  /** One offer and one answer. With a delay the answer arrives that much later, and a call has to run meanwhile. */
  negotiate(
    options: { readonly offerer?: Side; readonly direction?: Direction; readonly delayMs?: number } = {},
  ): void {
    const offerer = this[options.offerer ?? this.offerer];
    const answerer = offerer === this.caller ? this.server : this.caller;
    offerer.direction = options.direction ?? offerer.direction;
    answerer.direction = answerTo[offerer.direction];
    const nowMs = (): number => offerer.host.clock.nowMs;
    const later = (run: () => void): void => {
      if (options.delayMs === undefined) run();
      else offerer.host.clock.after(options.delayMs, run);
    };
    const offer = offerer.session.setLocal(this.describe(this.#sideOf(offerer)), nowMs(), 'offer');
    offerer.host.drain();
    later(() => {
      this.#accept(answerer, offer, 'offer');
      const answer = answerer.session.setLocal(this.describe(this.#sideOf(answerer)), nowMs(), 'answer');
      answerer.host.drain();
      this.#note(this.#sideOf(offerer), offer, answer);
      later(() => this.#accept(offerer, answer, 'answer'));
    });
  }

  /**
   * The caller's side begins anew, as after a restart: a new session with a new tag and secret, on the same ports, which takes
   * over from the old one when the server's answer has come.
   */
  renewCaller(options: { readonly direction?: Direction; readonly delayMs?: number } = {}): void {
    const { host, session: former } = this.caller;
    const { direction = this.caller.direction, delayMs } = options;
    const nowMs = (): number => host.clock.nowMs;
    const later = (run: () => void): void => {
      if (delayMs === undefined) run();
      else host.clock.after(delayMs, run);
    };
    const session = host.engine.createSession({ call: this.name, role: 'prover', signalling: 'encrypted' });
    for (const component of this.components)
      session.component(0, component).attach(this.caller.ports[component - 1] as Port, nowMs());
    this.caller.direction = direction;
    this.server.direction = answerTo[direction];
    const offer = session.setLocal(this.describe('caller'), nowMs(), 'offer');
    host.drain();
    later(() => {
      this.#accept(this.server, offer, 'offer');
      const answer = this.server.session.setLocal(this.describe('server'), nowMs(), 'answer');
      this.server.host.drain();
      this.#note('caller', offer, answer);
      later(() => {
        this.caller.session = session;
        this.#accept(this.caller, answer, 'answer');
        former.close(nowMs());
        host.drain();
      });
    });
  }

  /** Packets every `periodMs` both ways on both components, RTCP every `rtcpPeriodMs`, until hushed. */
  talk(periodMs = 20, rtcpPeriodMs = 500): void {
    const { clock } = this.caller.host;
    for (const side of ['caller', 'server'] as const) {
      this.#talking.push(clock.every(periodMs, () => void this.sendRtp(side)));
      this.#talking.push(clock.every(rtcpPeriodMs, () => void this.sendRtcp(side)));
    }
  }

  hush(): void {
    for (const series of this.#talking) series.isCancelled = true;
    this.#talking = [];
  }

  sendRtp(side: Side): boolean {
    const { host, direction, stream } = this[side];
    if (direction === 'recvonly' || direction === 'inactive') return false;
    return host.send(this.component(side, 1), stream.nextRtp());
  }

  sendRtcp(side: Side): boolean {
    const { host, stream } = this[side];
    return host.send(this.component(side, this.isMuxed ? 1 : 2), stream.nextRtcp(host.clock.nowMs));
  }

  close(side: Side): void {
    const { host, session } = this[side];
    session.close(host.clock.nowMs);
    host.drain();
  }

  /** The longest time without media at this side since `fromMs`, up to now. */
  longestSilenceMs(side: Side, fromMs: number, component: 1 | 2 = 1): number {
    const { heard, host } = this[side];
    let lastMs = fromMs;
    let longestMs = 0;
    for (const { atMs, component: on } of heard) {
      if (atMs < fromMs || on !== component) continue;
      longestMs = Math.max(longestMs, atMs - lastMs);
      lastMs = atMs;
    }
    return Math.max(longestMs, host.clock.nowMs - lastMs);
  }

  #sideOf(leg: Leg): Side {
    return leg === this.caller ? 'caller' : 'server';
  }

  #accept(leg: Leg, sdp: string, type: 'offer' | 'answer'): void {
    const verdict = leg.session.setRemote(sdp, leg.host.clock.nowMs, type);
    leg.host.drain();
    if (!verdict.accepted) throw new Error(`${this.#sideOf(leg)} refused the ${type}: ${verdict.warning}`);
  }

  #note(offerer: Side, offer: string, answer: string): void {
    const answerer = offerer === 'caller' ? 'server' : 'caller';
    this.descriptions.push({ from: offerer, sdp: offer }, { from: answerer, sdp: answer });
    const [offered] = readLatchLines(offer);
    const [answered] = readLatchLines(answer);
    if (offered === undefined || answered?.suite === undefined) return;
    const [verifier, prover] = offerer === 'server' ? [offered, answered] : [answered, offered];
    const last = this.generations.at(-1);
    if (last?.verifierTag === verifier.tag && last.proverTag === prover.tag) return;
    this.generations.push({
      ...deriveKeys(offered, answered),
      verifierTag: verifier.tag,
      proverTag: prover.tag,
      word: verifier.word ?? Buffer.alloc(16),
    });
  }

  #recorder(leg: Leg): Observer {
    return {
      onDelivered: (_port, component, datagram) => {
        if (component.session.id !== leg.session.id) return;
        leg.heard.push({ atMs: leg.host.clock.nowMs, component: component.component, datagram });
      },
    };
  }
}
