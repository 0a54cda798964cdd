// Calls without SIP: one request opens one, its Location ends it, and so does a client that answers no challenge any more.
import { randomBytes } from 'node:crypto';
import type { Latchkey, Session } from '../../lib/index.js';
import type { Seat } from '../../lib/server/index.js';
import { Held, type HeldLimits } from './held.js';
import { Problem } from './problem.js';
import { offerOf, readSessionRequest, replyOf, type SessionReply } from './session-description.js';

/** What a room gives: `server.seat` of a distribution server, or your own. */
export type SessionSeat = Pick<Seat, 'isReadyFor' | 'lend' | 'answer' | 'release'>;

export interface SessionsOptions {
  readonly latchkey: Latchkey;
  /**
   * The place in this room for a session: `(room, session) => server.seat(room, session)`. Undefined: there is no such room for this
   * asker. The seat is released, and the session closed, when the call ends.
   */
  readonly join: (room: string, session: Session, asker: string) => SessionSeat | undefined;
  /** Milliseconds until a session ends at the latest. A day unless set. */
  readonly lifetimeMs?: number | undefined;
  /** Open ones in all: 1000 unless set. */
  readonly max?: number | undefined;
  /** Open ones of one asker: 20 unless set. */
  readonly maxPerAsker?: number | undefined;
}

interface OpenSession {
  readonly session: Session;
  readonly seat: SessionSeat;
  readonly tag: string;
  readonly timer: NodeJS.Timeout;
}

export interface Opened {
  readonly id: string;
  readonly reply: SessionReply & { readonly expires: string };
}

/** Hellos come for 60 s after the answer (docs/protocol.md, 6.1): who has proved nothing by then never will. */
const UNPROVEN_MS = 60_000;

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #held: Held<OpenSession>;
  /** The clients' tags: one that is in use is nobody else's (docs/protocol.md, section 2). */
  readonly #tags = new Set<string>();

  constructor(options: SessionsOptions, limits: HeldLimits, nowMs: () => number) {
    this.#options = options;
    this.#held = new Held(limits, (open) => this.#end(open), nowMs);
  }

  get size(): number {
    return this.#held.size;
  }

  owner(id: string): string | undefined {
    return this.#held.get(id)?.owner;
  }

  /** @throws Problem 400, 404, 429 */
  async open(body: unknown, asker: string, address: string | undefined): Promise<Opened> {
    const request = readSessionRequest(body);
    this.#held.checkRoom(asker);
    if (this.#tags.has(request.tag)) throw new Problem(400, '"tag" is in use');
    this.#tags.add(request.tag);
    const id = randomBytes(16).toString('base64url');
    const session = this.#options.latchkey.createSession({
      signalling: 'encrypted',
      policy: 'require',
      call: id,
      // The other end of the TLS connection; behind a proxy the one that it names.
      peer: address === undefined ? { transport: 'proxy' } : { address, transport: 'tls' },
    });
    let seat: SessionSeat | undefined;
    try {
      seat = this.#options.join(request.room, session, asker);
      if (!seat) throw new Problem(404, 'there is no such room');
      const reply = await this.#negotiate(session, seat, offerOf(request));
      this.#held.checkRoom(asker);
      const timer = this.#watch(id, session);
      const expiresMs = this.#held.add(id, asker, { session, seat, tag: request.tag, timer });
      session.confirm();
      return { id, reply: { ...reply, expires: new Date(expiresMs).toISOString() } };
    } catch (error) {
      this.#release(session, seat, request.tag);
      throw error;
    }
  }

  end(id: string): boolean {
    return this.#held.remove(id);
  }

  close(): void {
    this.#held.clear();
  }

  async #negotiate(session: Session, seat: SessionSeat, offer: string): Promise<SessionReply> {
    const verdict = session.setRemote(offer);
    if (!verdict.accepted) throw new Problem(400, verdict.warning);
    if (!seat.isReadyFor(offer)) await seat.lend(offer);
    const answered = seat.answer(offer);
    if (!answered.ok) {
      const { reason, warning } = answered;
      if (reason === 'full' || reason === 'ports') throw new Problem(429, warning, { 'Retry-After': '60' });
      throw new Problem(400, warning);
    }
    return replyOf(session.setLocal(answered.sdp));
  }

  /** Ends it when nobody has proved himself in time, and when its last path has expired. */
  #watch(id: string, session: Session): NodeJS.Timeout {
    const endIfSilent = (): void => {
      if (!session.streams.some(({ mapping }) => mapping)) this.end(id);
    };
    session.on('expired', endIfSilent);
    return setTimeout(endIfSilent, UNPROVEN_MS).unref();
  }

  #end({ session, seat, tag, timer }: OpenSession): void {
    clearTimeout(timer);
    this.#release(session, seat, tag);
  }

  #release(session: Session, seat: SessionSeat | undefined, tag: string): void {
    session.close();
    seat?.release();
    this.#tags.delete(tag);
  }
}
