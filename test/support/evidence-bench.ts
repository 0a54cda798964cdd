// One call with a phone that brings no key at all, on a workbench: the test sends each packet by hand, from wherever and whenever it likes, puts
// the port question for the engine, and answers it for the phone. What goes out and what is taken is counted by address.
import type { Component, EngineOptions, Policy, Port, SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { EngineBench, isSame } from './engine-bench.js';
import { makeRtp } from './media.js';
import { makeSdp, type MediaDescription } from './session-description.js';

export const SERVER = { address: '203.0.113.1', port: 40_000 };
/** Behind a symmetric NAT, which has it here; for another port of ours, or after a rebinding, at others. */
export const HOME = { address: '198.51.100.7', port: 20_001 };
export const MOVED = { address: '198.51.100.7', port: 20_002 };
export const MOVED_AGAIN = { address: '198.51.100.7', port: 20_003 };
export const PRIVATE = { address: '10.0.1.2', port: 5004 };
/** Somebody behind the same NAT, and somebody elsewhere. */
export const NEIGHBOUR = { address: '198.51.100.7', port: 31_000 };
export const STRANGER = { address: '192.0.2.66', port: 4000 };

const RTX_LINES = ['a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96'];

/** What somebody sends: one stream, packet by packet, in the clear. */
export class PlainVoice {
  payloadType = 0;
  /** What a timestamp rises by from packet to packet. */
  step = 160;

  constructor(
    readonly ssrc = 0x1234,
    public sequence = 100,
    public timestamp = 16_000,
  ) {}

  next(): Uint8Array {
    const bytes = this.peek();
    this.sequence = (this.sequence + 1) & 0xffff;
    this.timestamp = (this.timestamp + this.step) >>> 0;
    return bytes;
  }

  /** The packet that is next, without sending it. */
  peek(): Uint8Array {
    const { ssrc, sequence, timestamp, payloadType } = this;
    return makeRtp({ ssrc, sequence, timestamp, payloadType });
  }
}

export interface EvidenceBenchOptions {
  /** Where its signalling comes from, over TLS: home, and shown. Undefined: nobody says. */
  readonly from?: string | undefined;
  readonly transport?: 'tls' | 'udp' | 'proxy';
  readonly signalled?: TransportAddress;
  /** Announced in the phone's description. */
  readonly ssrcs?: readonly number[];
  readonly policy?: Policy;
  readonly direction?: MediaDescription['direction'];
  readonly isOurOffer?: boolean;
  readonly isConfirmed?: boolean;
  readonly hasRtcp?: boolean;
  /** The section is one of video, with retransmissions in a stream of their own (RFC 4588): payload types 96 and 97. */
  readonly isVideo?: boolean;
  /** Nobody can put the question: it is refused as soon as it is due. */
  readonly canAsk?: boolean;
  readonly engine?: Partial<EngineOptions>;
  /** On the engine and at the ports of another call. */
  readonly beside?: EvidenceBench;
}

export class EvidenceBench {
  readonly bench: EngineBench;
  readonly session: SdpSession;
  readonly ports: Port[] = [];
  readonly rtcpPorts: Port[] = [];
  readonly voice = new PlainVoice();
  readonly options: EvidenceBenchOptions;
  #version = 1;

  constructor(options: EvidenceBenchOptions = {}) {
    this.options = options;
    const { beside, engine, from = HOME.address, transport = 'tls', policy = 'prefer' } = options;
    this.bench = beside?.bench ?? new EngineBench(engine);
    this.session = this.bench.engine.createSession({
      signalling: 'encrypted',
      policy,
      ...('from' in options && options.from === undefined ? {} : { peer: { address: from, transport } }),
    });
    this.ports.push(beside?.port ?? this.bench.engine.openPort(SERVER));
    this.component.attach(this.port, this.nowMs);
    if (options.hasRtcp === true) {
      this.rtcpPorts.push(this.bench.engine.openPort({ ...SERVER, port: SERVER.port + 1 }));
      this.rtcp.attach(this.rtcpPorts[0]!, this.nowMs);
    }
    if (options.isOurOffer === true) {
      this.session.setLocal(this.#ours(), this.nowMs, 'offer');
      this.session.setRemote(this.theirs(), this.nowMs, 'answer');
    } else {
      this.session.setRemote(this.theirs(), this.nowMs, 'offer');
      this.session.setLocal(this.#ours(), this.nowMs, 'answer');
    }
    this.bench.drain();
    if (options.isConfirmed !== false) this.confirm();
  }

  confirm(): void {
    this.session.confirm(this.nowMs);
    this.#drain();
  }

  get nowMs(): number {
    return this.bench.nowMs;
  }

  /** The one that was told last. */
  get port(): Port {
    return this.ports.at(-1)!;
  }

  get component(): Component {
    return this.session.component(0, 1);
  }

  get rtcp(): Component {
    return this.session.component(0, 2);
  }

  /** Where the phone is taken to be. */
  get locked(): TransportAddress | undefined {
    return this.component.mapping;
  }

  get grounds(): readonly string[] {
    return this.bench.events.flatMap((event) => (event.type === 'locked' ? [event.ground] : []));
  }

  count(type: EngineBench['events'][number]['type']): number {
    return this.bench.eventsOf(type).length;
  }

  /** One datagram arrives: true where it was taken at once. */
  receive(bytes: Uint8Array, source: TransportAddress, port = this.port): boolean {
    const component = this.bench.receive(port, bytes, source);
    this.#drain();
    return component === this.component;
  }

  /** Packets of a voice, one each 20 ms unless told; the time passes after each. Gives how many were taken at once. */
  talk(count: number, source: TransportAddress, voice = this.voice, port = this.port, everyMs = 20): number {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      if (this.receive(voice.next(), source, port)) taken++;
      this.advance(everyMs);
    }
    return taken;
  }

  /** Several speak at a time, each a packet every 20 ms. */
  talkAll(count: number, speakers: readonly (readonly [PlainVoice, TransportAddress, Port?])[]): void {
    for (let i = 0; i < count; i++) {
      for (const [voice, source, port] of speakers) this.receive(voice.next(), source, port ?? this.port);
      this.advance(20);
    }
  }

  advance(ms: number): void {
    this.bench.advance(ms);
    this.#drain();
  }

  /** Payload of ours: where it would go. */
  send(sizeBytes = 172): TransportAddress | undefined {
    const bytes = new Uint8Array(sizeBytes).fill(1);
    bytes.set([0x80, 0]);
    return this.component.handleSend(bytes, this.nowMs);
  }

  /** How many packets of an address the application has: at once, or kept and delivered later. */
  deliveredFrom(source: TransportAddress): number {
    return this.bench.deliveries.filter((delivery) => isSame(delivery.source, source)).length;
  }

  /** Puts the question that is due: the offer with another port goes out. */
  ask(): Port {
    const port = this.bench.engine.openPort({ ...SERVER, port: this.port.local.port + 2 });
    this.component.addPort(port, this.nowMs);
    if (this.options.hasRtcp === true) {
      const rtcp = this.bench.engine.openPort({ ...SERVER, port: port.local.port + 1 });
      this.rtcp.addPort(rtcp, this.nowMs);
      this.rtcpPorts.push(rtcp);
    }
    this.ports.push(port);
    this.session.setLocal(this.#ours(), this.nowMs, 'offer');
    this.#drain();
    return port;
  }

  answer(): void {
    this.session.setRemote(this.theirs(), this.nowMs, 'answer');
    this.session.asked('answered', this.nowMs, 0);
    this.#drain();
  }

  refuse(outcome: 'refused' | 'pending' | 'unanswered' = 'refused'): void {
    this.session.rollback();
    this.session.asked(outcome, this.nowMs, 0);
    if (outcome !== 'pending') this.ports.pop();
    this.#drain();
  }

  /** The phone's description. */
  theirs(changes: Partial<EvidenceBenchOptions> = {}): string {
    const {
      signalled = PRIVATE,
      ssrcs = [],
      direction = 'sendrecv',
      hasRtcp,
      isVideo,
    } = { ...this.options, ...changes };
    const types = isVideo === true ? RTX_LINES : ['a=rtpmap:101 telephone-event/8000'];
    return makeSdp({
      address: signalled.address,
      version: this.#version++,
      media: [
        {
          kind: isVideo === true ? 'video' : 'audio',
          port: signalled.port,
          direction,
          isMuxed: hasRtcp !== true,
          lines: [...types, ...ssrcs.map((ssrc) => `a=ssrc:${ssrc} cname:phone`)],
        },
      ],
    })
      .replace('RTP/AVP 0 8', 'RTP/AVP 0 8 101')
      .replace('RTP/AVP 96', 'RTP/AVP 96 97');
  }

  /** Ours, with the port that is told now. */
  ours(): string {
    return this.#ours();
  }

  #ours(): string {
    const isMuxed = this.options.hasRtcp !== true;
    const { address, port } = this.port.local;
    const kind = this.options.isVideo === true ? 'video' : 'audio';
    return makeSdp({ address, version: this.#version++, media: [{ kind, port, isMuxed }] });
  }

  #drain(): void {
    this.bench.drain();
    if (this.options.canAsk !== false) return;
    const due = this.bench.eventsOf('question').length;
    if (due > this.#refused) {
      this.#refused = due;
      this.session.asked('refused', this.nowMs, 0);
      this.bench.drain();
    }
  }

  #refused = 0;
}
