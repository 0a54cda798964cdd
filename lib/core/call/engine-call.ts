// One call with one peer, as it runs: its components, what protects each, what they count, and what the signalling tells of
// the peer. It takes agreements and carries them out; it reads no SDP and answers nobody.
import { encodeBase64url, type SdpMedia } from '../../wire/index.js';
import type { Policy, AskedQuestion, PeerTransport, QuestionOutcome, Signalling } from '../call-place.js';
import type { Role } from '../context.js';
import { addCounters, createCounters, type Counters } from '../counters.js';
import { randomBytes } from '../crypto.js';
import { LatchkeyError } from '../errors.js';
import { FewMap } from '../few-map.js';
import { ownText } from '../own-text.js';
import { natBetween, type ComponentId, type DowngradedTo } from '../events.js';
import type { Component, ComponentContext } from '../path/component.js';
import type { SrtpKey } from '../proof/srtp-terms.js';
import type { Agreement } from './agreement.js';
import { checkAgreement } from './agreement-check.js';
import { bestOf, lostBetween, standingOf, type Lost } from './downgrade.js';
import type { CallHandle, CallOptions, CallProtection, StreamStatus } from './call-handle.js';
import { CallQuestions } from '../question-budget.js';
import { PeerFacts, type PeerSource } from './peer-facts.js';
import { Transport } from './transport.js';

/** Made by `Engine.openCall`. */
export class EngineCall implements CallHandle {
  readonly id: string;
  readonly call: string;
  readonly role: Role;
  readonly signalling: Signalling;
  readonly policy: Policy;
  advertised: string | undefined;
  readonly #transports = new FewMap<number, Transport>();
  /** Since something was told. */
  #peer: PeerFacts | undefined;
  #questions: CallQuestions | undefined;
  #isClosed = false;
  #hasToldUnprotected = false;

  readonly #context: ComponentContext;
  readonly #open: Set<EngineCall>;

  /**
   * Throws LATCHKEY_OPTION.
   *
   * @param open Those that are open: it leaves them when it closes.
   */
  constructor(options: CallOptions, context: ComponentContext, open: Set<EngineCall>) {
    this.#context = context;
    this.#open = open;
    this.id = encodeBase64url(randomBytes(context.random, 9));
    this.call = options.call ?? this.id;
    this.role = options.role ?? 'verifier';
    this.signalling = options.signalling;
    this.policy = options.policy ?? context.options.policy;
    if (options.peer) this.#told.noteSource(options.peer);
  }

