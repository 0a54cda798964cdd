// A call whose agreements come out of SDP: the offer/answer exchange (RFC 3264) as far as latching needs it. Reads the peer's
// attributes, adds ours, applies the policy, and has the call carry out what was agreed. A failed exchange changes nothing.
import {
  connectionFault,
  ipRange,
  isDtlsSrtp,
  isSecureRtp,
  parseSdp,
  spliceLatch,
  type ConnectionFault,
  type Sdp,
  type SdpMedia,
  type SectionKey,
  type TransportAddress,
} from '../../wire/index.js';
import type { Agreement, OpenAgreement } from '../call/agreement.js';
import type { CallOptions, CallProtection, StreamStatus } from '../call/call-handle.js';
import type { EngineCall } from '../call/engine-call.js';
import type { PeerSource } from '../call/peer-facts.js';
import type { Policy, QuestionOutcome } from '../call-place.js';
import type { Context, Role } from '../context.js';
import type { Counters } from '../counters.js';
import { LatchkeyError } from '../errors.js';
import { FewMap } from '../few-map.js';
import type { ComponentId } from '../events.js';
import type { Component } from '../path/component.js';
import { ICE_SESSION_LINES } from '../proof/ice-generation.js';
import { keysFault, usableLines } from './crypto-lines.js';
import { Halves } from './halves.js';
import { KeptOffer } from './kept-offer.js';
import {
  answerLines,
  latchFault,
  latchOf,
  offerLines,
  planExchange,
  proofOf,
  transportSections,
  type OfferedProof,
  type Planned,
} from './negotiation.js';
import { NamedKeys } from './named-keys.js';
import { withoutOwnLines } from './own-lines.js';
import { refusedTarget } from './refused-target.js';
import type { RtcpSockets } from './rtcp-terms.js';
import type { Stance } from './stance.js';
import { refusedVerdict, type Verdict, type WarnCode } from './verdict.js';

type SdpType = 'offer' | 'answer';
const ACCEPTED: Verdict = { accepted: true };

/** A section of the peer's that is to have media, and ours of it where that is known. */
interface Wanted {
  readonly remote: SdpMedia;
  readonly local?: SdpMedia;
  /** Latch, ICE or SRTP finds the peer, wherever its description says that it is. */
  readonly isFound: boolean;
  /** Why it can have no media: it is SRTP, and there are no keys. */
  readonly keysFault?: string | undefined;
}

/** What is known of a peer whose media was agreed on without SDP: the more of it, the less can another be taken for it. */
export interface ExpectedPeer {
  /** Where it says that it sends from, and receives. */
  readonly address?: TransportAddress | undefined;
  /** The SSRC that it says it sends. */
  readonly ssrc?: number | undefined;
  /** Of its packets, 0 to 127; left out: any. */
  readonly payloadTypes?: readonly number[] | undefined;
}

const ALL_PAYLOAD_TYPES = Array.from({ length: 128 }, (_, type) => type);

/** Of a session whose agreements come out of SDP. */
export interface SdpSessionOptions extends CallOptions {
  /**
   * `terminate`: sections of RTP that a peer offers keys for, or ours are offered to, become SRTP with keys of our own: the application has
   * its packets in clear. Unset: keys are the application's, in its own descriptions, and packets pass as they are.
   */
  readonly srtp?: 'terminate' | undefined;
}

/** Made by `Engine.createSession`. */
export class SdpSession {
  readonly #call: EngineCall;
  readonly #halves = new FewMap<number, Halves>();
  #state: 'stable' | 'have-local-offer' | 'have-remote-offer' = 'stable';
  /** The offer of the pending exchange or, for an answer that is repeated, of the last one. */
  #offer: KeptOffer | undefined;
  /** Peer tags of the answers to our last offer, shared with its forks: a tag known from another answer is malformed. */
  #answered: Map<string, SdpSession> | undefined;
  /** Since a key was first named. */
  #namedKeys: NamedKeys | undefined;

