// Where a peer with SRTP is (protocol.md 8.2), for one component. Every packet is judged by the peer's key, those of the path in use as
// well: what is forged from its address is dropped. It keeps the path in use, those that were left, and candidates, and carries out
// what is decided in srtp-trial.ts (8.2.2, 8.2.3) and srtp-consent.ts (8.2.5).
import type { PacketClass, TransportAddress } from '../../wire/index.js';
import type { ProtectRefusal, SrtpRefusal } from '../../srtp/index.js';
import type { DropReason } from '../counters.js';
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import type { JudgedPacket, SrtpKeys } from '../proof/srtp-keys.js';
import { ADMISSIONS_PER_SECOND, MAX_CANDIDATES } from './candidate.js';
import { isHome } from './home.js';
import { announceMapping } from './mapping.js';
import { consentDueMs, decideSrtpConsent, type SrtpConsentState } from './srtp-consent.js';
import type { SrtpHost } from './srtp-host.js';
import { SentReports } from './sent-reports.js';
import { SrtpSource } from './srtp-source.js';
import {
  decideSrtpTrial,
  dueMs,
  isEven,
  precedes,
  silenceMs,
  type Claim,
  type SrtpTrialState,
} from './srtp-trial.js';
import { TrialHistory } from './trial.js';

/** After a switch, packets that were on their way over the old path are still taken for this long: protocol.md 5.5. */
const PREVIOUS_PATH_MS = 5000;
/**
 * And for this long what is late of a stream that the path in use has not sent yet makes no candidate of the one before: a phone that
 * moves has one of two streams there first.
 */
const LATE_MS = 200;
/** A copy comes soon after what it copies, or with it; a recording of longer ago says nothing of who has the media. */
const SAME_TIME_PACKETS = 64;
/** With this begins a compound of who sends media (RFC 3550 6.1). */
const SENDER_REPORT = 200;
/** Whoever copies each packet makes a conflict of each: told once a second. */
const CONFLICT_TOLD_MS = 1000;

/** As what a packet counts that is not authentic. */
export const SRTP_DROPS: { readonly [Refusal in SrtpRefusal]: DropReason } = {
  malformed: 'srtpTag',
  mki: 'srtpTag',
  tag: 'srtpTag',
  streams: 'srtpKey',
  expired: 'srtpKey',
};

export class SrtpPaths {
  #active: SrtpSource | undefined;
  #candidates: SrtpSource[] = [];
  /** The one before the path in use, and until when its packets are taken. */
  #previous: { readonly path: Path; readonly leftMs: number } | undefined;
  readonly #history = new TrialHistory();
  /** The address that was told last. */
  #told: TransportAddress | undefined;
  readonly #reports: SentReports;
  #admittedMs: number[] = [];
  /** What `openInUse` has found of a packet that it left to `handle`. */
  #judgedAhead: { readonly bytes: Uint8Array; readonly judged: JudgedPacket | SrtpRefusal } | undefined;
  #conflictToldMs = -Infinity;
  #answeredMs = -Infinity;
  #askToldMs = -Infinity;

  constructor(
    private readonly host: SrtpHost,
    private readonly keys: SrtpKeys,
  ) {
    this.#reports = new SentReports(host.owner.random);
  }

  /** There is a path in use. */
  get hasPath(): boolean {
    return this.#active !== undefined;
  }

  /** Whether the packet is the peer's, wherever it comes from; changes nothing. */
  isAuthentic(bytes: Uint8Array, kind: PacketClass, nowMs: number): boolean {
    const judged = this.keys.check(bytes, kind, nowMs);
    return typeof judged !== 'string' && !judged.tagged.isRepeated;
  }

