// The prover of one component, usually the client behind a NAT: protocol.md 6. It says hello, answers challenges that come from
// the address to which its media goes and no others, keeps the NAT's mapping open, and notices when that may have changed.
// It knows no sockets.
import {
  encodeHello,
  encodeKeepalive,
  encodeResponse,
  isLatchIntegrityValid,
  isSameAddress,
  isSameBytes,
  type LatchMessage,
  type TransportAddress,
} from '../../wire/index.js';
import type { DropReason } from '../counters.js';
import { randomBytes, type Crypto, type Random } from '../crypto.js';
import type { CallPlace } from '../call-place.js';
import type { ComponentId, MappingView } from '../events.js';
import type { Generation } from '../proof/generation.js';
import { proveUnder } from '../proof/keys.js';
import {
  NamedTargets,
  TARGET_WAIT_MS,
  type TargetBounds,
  type UnprovenTarget,
} from '../route/target-bounds.js';
import type { LocalPort, Path } from '../network-path.js';

/** When hellos go out until a valid challenge has come, from the start of a generation: protocol.md 6.1. */
const HELLO_SERIES_MS: readonly number[] = [0, 50, 150, 350, 750, 1550, 3150];
const HELLO_INTERVAL_MS = 3000;
/** For so long after the last offer or answer, where no challenge has ever verified: protocol.md 6.1. */
const HELLOS_UNANSWERED_MS = 60_000;
/** A fresh hello goes out when nothing has arrived for so long, with media expected and without: protocol.md 6.4. */
const SILENCE_MS = 1000;
const IDLE_MS = 7000;
const FRESH_HELLO_SPACING_MS = 1000;
/** Hellos whose welcome still counts; older ones are forgotten, so memory stays constant. */
const MAX_OUTSTANDING = 8;

/** What a prover is told of its own path. */
export type ProverEvent =
  { readonly type: 'unanswered' | 'lost' | 'expired' } | ({ readonly type: 'verified' } & MappingView);

export interface ProverHost {
  readonly component: ComponentId;
  readonly session: CallPlace;
  readonly crypto: Crypto;
  readonly random: Random;
  /** The socket that this component sends its media from, and where to: the only address that is helloed and answered. */
  readonly port: LocalPort | undefined;
  readonly destination: TransportAddress | undefined;
  readonly targetBounds: TargetBounds;
  /** We verify the peer too, and it has not proved itself yet: rule 5.7 bounds our hellos, so that nobody aims them. */
  readonly isBounded: boolean;
  /** An address that the peer has named, as a target; undefined where nothing may go there unasked (protocol.md 5.7). */
  unprovenTarget(remote: TransportAddress): UnprovenTarget | undefined;
  /** When the last offer or answer was carried out. */
  readonly agreedMs: number;
  /** The peer's SDP says that it sends media on this component. */
  readonly expectsMedia: boolean;
  /** When anything last went out to the peer, and when anything last arrived from its media address. */
  readonly lastSentMs: number;
  lastArrivedMs: number;
  transmit(kind: 'hellos' | 'responses' | 'keepalives', bytes: Uint8Array, path: Path): void;
  /** A welcome to the transaction comes to this component from now on, if it comes to this socket. */
  expect(transaction: Uint8Array, port: LocalPort): void;
  forget(transaction: Uint8Array, port: LocalPort): void;
  drop(reason: DropReason): void;
  /** Tells of the path. */
  emit(event: ProverEvent, path: Path): void;
}

type ChallengeMessage = Extract<LatchMessage, { kind: 'challenge' }>;
type WelcomeMessage = Extract<LatchMessage, { kind: 'welcome' }>;

export class Prover {
  /** A challenge of this generation has been answered: the generation before may be forgotten (protocol.md 5.10). */
  isChallenged = false;
  /** From where a welcome came: enough, on a path verified under the generation before (protocol.md 6.1). */
  #welcomedFrom: TransportAddress | undefined;
  /** Where the verifier sees us, by its last welcome, and how long that took. */
  mapped: TransportAddress | undefined;
  rttMs = 0;
  #counter = 0;
  #seriesStartMs: number;
  #seriesSent = 0;
  lastHelloMs = -Infinity;
  #wantsHello = false;
  /** The path in use answered challenges of the generation before. */
  #isPathVerified: boolean;
  /** What 5.7 lets go to addresses that the peer has only named, and until when its bounds hold the next back. */
  readonly #named = new NamedTargets();
  #heldUntilMs = -Infinity;
  #outstanding: { readonly transaction: Uint8Array; readonly port: LocalPort; readonly sentMs: number }[] =
    [];
  readonly #sdpProof: Uint8Array;

