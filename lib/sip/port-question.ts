/**
 * The port question of protocol.md 8.3.6, as the signalling puts it: where the session asks for it, the peer is offered the same media at
 * another port of ours, and where the stream goes on then shows who the peer is. Here is who listens where, what the session is told,
 * and when sockets are given back; the offer itself, and its way to the peer, are the caller's.
 */
import { datagramSocketOf, isSameAddress } from '../index.js';
import type { MediaSocketPair, QuestionOutcome, Session, TransportAddress } from '../index.js';
import { GLARE_ATTEMPTS, glareWaitMs } from './glare.js';

/** A pair of sockets, bound and listening, for one transport of one call. */
export interface LentPorts extends MediaSocketPair {
  /** They are not needed any more. Called once. */
  release(): void;
}

/** Lends a pair that nobody could know before; undefined: there is none now, and the peer is asked nothing. */
export type LendPorts = () => Promise<LentPorts | undefined>;

/** By the index of the section that leads a transport: the pair whose ports the peer is told. Of others it is told the first ports. */
export type ToldPorts = ReadonlyMap<number, LentPorts>;

/** As much of a session as is heard and told here. */
export type PortSession = Pick<Session, 'isClosed' | 'portsWanted' | 'listen' | 'asked' | 'on'>;

/** `withdrawn`: the peer has taken an offer that had been taken back. It believes what that has said, so that another has to say what is true. */
export type ReofferOutcome = QuestionOutcome | 'withdrawn';

export interface PortQuestionSite {
  readonly session: PortSession;
  readonly ports: LendPorts;
  /** The call is one of ours. */
  readonly isOutgoing: boolean;
  /**
   * Re-offers once, as soon as the dialog allows it: the last description, with these ports. The session has read the answer, or rolled the
   * offer back, when it is fulfilled: with `pending` after a 491, `unanswered` where nobody has answered.
   */
  readonly reoffer: (told: ToldPorts) => Promise<ReofferOutcome>;
  /** What the owner of the ports, or the session, has thrown. */
  readonly onFault: (error: unknown) => void;
}

/** A peer's offer is not kept waiting longer for a port, whoever lends it: its transaction has started to repeat it (RFC 3261 T1). */
const ANSWER_WAIT_MS = 500;

/** Made where there are ports to lend: a session to which nobody listens is not asked for any. */
export class PortQuestion {
  readonly #site: PortQuestionSite;
  readonly #told = new Map<number, LentPorts>();
  /** They listen, and the peer does not know of them yet. */
  readonly #next = new Map<number, LentPorts>();
  /** Others are told in their place; the session says when nothing comes there any more. */
  readonly #left = new Set<LentPorts>();
  /** Of `next`: the answer to the peer's pending offer tells them. */
  readonly #answering = new Set<number>();
  /** The session asks. */
  readonly #due = new Set<number>();
  /** Transports about which the peer is being asked. */
  #asking: readonly number[] = [];
  /** The peer was told of a port at which nothing listens any more. */
  #isStale = false;
  #isRunning = false;
  /** Until it asks again after a 491. */
  #rest: Patience | undefined;

  constructor(site: PortQuestionSite) {
    this.#site = site;
    const { session } = site;
    session.on('question', ({ media }) => {
      this.#due.add(media);
      void this.#run();
    });
    session.on('released', ({ component, local }) => {
      if (component === 1) this.#release(local);
    });
    session.on('closed', () => {
      if (session.isClosed) this.#releaseAll();
    });
  }

