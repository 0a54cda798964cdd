/**
 * The decorated session description handler: what goes out gets the latch attributes, what comes in is read for them and
 * handed on without, so that the handler below never sees a key. It writes no description itself.
 */
import type {
  BodyAndContentType,
  Session as SipSession,
  SessionDescriptionHandler,
  SessionDescriptionHandlerModifier,
  SessionDescriptionHandlerOptions,
} from 'sip.js';
import { LatchkeyError, stripLatch } from '../../lib/index.js';
import type { Latchkey, Session } from '../../lib/index.js';
import type { DescribedExchange } from '../../lib/sip/index.js';
import { peerOf } from './peer.js';
import type { PortOffers } from './port-offers.js';
import { Refusal, rejectInvitation } from './refusal.js';

type Modifiers = SessionDescriptionHandlerModifier[];

function isSdp(contentType: string): boolean {
  return /^application\/sdp\s*(;|$)/i.test(contentType.trim());
}

/** Made by the factories of this plugin; `session.sessionDescriptionHandler` is one. */
export class LatchSessionDescriptionHandler<
  H extends SessionDescriptionHandler = SessionDescriptionHandler,
> implements SessionDescriptionHandler {
  /** Whose offer waits for its answer. */
  #pending: 'none' | 'local' | 'remote' = 'none';
  /** Of the last offer of ours. */
  #offered: DescribedExchange | undefined;

  /** Made by the factories, not by hand. */
  constructor(
    /** The handler that is decorated. */
    readonly inner: H,
    /** The latch session of the call: bind or guard sockets with it. Closed with the call. */
    readonly latch: Session,
    private readonly session: SipSession,
    private readonly latchkey: Latchkey,
    private readonly portOffers?: PortOffers,
  ) {}

  close(): void {
    this.latch.close();
    this.inner.close();
  }

  /** The description to send, with our attributes in it. */
  async getDescription(
    options?: SessionDescriptionHandlerOptions,
    modifiers?: Modifiers,
  ): Promise<BodyAndContentType> {
    const type = this.#pending === 'remote' ? 'answer' : 'offer';
    try {
      const made = await this.inner.getDescription(options, modifiers);
      if (!isSdp(made.contentType)) return made;
      const body = this.latch.setLocal(this.#toWire(made.body, type), type);
      this.#await(type === 'offer' ? 'local' : 'none');
      if (type === 'answer') this.portOffers?.noteAnswered();
      return { ...made, body };
    } catch (error) {
      if (type === 'answer') await this.#fail(asRefusal(error));
      throw error;
    }
  }

  hasDescription(contentType: string): boolean {
    return this.inner.hasDescription(contentType);
  }

  /** The offer that is pending, of either side, failed: nothing changes (protocol.md 2). */
  async rollbackDescription(): Promise<void> {
    this.#rollback();
    await this.inner.rollbackDescription?.();
  }

  sendDtmf(tones: string, options?: unknown): boolean {
    return this.inner.sendDtmf(tones, options);
  }

  /** Reads the peer's description; one that is refused does not reach the handler below. */
  async setDescription(
    sdp: string,
    options?: SessionDescriptionHandlerOptions,
    modifiers?: Modifiers,
  ): Promise<void> {
    // A redirected re-INVITE of ours has failed without sip.js saying so: the peer's next offer tells.
    const state: string | undefined = this.session.dialog?.signalingState;
    if (this.#pending === 'local' && state === 'HaveRemoteOffer') await this.rollbackDescription();
    const isAnswer = this.#pending === 'local';
    try {
      const source = peerOf(this.session.userAgent.transport);
      if (source) this.latch.peer(source);
      // protocol.md 2: who has to fetch the key that an offer names waits with the answer.
      const kids = isAnswer ? [] : this.latchkey.missingKeys(sdp, this.latch);
      if (kids.length > 0) (await this.latchkey.fetchKeys(kids)).giveTo(this.latch);
      const verdict = this.latch.setRemote(sdp, isAnswer ? 'answer' : 'offer');
      if (!verdict.accepted) throw new Refusal(verdict.status, verdict.warning, verdict.warnCode);
      this.#await(isAnswer ? 'none' : 'remote');
      if (isAnswer) this.#offered?.onAgreed?.();
      else await this.portOffers?.prepareAnswer();
      await this.inner.setDescription(stripLatch(sdp), options, modifiers);
    } catch (error) {
      if (!isAnswer) await this.#fail(error);
      throw error;
    }
  }

  /** An offer of the peer's comes to nothing. */
  async #fail(error: unknown): Promise<void> {
    this.#rollback();
    if (error instanceof Refusal) await rejectInvitation(this.session, error);
  }

  #toWire(written: string, type: 'offer' | 'answer'): string {
    const exchange: DescribedExchange = { offer: type === 'answer' ? 'remote' : 'local' };
    if (type === 'offer') this.#offered = exchange;
    return this.portOffers?.toWire(written, exchange) ?? written;
  }

  #await(pending: 'none' | 'local' | 'remote'): void {
    this.#pending = pending;
    if (this.portOffers) this.portOffers.isChanging = pending !== 'none';
  }

  #rollback(): void {
    this.#await('none');
    if (!this.latch.isClosed) this.latch.rollback();
  }
}

/** An offer that cannot be answered as the handler below has it: our family of addresses is known only now. */
function asRefusal(error: unknown): unknown {
  const isOfOffer = error instanceof LatchkeyError && error.code === 'LATCHKEY_SDP';
  return isOfOffer ? new Refusal(488, error.message) : error;
}
