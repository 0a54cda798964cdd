// The ports of one call: a lent pair of sockets for each of its transports, and latchkey's media ports on them. They stay
// until the call ends, so that a section which comes back finds its own. Which sections there are, others decide.
import type { MediaPort, Session, TransportAddress } from '../index.js';
import type { LegStream, NegotiatedStream, SectionPorts } from '../room/index.js';
import type { MediaPair } from './media-sockets.js';

interface Bound {
  readonly pair: MediaPair;
  /** Calls that have the pair: forks of one call share it. */
  readonly holders: { count: number };
  rtp?: MediaPort;
  rtcp?: MediaPort;
}

/** Where one stream of a call is taken. */
export interface SeatPort {
  readonly media: number;
  readonly component: 1 | 2;
  readonly local: TransportAddress;
}

/** Lends the pair of one transport, by the index of the section that leads it; one that others have too only where it may. */
type Lender = (transport: number, mayShare: boolean) => Promise<MediaPair | undefined>;

export class CallPorts {
  readonly #session: Pick<Session, 'bind'>;
  readonly #lender: Lender;
  readonly #bound = new Map<number, Bound>();
  #isReleased = false;

  constructor(session: Pick<Session, 'bind'>, lender: Lender) {
    this.#session = session;
    this.#lender = lender;
  }

  /** For another session on the same sockets, which are given back when the last of them is released. */
  fork(session: Pick<Session, 'bind'>, lender: Lender): CallPorts {
    const fork = new CallPorts(session, lender);
    for (const [index, { pair, holders }] of this.#bound) {
      holders.count++;
      fork.#bound.set(index, { pair, holders });
    }
    return fork;
  }

  /** For an offer or an answer, by the index of the section that leads each transport. */
  get sections(): ReadonlyMap<number, SectionPorts> {
    return new Map([...this.#bound].map(([index, { pair }]) => [index, { rtpPort: pair.rtpPort }]));
  }

  /** Those that are open now. */
  get open(): readonly SeatPort[] {
    return [...this.#bound.values()].flatMap(({ rtp, rtcp }) =>
      [rtp, rtcp].flatMap((port) => (port === undefined || port.isClosed ? [] : port)),
    );
  }

  get hasAny(): boolean {
    return this.#bound.size > 0;
  }

  has(transports: readonly number[]): boolean {
    return transports.every((index) => this.#bound.has(index));
  }

  /** Lends what is missing for these transports, as far as there are ports. Those that it has stay, whatever the peer brings now. */
  async lend(transports: readonly number[], mayShare: boolean): Promise<void> {
    for (const index of transports) {
      if (this.#bound.has(index)) continue;
      const pair = await this.#lender(index, mayShare);
      if (this.#isReleased || this.#bound.has(index)) pair?.release();
      else if (pair) this.#bound.set(index, { pair, holders: { count: 1 } });
    }
  }

  /** Both ports of each, before it is known what will go over them: an offer says to peers with ICE where RTCP is taken. */
  listen(transports: readonly number[]): void {
    for (const index of transports) {
      this.#rtp(index);
      this.#rtcp(index);
    }
  }

  /** The streams of a leg, on their ports. */
  place(streams: readonly NegotiatedStream[]): LegStream[] {
    return streams.map((stream) => {
      const rtp = this.#rtp(stream.transport);
      if (stream.isRtp && !stream.isRtcpMux) this.#rtcp(stream.transport);
      return { stream, rtp, rtcp: this.#boundAt(stream.transport).rtcp };
    });
  }

  release(): void {
    this.#isReleased = true;
    for (const { pair, holders } of this.#bound.values()) if (--holders.count === 0) pair.release();
    this.#bound.clear();
  }

  #rtp(index: number): MediaPort {
    const bound = this.#boundAt(index);
    return (bound.rtp ??= this.#session.bind(bound.pair.rtp, { media: index }));
  }

  #rtcp(index: number): MediaPort {
    const bound = this.#boundAt(index);
    return (bound.rtcp ??= this.#session.bind(bound.pair.rtcp, { media: index, component: 2 }));
  }

  #boundAt(index: number): Bound {
    const bound = this.#bound.get(index);
    if (!bound) throw new Error(`no ports were lent for section ${index}`);
    return bound;
  }
}
