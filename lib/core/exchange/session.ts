// One call with one peer: the offer/answer exchange (RFC 3264) as far as latching needs it. Reads the peer's
// attributes, adds ours, applies the policy, and sets the transports to what was agreed. A failed exchange
// changes nothing.
import {
  encodeBase64url,
  parseSdp,
  spliceLatch,
  type Sdp,
  type SdpMedia,
  type SectionKey,
} from '../../wire/index.js';
import type { Component, ComponentContext } from '../path/component.js';
import type { CallPlace, Signalling } from '../call-place.js';
import type { Policy } from '../context.js';
import { addCounters, createCounters, type Counters } from '../counters.js';
import { chooseSuite, latchLines } from '../proof/credentials.js';
import { randomBytes } from '../crypto.js';
import { LatchkeyError } from '../errors.js';
import { ICE_SESSION_LINES, iceLines } from '../proof/ice-generation.js';
import { natBetween, type ComponentId } from '../events.js';
import {
  latchFault,
  offerLines,
  planExchange,
  transportSections,
  type Exchange,
  type Planned,
} from './negotiation.js';
import type { SessionOptions, SessionProtection, Role, StreamStatus, Verdict } from './session-types.js';
import { Transport } from './transport.js';

type SdpType = 'offer' | 'answer';
const ACCEPTED: Verdict = { accepted: true };

export class Session implements CallPlace {
  readonly id: string;
  readonly call: string;
  readonly role: Role;
  readonly policy: Policy;
  readonly signalling: Signalling;
  advertised: string | undefined;
  readonly #transports = new Map<number, Transport>();
  #state: 'stable' | 'have-local-offer' | 'have-remote-offer' | 'closed' = 'stable';
  /** The offer of the pending exchange or, for an answer that is repeated, of the last one. */
  #offer: { readonly sdp: Sdp; readonly isOurs: boolean } | undefined;
  /** Peer tags of the answers to our offer, shared with its forks: a tag known from another answer is malformed. */
  #answered = new Map<string, Session>();

  constructor(
    readonly options: SessionOptions,
    private readonly context: ComponentContext,
    private readonly onClose: () => void,
  ) {
    this.id = encodeBase64url(randomBytes(context.random, 9));
    this.call = options.call ?? this.id;
    this.signalling = options.signalling;
    this.role = options.role ?? 'verifier';
    this.policy = options.policy ?? context.options.policy;
  }