  constructor(
    private readonly host: ProverHost,
    readonly generation: Generation,
    word: Uint8Array,
    /** A challenge of the peer's was answered under a generation before. */
    private readonly wasChallengedBefore: boolean,
    nowMs: number,
  ) {
    const proof = this.#proofOver(word);
    // A copy: it is kept as long as the keys are.
    this.#sdpProof = new Uint8Array(proof);
    proof.fill(0);
    this.#seriesStartMs = nowMs;
    this.#isPathVerified = wasChallengedBefore;
  }

  /** A challenge has verified, in this generation or before: then hellos go on and on (protocol.md 6.1). */
  get wasChallenged(): boolean {
    return this.isChallenged || this.wasChallengedBefore;
  }

  /** Answers a challenge that verifies and comes from where the media goes; anything else is dropped (protocol.md 6.2). True where it did. */
  handleChallenge(message: ChallengeMessage, path: Path, nowMs: number): boolean {
    const { destination } = this.host;
    if (!destination || !isSameAddress(destination, path.remote)) return this.#refuse('wrongSource');
    if (!this.#hasIntegrity(message)) return this.#refuse('integrity');
    this.isChallenged = true;
    this.host.lastArrivedMs = Math.floor(nowMs);
    const proof = this.#proofOver(message.word);
    const spec = { mapped: path.remote, proof, transaction: message.transaction };
    this.host.transmit('responses', encodeResponse(spec, ...this.#integrity()), path);
    return true;
  }

  #refuse(reason: DropReason): false {
    this.host.drop(reason);
    return false;
  }

  /** True where it did. A welcome counts only for an outstanding hello; one that shows another mapping asks for a fresh hello (protocol.md 6.4). */
  handleWelcome(message: WelcomeMessage, { remote }: Path, nowMs: number): boolean {
    const { destination } = this.host;
    const index = this.#outstanding.findIndex((one) => isSameBytes(one.transaction, message.transaction));
    const hello = this.#outstanding[index];
    if (!hello) return this.#refuse('staleTransaction');
    if (!destination || !isSameAddress(destination, remote)) return this.#refuse('wrongSource');
    if (!this.#hasIntegrity(message)) return this.#refuse('integrity');
    this.#outstanding.splice(index, 1);
    this.host.forget(hello.transaction, hello.port);
    this.#welcomedFrom = remote;
    this.host.lastArrivedMs = Math.floor(nowMs);
    if (this.mapped && !isSameAddress(this.mapped, message.mapped)) this.#wantsHello = true;
    this.mapped = message.mapped;
    this.rttMs = nowMs - hello.sentMs;
    return true;
  }

  /** The local address changed: what was outstanding belongs to the path that was left (protocol.md 6.4). */
  handleLocalChange(nowMs: number): void {
    this.#forgetOutstanding();
    this.#isPathVerified = false;
    this.#wantsHello = true;
    this.lastHelloMs = -Infinity;
    this.handleTimeout(nowMs);
  }

  handleTimeout(nowMs: number): void {
    const { port, destination: remote } = this.host;
    if (!port || !remote) return;
    if (nowMs >= this.#helloMs(remote)) {
      if (this.#takeHello(remote, nowMs)) this.#sendHello({ port, remote }, nowMs);
    } else if (nowMs >= this.#keepaliveMs(remote)) this.#sendKeepalive({ port, remote });
  }

  /** When handleTimeout wants to be called next. */
  get nextMs(): number {
    const { destination } = this.host;
    return destination ? Math.min(this.#helloMs(destination), this.#keepaliveMs(destination)) : Infinity;
  }

  /** A socket is gone: no welcome comes to it any more. */
  handlePortRemoved(port: LocalPort): void {
    const isAtPort = (one: { readonly port: LocalPort }): boolean => one.port === port;
    for (const { transaction } of this.#outstanding.filter(isAtPort)) this.host.forget(transaction, port);
    this.#outstanding = this.#outstanding.filter((one) => !isAtPort(one));
  }

  stop(): void {
    this.#forgetOutstanding();
    this.#sdpProof.fill(0);
  }

  get #isInSeries(): boolean {
    return !this.isChallenged && !(this.#isPathVerified && this.#welcomedFrom);
  }

  #helloMs(destination: TransportAddress): number {
    if (this.#isBounded(destination)) return this.#boundedHelloMs(destination);
    if (this.#isInSeries) return this.#seriesMs();
    const spacedMs = this.lastHelloMs + FRESH_HELLO_SPACING_MS;
    if (this.#wantsHello) return spacedMs;
    const silenceMs = this.host.expectsMedia ? SILENCE_MS : IDLE_MS;
    return Math.max(this.host.lastArrivedMs + silenceMs, spacedMs);
  }

  #seriesMs(): number {
    const offsetMs = HELLO_SERIES_MS[this.#seriesSent];
    if (offsetMs !== undefined) return this.#seriesStartMs + offsetMs;
    const dueMs = this.lastHelloMs + HELLO_INTERVAL_MS;
    return dueMs <= this.host.agreedMs + HELLOS_UNANSWERED_MS || this.wasChallenged ? dueMs : Infinity;
  }

  /** Nothing has shown that the peer is at this address, and it may not even have asked for hellos: protocol.md 5.7, 6.1. */
  #isBounded(destination: TransportAddress): boolean {
    const isWelcomed = this.#welcomedFrom && isSameAddress(this.#welcomedFrom, destination);
    return this.host.isBounded && !isWelcomed;
  }

  #boundedHelloMs(destination: TransportAddress): number {
    if (!this.host.unprovenTarget(destination)) return Infinity;
    const dueMs = Math.max(this.#named.dueMs(destination), this.#heldUntilMs);
    return dueMs <= this.host.agreedMs + TARGET_WAIT_MS ? dueMs : Infinity;
  }

  #takeHello(destination: TransportAddress, nowMs: number): boolean {
    if (!this.#isBounded(destination)) return true;
    const target = this.host.unprovenTarget(destination);
    if (!target) return false;
    const isTaken = this.host.targetBounds.take(target, nowMs);
    if (isTaken) this.#named.note(destination, nowMs);
    this.#heldUntilMs = isTaken ? -Infinity : this.host.targetBounds.retryMs(target, nowMs);
    return isTaken;
  }

  #keepaliveMs(destination: TransportAddress): number {
    if (this.#isBounded(destination)) return Infinity;
    return this.host.lastSentMs + this.generation.keepaliveS * 1000;
  }

  #sendHello(path: Path, nowMs: number): void {
    if (this.#isInSeries) this.#skipMissed(nowMs);
    this.lastHelloMs = nowMs;
    this.#wantsHello = false;
    const transaction = this.#nextTransaction();
    this.#outstanding.push({ transaction, port: path.port, sentMs: nowMs });
    this.host.expect(transaction, path.port);
    const oldest = this.#outstanding.length > MAX_OUTSTANDING ? this.#outstanding.shift() : undefined;
    if (oldest) this.host.forget(oldest.transaction, oldest.port);
    const spec = { proof: this.#sdpProof, transaction, ...this.#names() };
    this.host.transmit('hellos', encodeHello(spec, ...this.#integrity()), path);
  }

  #skipMissed(nowMs: number): void {
    do this.#seriesSent++;
    while (this.#seriesStartMs + (HELLO_SERIES_MS[this.#seriesSent] ?? Infinity) <= nowMs);
  }

  #sendKeepalive(path: Path): void {
    const spec = { transaction: this.#nextTransaction(), ...this.#names() };
    this.host.transmit('keepalives', encodeKeepalive(spec, ...this.#integrity()), path);
  }

  #names(): { recipient: string; sender: string } {
    return { recipient: this.generation.peerTag, sender: this.generation.ownTag };
  }

  /** A counter that never repeats in a generation, and 8 random bytes (protocol.md 4). */
  #nextTransaction(): Uint8Array {
    const transaction = randomBytes(this.host.random, 12);
    new DataView(transaction.buffer, transaction.byteOffset).setUint32(0, ++this.#counter);
    return transaction;
  }

  #integrity(): [Uint8Array, Crypto['hmacSha256']] {
    return [this.generation.revealIntegrityKey(), this.host.crypto.hmacSha256];
  }

  #hasIntegrity(message: LatchMessage): boolean {
    return isLatchIntegrityValid(message, ...this.#integrity(), this.host.crypto.equal);
  }

  #proofOver(word: Uint8Array): Uint8Array {
    const { suite, ownTag: proverTag, peerTag: verifierTag } = this.generation;
    const { crypto, component } = this.host;
    return proveUnder(this.generation.revealProofKey(), crypto, suite, {
      proverTag,
      verifierTag,
      component,
      word,
    });
  }

  #forgetOutstanding(): void {
    for (const { transaction, port } of this.#outstanding.splice(0)) this.host.forget(transaction, port);
  }
}