  readonly #srtp: SdpSessionOptions['srtp'];
  readonly #openCall: (options: CallOptions) => EngineCall;
  readonly #context: Context;

  constructor(options: SdpSessionOptions, openCall: (options: CallOptions) => EngineCall, context: Context) {
    this.#srtp = options.srtp;
    this.#openCall = openCall;
    this.#context = context;
    this.#call = openCall(options);
  }

  get id(): string {
    return this.#call.id;
  }

  get call(): string {
    return this.#call.call;
  }

  get role(): Role {
    return this.#call.role;
  }

  get policy(): Policy {
    return this.#call.policy;
  }

  /** Offers of SRTP can be answered: we make keys, and they may travel on this hop (protocol.md 8.2). */
  get terminatesSrtp(): boolean {
    const { isSecure, hasSrtp } = this.#call;
    return this.#srtp === 'terminate' && isSecure && hasSrtp;
  }

  /** By what the section of the peer's pending offer can say where the peer is. Undefined: by nothing, or no offer of its is pending. */
  offeredProof(media: number): OfferedProof | undefined {
    const section = this.#state === 'have-remote-offer' ? this.#offer?.sdp.media[media] : undefined;
    return section && proofOf(this.#stance(false), section, this.#context);
  }

  get isClosed(): boolean {
    return this.#call.isClosed;
  }

  /** What protects the call: that of its least protected stream. */
  get protection(): CallProtection {
    return this.#call.protection;
  }

  get streams(): readonly StreamStatus[] {
    return this.#call.streams;
  }

  get counters(): Counters {
    return this.#call.counters;
  }

  /**
   * Reads the peer's description, whatever it is: a message without a body brings none. A verdict that is not accepted changes nothing. `type` is inferred from the state where it is
   * not given; an answer may be repeated (a 183 and its 200).
   */
  setRemote(text: unknown, nowMs: number, type?: SdpType): Verdict {
    this.#begin(nowMs);
    if (typeof text !== 'string' || text === '') return this.#reject(400, 'there is no session description');
    const parsed = parseSdp(text, this.#context.options.sdpLimits);
    if (!parsed.ok) return this.#reject(400, parsed.error.message);
    const isAnswer = (type ?? (this.#state === 'have-local-offer' ? 'answer' : 'offer')) === 'answer';
    if (isAnswer) return this.#handleAnswer(parsed.value, nowMs);
    return this.#handleOffer(parsed.value);
  }

  /**
   * Our own description, with our attributes in it. The same description in the same state gives the same text, and so does one that has our
   * lines in it already.
   */
  setLocal(text: string, nowMs: number, type?: SdpType): string {
    this.#begin(nowMs);
    if (typeof text !== 'string') throw new LatchkeyError('LATCHKEY_SDP', 'the description is no text');
    const bare = withoutOwnLines(text, this.#halves, this.#context.crypto);
    const parsed = parseSdp(bare, this.#context.options.sdpLimits);
    if (!parsed.ok) throw new LatchkeyError('LATCHKEY_SDP', parsed.error.message);
    const isAnswer = (type ?? (this.#state === 'have-remote-offer' ? 'answer' : 'offer')) === 'answer';
    return isAnswer ? this.#makeAnswer(parsed.value, nowMs) : this.#makeOffer(parsed.value);
  }

  /**
   * A key of 32 bytes that was had over HTTPS, which is copied. Offers of ours name it by `kid` from now on, and the peer may.
   * @throws LatchkeyError LATCHKEY_OPTION for what is no kid or no key
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  addKey(kid: string, key: Uint8Array): void {
    if (this.isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the session is closed');
    this.#keys.add(kid, key);
  }

  /**
   * A key of 32 bytes that was fetched because the peer's description names it, which is copied.
   * @throws LatchkeyError LATCHKEY_OPTION for what is no kid or no key
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  learnKey(kid: string, key: Uint8Array): void {
    if (this.isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the session is closed');
    this.#keys.learn(kid, key);
  }

  /** Whether the peer may name it: a key of this call, or one that the owner finds. */
  knowsKey(kid: string): boolean {
    return this.#keys.get(kid) !== undefined;
  }

  /** The pending offer failed: everything is as before it (protocol.md 2). */
  rollback(): void {
    if (this.isClosed || this.#state === 'stable') return;
    if (this.#state === 'have-local-offer') this.#call.endWait();
    this.#offer = undefined;
    this.#state = 'stable';
  }

  component(media: number, component: ComponentId): Component {
    return this.#call.component(media, component);
  }

  /** See `CallHandle.peer`: tell it before each description of the peer's is read. */
  peer(source: PeerSource): void {
    this.#call.peer(source);
  }

  /** See `CallHandle.confirm`. */
  confirm(nowMs?: number): void {
    this.#call.confirm(nowMs);
  }

  /**
   * The transports, by the index of their section, of which our answer to the peer's pending offer is to tell another port, where we have one:
   * the peer has moved, and who it is now is shown by its media going there (protocol.md 8.3.8).
   */
  get portsWanted(): readonly number[] {
    if (this.#state !== 'have-remote-offer' || !this.#offer) return [];
    return transportSections(this.#offer.sdp).flatMap((media) =>
      this.#call.wantsPort(media) ? [media.index] : [],
    );
  }

  /**
   * Instead of descriptions: what is known of the peer's packets (protocol.md 8.3).
   * @throws LatchkeyError LATCHKEY_OPTION under the policy `require`
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  expect({ address, ssrc, payloadTypes }: ExpectedPeer, media: number, nowMs: number): void {
    this.#begin(nowMs);
    const terms = {
      ...(address && { remote: address }),
      expectsMedia: true,
      ...this.#advertisedAt(media),
    };
    const agreement: Agreement =
      this.policy === 'blind'
        ? { kind: 'legacy', payloadTypes: payloadTypes ?? ALL_PAYLOAD_TYPES, ...terms }
        : { kind: 'evidence', payloadTypes, ...(ssrc !== undefined && { ssrcs: [ssrc] }), ...terms };
    this.#call.agree(media, agreement, nowMs);
  }

  #advertisedAt(media: number): { readonly advertised?: string } {
    const address = this.#call.component(media, 1).port?.local.address;
    return address === undefined ? {} : { advertised: address };
  }

  /** See `CallHandle.shown`. */
  shown(address: string): void {
    this.#call.shown(address);
  }

  /** See `CallHandle.asked`. */
  asked(outcome: QuestionOutcome, nowMs: number, media?: number): void {
    this.#call.asked(outcome, nowMs, media);
  }

  /** For another answer to our pending offer, with its own peer tag, keys and paths (protocol.md 2). */
  fork(): SdpSession {
    if (!this.#offer?.isOurs) throw new LatchkeyError('LATCHKEY_STATE', 'only an offer of ours can fork');
    // Another peer answers: nothing of what was told of this one holds for it.
    const { id, call, role, signalling, policy } = this.#call;
    const options = { call: call === id ? undefined : call, role, signalling, policy, srtp: this.#srtp };
    const fork = new SdpSession(options, this.#openCall, this.#context);
    for (const [media, halves] of this.#halves) {
      fork.#halves.set(media, halves.fork());
      fork.#call.awaitAnswer(media, halves.own?.tag);
      fork.#call.forkKeys(this.#call, media, halves.srtpKeys);
    }
    fork.#call.attachLike(this.#call, this.#context.nowMs);
    fork.#namedKeys = this.#namedKeys?.copy();
    fork.#offer = this.#offer;
    fork.#answered = this.#answered;
    fork.#state = 'have-local-offer';
    return fork;
  }

  /** Forgets keys, words and paths at once (protocol.md 5.10). */
  close(nowMs: number): void {
    if (this.isClosed) return;
    this.#call.close(nowMs);
    for (const halves of this.#halves.values()) halves.forget();
    this.#namedKeys?.forget();
    this.#offer = undefined;
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
      const halves = this.#halvesOf(media.index);
      const offered = offerLines(halves, media, this.#stance(true), this.#context);
      lines.set(media.index, offered.lines);
      halves.rtcp = offered.rtcp;
      if (halves.ownIce && !media.ice) lines.set('session', ICE_SESSION_LINES);
      this.#call.awaitAnswer(media.index, halves.own?.tag);
    }
    this.#offer = new KeptOffer(sdp, true);
    this.#answered = new Map<string, SdpSession>();
    this.#state = 'have-local-offer';
    return spliceLatch(sdp, lines);
  }

  #makeAnswer(sdp: Sdp, nowMs: number): string {
    if (!this.#offer || this.#offer.isOurs) {
      throw new LatchkeyError('LATCHKEY_STATE', 'there is no offer of the peer to answer');
    }
    const plan = this.#plan(sdp, this.#offer.sdp, false);
    const bare = plan.find(({ agreement }) => !this.#isProving(agreement));
    if (bare && this.policy === 'require') {
      // The peer's offer was judged by its groups; an answer that takes a section out of one leaves it without latch.
      const place = `media ${bare.local.index}`;
      throw new LatchkeyError(
        'LATCHKEY_SDP',
        `latch is required and the offer has neither it nor ICE or SRTP for ${place} alone: answer it in its group, or with port 0`,
      );
    }
    const unkeyed = plan.find((planned) => planned.keysFault !== undefined);
    if (unkeyed) {
      const { keysFault: text = '', local } = unkeyed;
      throw new LatchkeyError(
        'LATCHKEY_SDP',
        `${text}: answer it with port 0, or the offer with 488 (media ${local.index})`,
      );
    }
    const fault = this.#reachFault(plan.map(wantedOf));
    if (fault) throw new LatchkeyError('LATCHKEY_SDP', `the offer is to be answered with 488: ${fault.text}`);
    const lines = new Map<SectionKey, readonly string[]>();
    for (const planned of plan) {
      lines.set(planned.local.index, answerLines(planned, this.#context.options));
      this.#halvesOf(planned.local.index).rtcp = planned.rtcp;
      if (planned.agreement.kind === 'ice') lines.set('session', ICE_SESSION_LINES);
    }
    this.#carryOut(plan, nowMs);
    return spliceLatch(sdp, lines);
  }

  #handleAnswer(sdp: Sdp, nowMs: number): Verdict {
    if (!this.#offer?.isOurs) {
      throw new LatchkeyError('LATCHKEY_STATE', 'there is no offer of ours to be answered');
    }
    const plan = this.#plan(this.#offer.sdp, sdp, true);
    for (const { fault, keysFault: noKeys, agreement, remote } of plan) {
      const refusal =
        this.#judge(remote, fault, this.#isProving(agreement)) ??
        this.#judgeTarget(remote) ??
        this.#judgeKeys([{ remote, isFound: false, keysFault: noKeys }]);
      if (refusal) return refusal;
    }
    const unreachable = this.#judgeReach(plan.map(wantedOf));
    if (unreachable) return unreachable;
    for (const { agreement } of plan) {
      if (agreement.kind === 'latch') this.#answered?.set(agreement.peer.tag, this);
    }
    this.#carryOut(plan, nowMs);
    return ACCEPTED;
  }

  #handleOffer(sdp: Sdp): Verdict {
    if (this.#state === 'have-local-offer') {
      throw new LatchkeyError('LATCHKEY_STATE', 'an offer came while ours is pending: roll ours back first');
    }
    const wanted: Wanted[] = [];
    for (const media of transportSections(sdp)) {
      const stance = this.#stance(false);
      const latch = latchOf(stance, media);
      const fault = latch && latchFault(stance, this.#context, this.#halvesOf(media.index), latch);
      const proof = proofOf(stance, media, this.#context);
      const hasKeys = usableLines(stance, media).length > 0;
      const isSupported =
        proof === 'latch' || (stance.isVerifier && (hasKeys || (proof === 'ice' && stance.isSecure)));
      const refusal =
        this.#judge(media, fault, isSupported || isAlternative(stance, sdp, media)) ??
        this.#judgeTarget(media);
      if (refusal) return refusal;
      wanted.push({
        remote: media,
        isFound: proof !== undefined,
        keysFault: keysFault(stance, media, hasKeys),
      });
    }
    const unkeyed = this.#judgeKeys(wanted);
    if (unkeyed) return unkeyed;
    const unreachable = this.#judgeReach(wanted);
    if (unreachable) return unreachable;
    this.#offer = new KeptOffer(sdp, false);
    this.#state = 'have-remote-offer';
    return ACCEPTED;
  }

  get #keys(): NamedKeys {
    return (this.#namedKeys ??= new NamedKeys(this.#context.options.findKey));
  }

  #plan(local: Sdp, remote: Sdp, weOffered: boolean): readonly Planned[] {
    const descriptions = { local, remote };
    return planExchange(this.#stance(weOffered), descriptions, this.#context, (media) =>
      this.#halvesOf(media),
    );
  }

  #stance(weOffered: boolean): Stance {
    return {
      weOffered,
      isSecure: this.#call.isSecure,
      isVerifier: this.role === 'verifier',
      hasSrtp: this.#call.hasSrtp,
      terminatesSrtp: this.#srtp === 'terminate',
      policy: this.policy,
      offeredKid: this.#namedKeys?.offered,
      namedKey: (kid) => this.#keys.get(kid),
      isForeignTag: (tag) => (this.#answered?.get(tag) ?? this) !== this,
      rtcpSockets: (media) => this.#rtcpSockets(media),
      offeredRtcp: (media) => this.#halves.get(media)?.rtcp,
    };
  }

  #rtcpSockets(index: number): RtcpSockets {
    const own = this.#call.components.find(
      ({ media, component, isGuest }) => media === index && component === 2 && !isGuest,
    );
    return { boundPort: own?.port?.local.port, isMuxOurs: this.#halves.get(index)?.rtcp?.isMuxOurs === true };
  }

  /** Malformed is an error, absence is the policy's to judge (protocol.md 2, 7). */
  #judge(media: SdpMedia, fault: string | undefined, isSupported: boolean): Verdict | undefined {
    if (fault !== undefined) return this.#reject(400, `${fault} (media ${media.index})`, media.index);
    if (isSupported || this.policy !== 'require') return undefined;
    this.#call.tellRefusedDowngrade(media.index);
    const offered = isDtlsSrtp(media.protocol)
      ? 'the peer offers DTLS-SRTP, which is not served'
      : 'the peer offers neither it nor ICE or SRTP that we support';
    const isReadable = this.#call.isSecure || media.latch?.kid !== undefined;
    const reason = isReadable ? offered : 'the signalling is not encrypted';
    return this.#reject(488, `latch is required and ${reason} (media ${media.index})`, media.index);
  }

  /** What the policy `require` asks for (protocol.md 7). */
  #isProving({ kind }: OpenAgreement): boolean {
    return kind === 'latch' || kind === 'srtp' || (kind === 'ice' && this.#call.isSecure);
  }

  /** SRTP that nobody can decrypt is no media. Where some sections can have media, whoever answers leaves the others out. */
  #judgeKeys(wanted: readonly Wanted[]): Verdict | undefined {
    const [first] = wanted;
    if (!first || wanted.some((one) => one.keysFault === undefined)) return undefined;
    const { index } = first.remote;
    return this.#reject(488, `${first.keysFault} (media ${index})`, index);
  }

  /** Nobody's description aims our media at everybody, or at ourselves (protocol.md 5.7). */
  #judgeTarget(media: SdpMedia): Verdict | undefined {
    const refused = refusedTarget(media, this.#context.ownSockets);
    if (!refused) return undefined;
    return this.#reject(488, `${refused.text} (media ${media.index})`, media.index, refused.warnCode);
  }

  /**
   * A call in which no packet could ever go either way is none. Where some sections can be reached, whoever answers leaves the
   * others out.
   */
  #judgeReach(wanted: readonly Wanted[]): Verdict | undefined {
    const fault = this.#reachFault(wanted);
    return fault && this.#reject(fault.status, fault.text, fault.media, fault.warnCode);
  }

  /** What keeps media from the first section, where something keeps it from all. */
  #reachFault(wanted: readonly Wanted[]): (ConnectionFault & { readonly media: number }) | undefined {
    const faults = wanted.map(({ remote, local, isFound }) =>
      isFound && this.role === 'verifier'
        ? undefined
        : connectionFault(remote, this.#ownAddress(remote.index, local)),
    );
    const [first] = faults;
    if (!first || faults.includes(undefined)) return undefined;
    const media = wanted[0]?.remote.index ?? 0;
    return { ...first, text: `${first.text} (media ${media})`, media };
  }

  /** Where our media of a section leaves from: by its socket, else another's of the call or, before there is one, by our description. */
  #ownAddress(index: number, local: SdpMedia | undefined): string | undefined {
    const bound = this.#call.components.filter(({ port }) => port !== undefined);
    const { port } = bound.find(({ media }) => media === index) ?? bound[0] ?? {};
    const said = local && ipRange(local.address).range !== 'unspecified' ? local.address : undefined;
    return port?.local.address ?? said;
  }

  #carryOut(plan: readonly Planned[], nowMs: number): void {
    // All or nothing: what the call would not take is found before any of it is carried out.
    for (const { agreement } of plan) this.#call.check(agreement);
    for (const { agreement, remote } of plan) {
      this.#call.agree(remote.index, agreement, nowMs);
      this.#halvesOf(remote.index).note(agreement);
    }
    const used = new Set(plan.map(({ remote }) => remote.index));
    for (const [media, halves] of this.#halves) {
      if (used.has(media)) continue;
      this.#call.agree(media, { kind: 'closed' }, nowMs);
      halves.note({ kind: 'closed' });
    }
    this.#state = 'stable';
    this.#offer?.settle();
  }

  #reject(status: 400 | 488, warning: string, media = 0, warnCode?: WarnCode): Verdict {
    this.#context.emit({ type: 'rejected', ...this.#call.placeOf(media), status, warning });
    return refusedVerdict(status, warning, warnCode);
  }

  #halvesOf(media: number): Halves {
    let halves = this.#halves.get(media);
    if (!halves) this.#halves.set(media, (halves = new Halves()));
    return halves;
  }

  #begin(nowMs: number): void {
    if (this.isClosed) throw new LatchkeyError('LATCHKEY_CLOSED', 'the session is closed');
    this.#context.nowMs = nowMs;
  }
}

function wantedOf({ remote, local, agreement }: Planned): Wanted {
  const { kind } = agreement;
  return { remote, local, isFound: kind === 'latch' || kind === 'ice' || kind === 'srtp' };
}

/** A phone that would rather have SRTP, and takes less, offers its media twice (RFC 3264): who answers takes the one with the keys. */
function isAlternative(stance: Stance, { media }: Sdp, section: SdpMedia): boolean {
  const { kind, protocol } = section;
  const hasBetter = (other: SdpMedia): boolean =>
    !other.isRejected &&
    other.kind === kind &&
    isSecureRtp(other.protocol) &&
    usableLines(stance, other).length > 0;
  return !isSecureRtp(protocol) && media.some(hasBetter);
}