  /**
   * Reads the peer's description. A verdict that is not accepted changes nothing. `type` is inferred from the state where it is
   * not given; an answer may be repeated (a 183 and its 200).
   */
  setRemote(text: string, nowMs: number, type?: SdpType): Verdict {
    this.#begin(nowMs);
    const parsed = parseSdp(text);
    if (!parsed.ok) return this.#reject(400, parsed.error.message);
    const isAnswer = (type ?? (this.#state === 'have-local-offer' ? 'answer' : 'offer')) === 'answer';
    if (isAnswer) return this.#handleAnswer(parsed.value, nowMs);
    return this.#handleOffer(parsed.value);
  }

  /** Our own description, with our attributes in it. The same description in the same state gives the same text. */
  setLocal(text: string, nowMs: number, type?: SdpType): string {
    this.#begin(nowMs);
    const parsed = parseSdp(text);
    if (!parsed.ok) throw new LatchkeyError('LATCHKEY_SDP', parsed.error.message);
    const isAnswer = (type ?? (this.#state === 'have-remote-offer' ? 'answer' : 'offer')) === 'answer';
    return isAnswer ? this.#makeAnswer(parsed.value, nowMs) : this.#makeOffer(parsed.value);
  }

  /** The pending offer failed: everything is as before it (protocol.md 2). */
  rollback(): void {
    if (this.#state === 'closed' || this.#state === 'stable') return;
    if (this.#state === 'have-local-offer') {
      for (const transport of this.#transports.values()) transport.awaitAnswer(false);
    }
    this.#offer = undefined;
    this.#state = 'stable';
  }

  component(media: number, component: ComponentId): Component {
    return this.#transport(media).component(component);
  }

  /** For another answer to our pending offer, with its own peer tag, keys and paths (protocol.md 2). */
  fork(onClose: () => void): Session {
    if (!this.#offer?.isOurs) throw new LatchkeyError('LATCHKEY_STATE', 'only an offer of ours can fork');
    const fork = new Session(this.options, this.context, onClose);
    for (const [media, transport] of this.#transports) fork.#transports.set(media, transport.fork(fork));
    fork.#offer = this.#offer;
    fork.#answered = this.#answered;
    fork.#state = 'have-local-offer';
    return fork;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** What protects the call: that of its least protected stream. */
  get protection(): SessionProtection {
    if (this.#state === 'closed') return 'closed';
    const streams = this.streams.filter((stream) => stream.protection !== 'closed');
    const kinds = ['none', 'legacy', 'ice'] as const;
    const least = kinds.find((kind) => streams.some((stream) => stream.protection === kind));
    if (least) return least;
    if (streams.length === 0) return 'pending';
    return streams.every((stream) => stream.nat === 'none') ? 'direct' : 'latch';
  }

  get streams(): readonly StreamStatus[] {
    return this.#components().map((component) => {
      const {
        media,
        component: id,
        kind: protection,
        counters,
        signalled,
        mapping,
        serverSeenAs,
        provers: { seenAs, hasProven },
      } = component;
      return {
        media,
        component: id,
        protection,
        hasProven,
        counters,
        ...(signalled && { signalled }),
        ...(mapping && { mapping, nat: natBetween(signalled, mapping) }),
        ...(mapping && serverSeenAs && { serverSeenAs }),
        ...(seenAs && { seenAs }),
      };
    });
  }

  get counters(): Counters {
    return this.#components().reduce((sum, { counters }) => addCounters(sum, counters), createCounters());
  }

  /** Forgets keys, words and paths at once (protocol.md 5.10). */
  close(nowMs: number): void {
    if (this.#state === 'closed') return;
    this.context.nowMs = nowMs;
    addCounters(this.context.residue, this.counters);
    for (const transport of this.#transports.values()) transport.close(nowMs);
    this.#offer = undefined;
    this.#state = 'closed';
    this.onClose();
  }

  #makeOffer(sdp: Sdp): string {
    if (this.#state === 'have-remote-offer') {
      throw new LatchkeyError(
        'LATCHKEY_STATE',
        "the peer's offer is pending: answer it or roll it back first",
      );
    }
    const lines = new Map<SectionKey, readonly string[]>();
    for (const media of sdp.media) {
      if (media.port === 0) continue;
      const transport = this.#transport(media.index);
      lines.set(media.index, offerLines(transport, media, this.#rules(true), this.context.options));
      if (transport.ownIce) lines.set('session', ICE_SESSION_LINES);
      transport.awaitAnswer(true);
    }
    this.#offer = { sdp, isOurs: true };
    this.#answered = new Map<string, Session>();
    this.#state = 'have-local-offer';
    return spliceLatch(sdp, lines);
  }

  #makeAnswer(sdp: Sdp, nowMs: number): string {
    if (!this.#offer || this.#offer.isOurs) {
      throw new LatchkeyError('LATCHKEY_STATE', 'there is no offer of the peer to answer');
    }
    const plan = this.#plan(sdp, this.#offer.sdp, false);
    const lines = new Map<SectionKey, readonly string[]>();
    for (const { local, agreement, ice, hasRtcp } of plan) {
      if (agreement) {
        const { own, suite } = agreement;
        lines.set(local.index, latchLines(own, { suite }, this.context.options.keepaliveS));
      } else if (ice) {
        lines.set('session', ICE_SESSION_LINES);
        lines.set(local.index, iceLines(ice.own, local, hasRtcp));
      }
    }
    this.#carryOut(plan, sdp, nowMs);
    return spliceLatch(sdp, lines);
  }

  #handleAnswer(sdp: Sdp, nowMs: number): Verdict {
    if (!this.#offer?.isOurs) {
      throw new LatchkeyError('LATCHKEY_STATE', 'there is no offer of ours to be answered');
    }
    const plan = this.#plan(this.#offer.sdp, sdp, true);
    for (const { fault, agreement, remote } of plan) {
      const refusal = this.#judge(remote, fault, agreement !== undefined);
      if (refusal) return refusal;
    }
    for (const { agreement } of plan) if (agreement) this.#answered.set(agreement.peer.tag, this);
    this.#carryOut(plan, this.#offer.sdp, nowMs);
    return ACCEPTED;
  }

  #handleOffer(sdp: Sdp): Verdict {
    if (this.#state === 'have-local-offer') {
      throw new LatchkeyError('LATCHKEY_STATE', 'an offer came while ours is pending: roll ours back first');
    }
    for (const media of transportSections(sdp)) {
      const latch = this.#isSecure ? media.latch : undefined;
      const fault =
        latch && latchFault(this.#rules(false), this.context, this.#transport(media.index), latch);
      const isSupported =
        latch !== undefined && chooseSuite(latch, this.context.options.suites) !== undefined;
      const refusal = this.#judge(media, fault, isSupported);
      if (refusal) return refusal;
    }
    this.#offer = { sdp, isOurs: false };
    this.#state = 'have-remote-offer';
    return ACCEPTED;
  }

  #plan(local: Sdp, remote: Sdp, weOffered: boolean): readonly Planned[] {
    const exchange = { ...this.#rules(weOffered), local, remote };
    return planExchange(exchange, this.context, (media) => this.#transport(media));
  }

  #rules(weOffered: boolean): Omit<Exchange, 'local' | 'remote'> {
    return {
      weOffered,
      isSecure: this.#isSecure,
      isVerifier: this.role === 'verifier',
      isForeignTag: (tag) => (this.#answered.get(tag) ?? this) !== this,
    };
  }

  /** Malformed is an error, absence is the policy's to judge (protocol.md 2, 7). */
  #judge(media: SdpMedia, fault: string | undefined, isSupported: boolean): Verdict | undefined {
    if (fault !== undefined) return this.#reject(400, `${fault} (media ${media.index})`, media.index);
    if (isSupported || this.policy !== 'require') return undefined;
    if (this.#transports.get(media.index)?.suite) this.#emitDowngrade(media.index, 'rejected');
    const reason = this.#isSecure
      ? 'the peer offers no latch that we support'
      : 'the signalling is not encrypted';
    return this.#reject(488, `latch is required and ${reason} (media ${media.index})`, media.index);
  }

  #carryOut(plan: readonly Planned[], local: Sdp, nowMs: number): void {
    this.advertised = local.media.find((media) => media.address !== '')?.address;
    const used = new Set<Transport>();
    for (const { transport, agreement, ice, local: ours, remote, hasRtcp } of plan) {
      used.add(transport);
      if (agreement) {
        transport.latch(agreement, remote, hasRtcp, nowMs);
        continue;
      }
      const less = this.policy === 'legacy' ? 'legacy' : 'none';
      if (transport.suite) this.#emitDowngrade(transport.media, ice ? 'ice' : less);
      if (ice) transport.ice(ice, remote, hasRtcp, nowMs);
      else transport.unlatch(less, ours, remote, hasRtcp, nowMs);
    }
    for (const transport of this.#transports.values()) if (!used.has(transport)) transport.disable(nowMs);
    this.#state = 'stable';
  }

  #emitDowngrade(media: number, to: 'ice' | 'none' | 'legacy' | 'rejected'): void {
    const reason = 'the peer no longer offers latch';
    this.context.emit({ type: 'downgraded', ...this.#place(media), to, reason });
  }

  #reject(status: 400 | 488, warning: string, media = 0): Verdict {
    this.context.emit({ type: 'rejected', ...this.#place(media), status, warning });
    return { accepted: false, status, warning };
  }

  #place(media: number) {
    const rtp = this.#transports.get(media)?.get(1);
    return {
      session: this.id,
      call: this.call,
      media,
      component: 1 as const,
      ...(rtp?.port && { local: rtp.port.local }),
      ...(rtp?.signalled && { remote: rtp.signalled }),
    };
  }

  /** Without encryption on this hop no `a=latch` is sent or accepted (protocol.md 2). */
  get #isSecure(): boolean {
    return this.signalling !== 'clear' || this.context.options.allowInsecureSignalling;
  }

  #transport(media: number): Transport {
    let transport = this.#transports.get(media);
    if (!transport) this.#transports.set(media, (transport = new Transport(this, media, this.context)));
    return transport;
  }

  #components(): Component[] {
    return [...this.#transports.values()].flatMap((transport) => [...transport.components]);
  }

  #begin(nowMs: number): void {
    if (this.#state === 'closed') throw new LatchkeyError('LATCHKEY_CLOSED', 'the session is closed');
    this.context.nowMs = nowMs;
  }
}