  get questions(): CallQuestions {
    return (this.#questions ??= new CallQuestions(this.#context.questions));
  }

  component(media: number, component: ComponentId): Component {
    return this.#transport(media).component(component);
  }

  /** Without encryption on this hop no secret of latch is sent or accepted (protocol.md 2). */
  get isSecure(): boolean {
    return this.signalling !== 'clear' || this.#context.options.allowInsecureSignalling;
  }

  /** The engine has the ciphers of SRTP. */
  get hasSrtp(): boolean {
    return this.#context.srtpCrypto !== undefined;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get protection(): CallProtection {
    if (this.#isClosed) return 'closed';
    const streams = this.streams.filter((stream) => stream.protection !== 'closed');
    const kinds = ['none', 'legacy', 'evidence', 'srtp', 'ice'] as const;
    const least = kinds.find((kind) => streams.some((stream) => stream.protection === kind));
    if (least) return least;
    if (streams.length === 0) return 'pending';
    return streams.every((stream) => stream.nat === 'none') ? 'direct' : 'latch';
  }

  get streams(): readonly StreamStatus[] {
    return this.components.map((component) => {
      const {
        media,
        component: id,
        kind: protection,
        counters,
        signalled,
        mapping,
        serverSeenAs,
      } = component;
      const { seenAs, hasProven = false } = component.provers ?? {};
      return {
        ...{ media, component: id, protection, hasProven, counters },
        ...(signalled && { signalled }),
        ...(mapping && { mapping, nat: natBetween(signalled, mapping) }),
        ...(mapping && serverSeenAs && { serverSeenAs }),
        ...(seenAs && { seenAs }),
      };
    });
  }

  get components(): readonly Component[] {
    const transports = [...this.#transports.values()].sort((a, b) => a.media - b.media);
    return transports.flatMap((transport) => [...transport.components]);
  }

  get counters(): Counters {
    return this.components.reduce((sum, { counters }) => addCounters(sum, counters), createCounters());
  }

  get peerAddress(): string | undefined {
    return this.#peer?.address;
  }

  get peerTransport(): PeerTransport | undefined {
    return this.#peer?.transport;
  }

  get isConfirmed(): boolean {
    return this.#peer?.isConfirmed === true;
  }

  get lastQuestion(): AskedQuestion | undefined {
    return this.#peer?.lastQuestion;
  }

  isShown(address: string): boolean {
    return this.#peer?.isShown(address) === true || this.isOwnersHome(address);
  }

  isOwnersHome(address: string): boolean {
    return this.#context.options.isHome(address);
  }

  peer(source: PeerSource): void {
    this.#checkOpen();
    this.#told.noteSource(source);
    this.#tellComponents();
  }

  confirm(nowMs = this.#context.nowMs): void {
    this.#checkOpen();
    this.#context.nowMs = nowMs;
    const isFirst = !this.isConfirmed;
    this.#told.isConfirmed = true;
    if (isFirst) for (const component of this.components) component.handleConfirmed(nowMs);
    this.#tellComponents();
  }

  shown(address: string): void {
    this.#checkOpen();
    this.#told.noteShown(address);
    this.#tellComponents();
  }

  asked(outcome: QuestionOutcome, nowMs: number, media?: number): void {
    this.#checkOpen();
    this.#context.nowMs = nowMs;
    this.#told.noteQuestion(outcome, nowMs);
    if (media !== undefined) this.#transports.get(media)?.get(1)?.handlePortAsked(outcome, nowMs);
    this.#tellComponents();
  }

  awaitAnswer(media: number, ownTag: string | undefined): void {
    this.#checkOpen();
    this.#transport(media).awaitAnswer(ownTag);
  }

  endWait(): void {
    for (const transport of this.#transports.values()) transport.endWait();
  }

  /** Puts the components that this call has in common with another behind the same ports: it is a fork of it. */
  attachLike(other: EngineCall, nowMs: number): void {
    for (const { media, component, ports, isGuest } of other.components) {
      if (isGuest) continue;
      for (const port of ports) this.component(media, component).addPort(port, nowMs);
    }
  }

  /** Of a fork of `other`: both have offered these keys of ours, and what either sends under them counts for both. */
  forkKeys(other: EngineCall, media: number, offered: readonly SrtpKey[]): void {
    this.#transport(media).forkFrom(other.#transport(media), offered);
  }

  /** Whether `agree` would take it; changes nothing. Throws LATCHKEY_OPTION, LATCHKEY_CLOSED. */
  check(agreement: Agreement): void {
    this.#checkOpen();
    checkAgreement(agreement, this);
  }

  /** For the engine, which see. */
  agree(media: number, agreement: Agreement, nowMs: number): void {
    this.check(agreement);
    const transport = agreement.kind === 'closed' ? this.#transports.get(media) : this.#transport(media);
    if (!transport) return;
    if (agreement.kind !== 'closed') {
      this.advertised = agreement.advertised && ownText(agreement.advertised);
      // protocol.md P10: nobody goes on with less in silence.
      const lost = transport.standing && lostBetween(transport.standing, standingOf(agreement));
      if (lost) this.#emitDowngrade(media, agreement.kind, lost);
    }
    transport.carryOut(agreement, nowMs);
    if (agreement.kind === 'none' || agreement.kind === 'evidence') this.#tellUnprotected(media);
  }

  /** Our answer to this section should tell another port of ours (protocol.md 8.3.8). */
  wantsPort({ index, address, port }: Pick<SdpMedia, 'index' | 'address' | 'port'>): boolean {
    return this.#transports.get(index)?.get(1)?.wantsPort({ address, port }) === true;
  }

  /** Where events of a transport as a whole are: at its first component. */
  placeOf(media: number) {
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

  /** A description that asks for less is not taken: what was agreed on before stands. */
  tellRefusedDowngrade(media: number): void {
    const standing = this.#transports.get(media)?.standing;
    const lost = standing && bestOf(standing);
    if (lost) this.#emitDowngrade(media, 'rejected', lost);
  }

  close(nowMs: number): void {
    if (this.#isClosed) return;
    this.#context.nowMs = nowMs;
    addCounters(this.#context.residue, this.counters);
    for (const transport of this.#transports.values()) transport.close(nowMs);
    this.#isClosed = true;
    this.#open.delete(this);
  }

  get #told(): PeerFacts {
    return (this.#peer ??= new PeerFacts());
  }

  #emitDowngrade(media: number, to: DowngradedTo, lost: Lost): void {
    const reason = `the peer no longer offers ${lost}`;
    this.#context.emit({ type: 'downgraded', ...this.placeOf(media), to, reason });
  }

  #tellComponents(): void {
    for (const component of this.components) component.handlePeerTold();
  }

  #tellUnprotected(media: number): void {
    if (this.#hasToldUnprotected) return;
    this.#hasToldUnprotected = true;
    this.#context.emit({ type: 'unprotected', ...this.placeOf(media) });
  }

  #transport(media: number): Transport {
    let transport = this.#transports.get(media);
    if (!transport) this.#transports.set(media, (transport = new Transport(this, media, this.#context)));
    return transport;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the session is closed');
  }
}