  /**
   * RTP over the path in use while there is no other, as the application is to have it. Undefined: it is something else or not the peer's, and
   * nothing has changed: `handle` is to be given it, which does not look at its tag again.
   */
  openInUse(bytes: Uint8Array, nowMs: number): Uint8Array | undefined {
    const active = this.#active;
    if (!active || this.#candidates.length > 0) return undefined;
    const judged = this.keys.check(bytes, 'rtp', nowMs);
    if (typeof judged === 'string' || judged.tagged.isRepeated || !this.keys.accept(judged, nowMs)) {
      this.#judgedAhead = { bytes, judged };
      return undefined;
    }
    this.#noteAccepted(judged, bytes, 'rtp', active, nowMs);
    return judged.tagged.clear ?? bytes;
  }

  /** True where the packet goes to the application as it came, now. */
  handle(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): boolean {
    const ahead = this.#judgedAhead;
    this.#judgedAhead = undefined;
    const judged = ahead?.bytes === bytes ? ahead.judged : this.keys.check(bytes, kind, nowMs);
    if (typeof judged === 'string') return this.#drop(SRTP_DROPS[judged]);
    const active = this.#active;
    if (!active || !isSamePath(active, path)) return this.#handleElsewhere(judged, bytes, kind, path, nowMs);
    for (const candidate of this.#candidates) if (candidate.isMetBy(judged)) candidate.isOldHeard = true;
    const isAccepted = this.#accept(judged, bytes, kind, active, nowMs);
    if (this.#candidates.length > 0) this.#settleAll(nowMs);
    return isAccepted && this.#handOver(judged, kind, path);
  }

  /** Payload of the application goes to the path in use. False: it must not, yet (8.2.4). */
  handleSend(bytes: Uint8Array): boolean {
    if (this.#active?.takeBudget(bytes.length) !== true) return false;
    if (this.#candidates.length > 0) {
      const copy = new Uint8Array(bytes);
      for (const candidate of this.#candidates) candidate.keepSent(copy);
    }
    return true;
  }

  get isSealing(): boolean {
    return this.keys.isSealing;
  }

  seal(bytes: Uint8Array, kind: PacketClass): Uint8Array | ProtectRefusal {
    const active = this.#active;
    if (!active || kind !== 'rtcp') return this.keys.seal(bytes, kind);
    if (bytes[1] === SENDER_REPORT) {
      active.noteReportSent();
      if (active.isDoubted && !this.#reports.isReported(active))
        for (const rival of active.rivals) this.#ask(bytes, rival);
    }
    return this.keys.seal(this.#reports.shifted(bytes, active), kind);
  }

  /** Our report goes to another than the path in use too: its peer repeats it, who copies cannot (8.2.2, 8.2.4). */
  #ask(report: Uint8Array, rival: SrtpSource): void {
    const sealed = this.keys.seal(this.#reports.shifted(report, rival), 'rtcp');
    if (typeof sealed !== 'string' && rival.takeBudget(sealed.length))
      this.host.owner.transmit('resent', sealed, rival);
  }

  /** The signalling has told something of the peer. */
  handlePeerTold(): void {
    const { lastQuestion } = this.host.owner.session;
    // Any final answer but 408 and 481, a refusal too, comes from the peer.
    if (lastQuestion && lastQuestion.outcome !== 'unanswered')
      this.#answeredMs = Math.max(this.#answeredMs, lastQuestion.atMs);
    for (const source of [this.#active, ...this.#candidates]) if (source) this.#noteShown(source);
  }

  handlePortRemoved(port: LocalPort): void {
    for (const candidate of this.#candidates) if (candidate.port === port) this.#forget(candidate);
    if (this.#previous?.path.port === port) this.#previous = undefined;
    if (this.#active?.port !== port) return;
    this.#active = undefined;
    this.host.deactivate();
  }

  handleTimeout(nowMs: number): void {
    this.#settleAll(nowMs);
    const active = this.#active;
    if (!active) return;
    const decision = decideSrtpConsent(this.#consentOf(active), nowMs);
    if (decision === 'expire') return this.#expire(active);
    if (decision === 'wait') return;
    this.#askToldMs = nowMs;
    // RTCP alone need not ask once more.
    if (this.host.owner.component === 1) this.host.owner.emit({ type: 'silent' }, active);
  }

  get nextMs(): number {
    let nextMs = this.#active ? consentDueMs(this.#consentOf(this.#active)) : Infinity;
    for (const candidate of this.#candidates) nextMs = Math.min(nextMs, dueMs(this.#stateOf(candidate, 0)));
    return nextMs;
  }

  /** Forgets every path. */
  stop(): void {
    for (const candidate of this.#candidates) this.#forget(candidate);
    this.#active = this.#previous = undefined;
    this.#history.forgetPaths();
    this.host.deactivate();
  }

  #handleElsewhere(
    judged: JudgedPacket,
    bytes: Uint8Array,
    kind: PacketClass,
    path: Path,
    nowMs: number,
  ): boolean {
    const { tagged, receiver } = judged;
    const behind = receiver.highestOf(tagged.ssrc, tagged.kind) - tagged.index;
    const active = this.#active;
    const present = this.#candidates.find((candidate) => isSamePath(candidate, path));
    const isNew = !tagged.isRepeated;
    const isClaim = active ? behind < 0 && !this.#isLate(judged, active, path, nowMs) : isNew;
    // The same packet from a second address (8.2.2).
    const isCopy = active !== undefined && !isNew && behind < SAME_TIME_PACKETS && active.isMetBy(judged);
    if (!isClaim && !isCopy && !(present && isNew))
      return this.#handleOther(judged, bytes, kind, path, nowMs);
    const candidate = present ?? this.#admit(path, nowMs);
    if (!candidate) return this.#drop('candidateRefused');
    if (isClaim && !candidate.isNew) candidate.beginAnew(this.#rankMs(path, nowMs), nowMs);
    this.#noteReport(judged, candidate, nowMs);
    candidate.note(judged, nowMs);
    if (isNew) candidate.receivedBytes += bytes.length;
    const clear = tagged.clear ?? new Uint8Array(bytes);
    const isKept = isNew && candidate.keepArrived({ judged, bytes: clear, sizeBytes: bytes.length, kind });
    if (!isKept) this.host.owner.drop(isNew ? 'unverified' : 'srtpRepeated');
    this.#settleAll(nowMs);
    return false;
  }

  /** What makes no candidate: of the path before it is taken for a while (protocol.md 5.5), else nothing is. */
  #handleOther(
    judged: JudgedPacket,
    bytes: Uint8Array,
    kind: PacketClass,
    path: Path,
    nowMs: number,
  ): boolean {
    const previous = this.#previous;
    if (!previous || nowMs > previous.leftMs + PREVIOUS_PATH_MS || !isSamePath(previous.path, path))
      return this.#drop(judged.tagged.isRepeated ? 'srtpRepeated' : 'unverified');
    return this.#accept(judged, bytes, kind, undefined, nowMs) && this.#handOver(judged, kind, path);
  }

  #isLate({ stream }: JudgedPacket, active: SrtpSource, path: Path, nowMs: number): boolean {
    const previous = this.#previous;
    if (!previous || active.firsts.has(stream) || !isSamePath(previous.path, path)) return false;
    return nowMs <= previous.leftMs + LATE_MS;
  }

  /** Its number will not count again. */
  #accept(
    judged: JudgedPacket,
    bytes: Uint8Array,
    kind: PacketClass,
    active: SrtpSource | undefined,
    nowMs: number,
  ): boolean {
    if (judged.tagged.isRepeated || !this.keys.accept(judged, nowMs)) return this.#drop('srtpRepeated');
    if (active) this.#noteAccepted(judged, bytes, kind, active, nowMs);
    else this.host.noteTaken(bytes, kind, false);
    return true;
  }

  #noteAccepted(
    judged: JudgedPacket,
    bytes: Uint8Array,
    kind: PacketClass,
    active: SrtpSource,
    nowMs: number,
  ): void {
    this.host.noteTaken(bytes, kind, true);
    if (kind === 'rtcp') this.#noteReport(judged, active, nowMs);
    active.note(judged, nowMs);
    active.receivedBytes += bytes.length;
    this.keys.noteHeard(active.remote.address, nowMs);
  }

  #noteReport(
    { tagged: { kind, clear, isRepeated } }: JudgedPacket,
    source: SrtpSource,
    nowMs: number,
  ): void {
    if (kind !== 'rtcp' || !clear) return;
    this.#reports.handle(clear, source);
    if (this.#reports.isReported(source)) this.#noteReported(source.remote.address);
    this.#noteShown(source);
    if (!isRepeated) this.#active?.noteUnrepeated(nowMs);
  }

  /** What is shown is an IP address, to the whole call: RTCP on its own port shows it of RTP (8.2.4). */
  #noteReported(address: string): void {
    const { component, session } = this.host.owner;
    this.keys.noteReported(component, address);
    if (!session.isShown(address)) session.shown(address);
  }

  #handOver({ tagged }: JudgedPacket, kind: PacketClass, path: Path): boolean {
    if (!tagged.clear) return true;
    this.host.deliver(tagged.clear, kind, path);
    return false;
  }

  /** protocol.md 5.9: 8 at a time, and 20 a second. */
  #admit(path: Path, nowMs: number): SrtpSource | undefined {
    this.#admittedMs = this.#admittedMs.filter((atMs) => nowMs - atMs < 1000);
    const isFull = this.#candidates.length === MAX_CANDIDATES;
    const isTooSoon = this.#admittedMs.length === ADMISSIONS_PER_SECOND;
    // Who copies from many addresses must not keep out a peer that moves: one that is at home needs a place alone.
    const isAtHome = isHome(this.host.owner, path.remote.address);
    const displaced = isAtHome && isFull ? this.#foreigner : undefined;
    if (isFull ? !displaced : isTooSoon && !isAtHome) return undefined;
    if (displaced) this.#forget(displaced);
    if (!isAtHome) this.#admittedMs.push(nowMs);
    const isCautious = this.#history.isCautious(nowMs);
    const candidate = new SrtpSource(path, this.#rankMs(path, nowMs), nowMs, isCautious);
    this.#noteShown(candidate);
    this.#candidates.push(candidate);
    this.host.owner.emit({ type: 'candidate' }, path);
    return candidate;
  }

  /** A path that was left is the peer's since it first was; any other from now on. */
  #rankMs(path: Path, nowMs: number): number {
    return this.#history.rankOfLeft(path, nowMs) ?? nowMs;
  }

  /** One that is not at home, if there is one. */
  get #foreigner(): SrtpSource | undefined {
    return this.#candidates.find(({ remote }) => !isHome(this.host.owner, remote.address));
  }

  #settleAll(nowMs: number): void {
    for (const candidate of [...this.#candidates])
      if (this.#candidates.includes(candidate)) this.#settle(candidate, nowMs);
  }

  #settle(candidate: SrtpSource, nowMs: number): void {
    const state = this.#stateOf(candidate, nowMs);
    switch (decideSrtpTrial(state, nowMs)) {
      case 'wait':
        return;
      case 'forget':
        return this.#forget(candidate);
      case 'conflict':
        this.#noteConflict(candidate, nowMs);
        if (this.#active && isEven(this.#claimOf(candidate), this.#claimOf(this.#active)))
          this.#active.noteRival(candidate);
        return this.#forget(candidate);
      case 'return':
        this.#noteConflict(candidate, nowMs);
        return this.#activate(candidate, false, nowMs);
      case 'switch':
        if (state.old && state.rivals !== 'none') this.#noteConflict(candidate, nowMs);
        return this.#activate(candidate, true, nowMs);
    }
  }

  #stateOf(candidate: SrtpSource, nowMs: number): SrtpTrialState {
    const active = this.#active;
    const { isCounted, isNew, lastMs, firstMs, isCautious, isOldHeard: isHeard } = candidate;
    const claim = this.#claimOf(candidate);
    const old = active && {
      isHeard,
      isPreceded: precedes(claim, this.#claimOf(active)),
      packetTimeMs: active.packetTime.ms,
    };
    const waitMs = silenceMs(old?.packetTimeMs ?? 0);
    const rivals = this.#candidates.filter(
      (other) => other !== candidate && other.isCounted && other.isNew && nowMs - other.lastMs < waitMs,
    );
    const isBeaten = rivals.some((rival) => precedes(this.#claimOf(rival), claim));
    return {
      rivals: rivals.length === 0 ? 'none' : isBeaten ? 'better' : 'worse',
      ...{ isCounted, isNew, lastMs, firstMs, isCautious, old },
    };
  }

  #claimOf(source: SrtpSource): Claim {
    const { owner } = this.host;
    const { address } = source.remote;
    const isShown = this.#reports.isReported(source) || this.keys.isReportedBeside(owner.component, address);
    return { isShown, isHome: isHome(owner, address), rankMs: source.rankMs };
  }

  /** The media moves, and with it what was kept of both directions meanwhile. */
  #activate(candidate: SrtpSource, takesPrevious: boolean, nowMs: number): void {
    const old = this.#active;
    this.#candidates = this.#candidates.filter((other) => other !== candidate);
    for (const other of this.#candidates) if (candidate.hasMet(other)) other.isOldHeard = true;
    const isOldOurs = old !== undefined && this.host.holds(old);
    this.#active = candidate;
    this.host.activate(candidate);
    this.#previous = undefined;
    if (old) {
      this.#history.noteLeft(old, old.rankMs, nowMs);
      if (takesPrevious && isOldOurs) {
        this.#previous = { path: { port: old.port, remote: old.remote }, leftMs: nowMs };
        this.host.keep(old, nowMs + PREVIOUS_PATH_MS);
      }
    }
    this.#told = announceMapping(this.host.owner, candidate, { protection: 'srtp' }, this.#told);
    for (const bytes of candidate.takeSent())
      if (candidate.takeBudget(bytes.length)) this.host.owner.transmit('resent', bytes, candidate);
    this.keys.noteHeard(candidate.remote.address, candidate.lastMs);
    for (const { judged, bytes, kind } of candidate.takeArrived()) {
      if (!this.keys.accept(judged, nowMs)) this.host.owner.drop('srtpRepeated');
      else {
        this.host.noteTaken(bytes, kind, true);
        this.host.deliver(bytes, kind, candidate);
      }
    }
  }

  #noteConflict(path: Path, nowMs: number): void {
    this.#history.noteConflict(nowMs);
    if (nowMs - this.#conflictToldMs < CONFLICT_TOLD_MS) return;
    this.#conflictToldMs = nowMs;
    this.host.owner.emit({ type: 'conflict' }, path);
  }

  #forget(candidate: SrtpSource): void {
    this.#candidates = this.#candidates.filter((other) => other !== candidate);
    candidate.takeArrived().forEach(() => this.host.owner.drop('unverified'));
  }

  #noteShown(source: SrtpSource): void {
    source.isShown = this.host.owner.session.isShown(source.remote.address);
  }

  #consentOf({ lastMs, remote }: SrtpSource): SrtpConsentState {
    const { expectsMedia, isHeld, signalled, session } = this.host.owner;
    return {
      heardMs: Math.max(lastMs, this.keys.heardMs(remote.address)),
      mayBeSilent: !expectsMedia || isHeld || signalled === undefined,
      answeredMs: this.#answeredMs,
      isAsked: session.lastQuestion !== undefined,
      toldMs: this.#askToldMs,
    };
  }

  #expire(path: SrtpSource): void {
    this.#active = this.#previous = undefined;
    this.host.deactivate();
    this.host.owner.emit({ type: 'expired' }, path);
  }

  #drop(reason: DropReason): false {
    this.host.owner.drop(reason);
    return false;
  }
}
