// The ports of one call: a lent pair of sockets for each of its transports, and latchkey's media ports on them. They stay
// until the call ends, so that a section which comes back finds its own. Which sections there are, others decide.
import type { MediaPort, Session, TransportAddress } from '../index.js';
import type { LegStream, NegotiatedStream, SectionPorts } from '../room/index.js';
import type { MediaPair } from './media-sockets.js';

interface Bound {
  /** Where the stream is taken; another, once it has moved with a port question. */
  pair: MediaPair;
  /** Calls that have the pair: forks of one call share it. */
  holders: { count: number };
  rtp?: MediaPort;
  rtcp?: MediaPort;
}

/** Where one stream of a call is taken. */
export interface SeatPort {
  readonly media: number;
  readonly component: 1 | 2;
  readonly local: TransportAddress;
}

export interface Lender {
  /** Lends the pair of one transport, by the index of the section that leads it; one that others have too only where it may. */
  lend(transport: number, mayShare: boolean): Promise<MediaPair | undefined>;
  /** Lends another, for a peer that is asked to send there. */
  lendForQuestion(): Promise<MediaPair | undefined>;
}

/** Pairs that were lent for questions and that a description tells, by the index of the section that leads each transport. */
export type ToldPairs = ReadonlyMap<number, Pick<MediaPair, 'rtp'>>;
const NONE_TOLD: ToldPairs = new Map();

export class CallPorts {
  readonly #session: Pick<Session, 'bind'>;
  readonly #lender: Lender;
  readonly #bound = new Map<number, Bound>();
  /** Lent for questions: the peer has not moved there. */
  readonly #asked = new Set<MediaPair>();
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
  sections(told: ToldPairs = NONE_TOLD): ReadonlyMap<number, SectionPorts> {
    const sections = new Map<number, SectionPorts>();
    for (const [index, { pair }] of this.#bound) {
      const { rtpPort } = [...this.#asked].find((asked) => asked === told.get(index)) ?? pair;
      sections.set(index, { rtpPort });
    }
    return sections;
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
      const pair = await this.#lender.lend(index, mayShare);
      if (this.#isReleased || this.#bound.has(index)) pair?.release();
      else if (pair) this.#bound.set(index, { pair, holders: { count: 1 } });
    }
  }

  /** Lends a pair to which a peer can be asked to send. It is given back with the others, if not before. */
  async lendForQuestion(): Promise<MediaPair | undefined> {
    const lent = await this.#lender.lendForQuestion();
    if (!lent || this.#isReleased) {
      lent?.release();
      return undefined;
    }
    const pair: MediaPair = {
      ...lent,
      release: () => {
        this.#asked.delete(pair);
        lent.release();
      },
    };
    this.#asked.add(pair);
    return pair;
  }

  /** The session listens there no more. Where the stream has moved it is the call's port that goes back, and the other is the call's. */
  handleReleased(transport: number, local: TransportAddress): void {
    const bound = this.#bound.get(transport);
    if (!bound || bound.pair.rtpPort !== local.port) return;
    const moved = [...this.#asked].find(({ rtpPort }) => rtpPort === bound.rtp?.local.port);
    if (!moved) return;
    this.#asked.delete(moved);
    moved.keep?.();
    giveBack(bound);
    bound.pair = moved;
    bound.holders = { count: 1 };
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
    for (const bound of this.#bound.values()) giveBack(bound);
    this.#bound.clear();
    for (const pair of [...this.#asked]) pair.release();
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

function giveBack({ pair, holders }: Bound): void {
  if (--holders.count === 0) pair.release();
}