  /** What a description of ours says, an offer or an answer. */
  toldIn(type: 'offer' | 'answer'): ToldPorts {
    if (type === 'offer') return this.#told;
    const answering = [...this.#answering].flatMap((media) => this.#entry(media));
    return new Map([...this.#told, ...answering]);
  }

  /**
   * To be asked when an offer of the peer's has been read, before the answer to it is made: where it should tell another port (protocol.md
   * 8.3.8), it is lent one. Undefined: there is nothing to wait for.
   */
  prepareAnswer(): Promise<void> | undefined {
    this.#answering.clear();
    const { session } = this.#site;
    // Where a question waits already it settles the same.
    const wanted = session.isClosed
      ? []
      : session.portsWanted.filter((media) => !this.#asking.includes(media) && !this.#due.has(media));
    if (wanted.length === 0) return undefined;
    return this.#prepare(wanted);
  }

  /** Our answer has gone to the session. */
  noteAnswered(): void {
    for (const [media, pair] of [...this.#answering].flatMap((one) => this.#entry(one)))
      this.#move(media, pair);
    this.#answering.clear();
  }

  async #prepare(wanted: readonly number[]): Promise<void> {
    const patience = new Patience(ANSWER_WAIT_MS);
    const listening = wanted.map(async (media) => {
      const isListening = await this.#listen(media, patience);
      if (isListening && !patience.isOver) this.#answering.add(media);
    });
    await Promise.race([Promise.all(listening), patience.over]);
    patience.end();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    // All that ask in this turn are asked about in one offer.
    await Promise.resolve();
    while ((this.#due.size > 0 || this.#isStale) && !this.#site.session.isClosed) {
      this.#asking = [...this.#due];
      this.#due.clear();
      await this.#ask(this.#asking);
      this.#asking = [];
    }
    this.#isRunning = false;
  }

  async #ask(all: readonly number[]): Promise<void> {
    const listening = await Promise.all(all.map((media) => this.#listen(media)));
    for (const [at, media] of all.entries()) if (listening[at] !== true) this.#tell('refused', media);
    for (let attempt = 1; ; attempt++) {
      const offered = new Map(all.flatMap((media) => this.#entry(media)));
      if (offered.size === 0 && !this.#isStale) break;
      const outcome = await this.#offer(offered);
      const isOver = outcome !== 'pending' || attempt === GLARE_ATTEMPTS;
      for (const media of offered.keys())
        this.#tell(isOver && outcome === 'pending' ? 'refused' : outcome, media);
      if (isOver || this.#site.session.isClosed) break;
      this.#rest = new Patience(glareWaitMs(this.#site.isOutgoing));
      await this.#rest.over;
      if (this.#site.session.isClosed) break;
    }
  }

  /** Once. The pairs that the peer has taken over are told from now on; those that the session has given up meanwhile are taken out. */
  async #offer(offered: Map<number, LentPorts>): Promise<QuestionOutcome> {
    const { session, reoffer, onFault } = this.#site;
    this.#isStale = false;
    const outcome = await reoffer(new Map([...this.#told, ...offered])).catch((error: unknown) => {
      onFault(error);
      return 'unanswered' as const;
    });
    const lost = [...offered].filter(([media, pair]) => this.#next.get(media) !== pair);
    // A question of the session's that is over has been asked by another, if at all: of that one nothing is known yet.
    for (const [media] of lost) offered.delete(media);
    // An answer as late as that speaks of a port which has been given back.
    if (outcome === 'withdrawn' || (outcome === 'answered' && lost.length > 0)) this.#isStale = true;
    if (outcome === 'withdrawn') return 'unanswered';
    if (outcome === 'answered' && !session.isClosed)
      for (const [media, pair] of offered) this.#move(media, pair);
    return outcome;
  }

  #move(media: number, pair: LentPorts): void {
    const before = this.#told.get(media);
    if (before) this.#left.add(before);
    this.#next.delete(media);
    this.#told.set(media, pair);
  }

  /** True where a further pair listens for this transport. */
  async #listen(media: number, patience?: Patience): Promise<boolean> {
    if (this.#next.has(media)) return true;
    const { session, ports, onFault } = this.#site;
    let pair: LentPorts | undefined;
    try {
      pair = await ports();
      if (!pair) return false;
      // Another may have been lent meanwhile, or nobody waits for this one any more.
      if (session.isClosed || this.#next.has(media) || patience?.isOver === true) {
        this.#giveBack(pair);
        return this.#next.has(media);
      }
      session.listen(media, pair);
      this.#next.set(media, pair);
      return true;
    } catch (error) {
      onFault(error);
      if (pair) this.#giveBack(pair);
      return false;
    }
  }

  #entry(media: number): [number, LentPorts][] {
    const pair = this.#next.get(media);
    return pair ? [[media, pair]] : [];
  }

  #tell(outcome: QuestionOutcome, media: number): void {
    if (!this.#site.session.isClosed) this.#site.session.asked(outcome, media);
  }

  #release(local: TransportAddress): void {
    const isIt = (pair: LentPorts) => {
      const bound = datagramSocketOf(pair.rtp)?.local;
      return bound !== undefined && isSameAddress(bound, local);
    };
    for (const pairs of [this.#told, this.#next])
      for (const [media, pair] of pairs) {
        if (!isIt(pair)) continue;
        pairs.delete(media);
        if (pairs === this.#told) this.#isStale = true;
        this.#giveBack(pair);
      }
    for (const pair of this.#left)
      if (isIt(pair)) {
        this.#left.delete(pair);
        this.#giveBack(pair);
      }
    if (this.#isStale) void this.#run();
  }

  #releaseAll(): void {
    const pairs = [...this.#told.values(), ...this.#next.values(), ...this.#left];
    for (const held of [this.#told, this.#next, this.#left, this.#answering, this.#due]) held.clear();
    this.#rest?.end();
    for (const pair of pairs) this.#giveBack(pair);
  }

  #giveBack(pair: LentPorts): void {
    try {
      pair.release();
    } catch (error) {
      this.#site.onFault(error);
    }
  }
}

/** A time that passes, or is over before. */
class Patience {
  isOver = false;
  readonly over: Promise<void>;
  #end: () => void = () => undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.over = new Promise((resolve) => (this.#end = resolve));
    this.#timer = setTimeout(() => this.end(), ms);
    this.#timer.unref();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.isOver = true;
    this.#end();
  }
}
