// A component's prover. After new keys were agreed on there are two: the peer may still ask under the old keys, and is answered
// until it has asked under the new ones (protocol.md 5.10).
import { isSameAddress, type LatchMessage, type TransportAddress } from '../../wire/index.js';
import type { Generation } from '../proof/generation.js';
import type { LocalPort, Path } from '../network-path.js';
import { Prover, type ProverHost } from './prover.js';
import { ProverView } from './prover-view.js';

/** Media to an address that has never challenged validly stops after this time: protocol.md 6.1. */
const UNCHALLENGED_MS = 30_000;

export class ProverPair {
  #current: Prover | undefined;
  #former: Prover | undefined;
  /** The last address that challenged us validly, and the one to which media goes though it has not. */
  #challengedFrom: TransportAddress | undefined;
  #unchallenged: { readonly remote: TransportAddress; readonly sinceMs: number } | undefined;
  /** That media stops because the peer has never challenged us was told. */
  #hasToldUnchallenged = false;
  /** Where the peer says that it sees us, by its last welcome; undefined until the first on this local address. */
  seenAs: TransportAddress | undefined;

  readonly #view: ProverView;

  constructor(private readonly host: ProverHost) {
    this.#view = new ProverView(host);
  }

  get generations(): readonly Generation[] {
    return [this.#current, this.#former].flatMap((prover) => (prover ? [prover.generation] : []));
  }

  /** The peer may still ask under the keys before. */
  get hasFormer(): boolean {
    return this.#former !== undefined;
  }

  /** A challenge of the peer's was answered: as far as we can know, the address is proved. */
  get hasProven(): boolean {
    return this.#current?.isChallenged === true || this.#former?.isChallenged === true;
  }

  /**
   * Media may go to an address that has not challenged us validly for 30 s after the offer or answer that named it, and no longer
   * (protocol.md 6.1). Where we prove nothing there is nothing to wait for.
   */
  mayGoOn(path: Path | undefined, nowMs: number): boolean {
    const isInTime = this.#isInTime(path?.remote, nowMs);
    if (!isInTime && path && !this.#hasToldUnchallenged) this.host.emit({ type: 'expired' }, path);
    this.#hasToldUnchallenged = !isInTime;
    return isInTime;
  }

  #isInTime(destination: TransportAddress | undefined, nowMs: number): boolean {
    if (!this.#current || !destination) return true;
    if (this.#challengedFrom && isSameAddress(this.#challengedFrom, destination)) return true;
    if (!this.#unchallenged || !isSameAddress(this.#unchallenged.remote, destination)) {
      this.#unchallenged = { remote: destination, sinceMs: nowMs };
    }
    return nowMs - this.#unchallenged.sinceMs < UNCHALLENGED_MS;
  }

  /** Proves under the generation from now on; without one, or without a word to prove with, no more. */
  follow(generation: Generation | undefined, nowMs: number): void {
    const word = generation?.revealPeerWord();
    if (!generation || !word) return this.stop();
    const wasChallenged = this.#current?.wasChallenged === true;
    this.#former?.stop();
    this.#former = this.#current;
    this.#current = new Prover(this.host, generation, word, wasChallenged, nowMs);
    this.#view.begin();
  }

  handleChallenge(message: Extract<LatchMessage, { kind: 'challenge' }>, path: Path, nowMs: number): void {
    const { recipient, sender } = message.username;
    const isFor = (prover: Prover | undefined): boolean =>
      prover?.generation.ownTag === recipient && prover.generation.peerTag === sender;
    const asked = isFor(this.#current) ? this.#current : isFor(this.#former) ? this.#former : undefined;
    if (!asked) return this.host.drop('unknownTags');
    if (asked.handleChallenge(message, path, nowMs)) {
      this.#challengedFrom = path.remote;
      if (asked === this.#current) this.#view.noteChallenge(asked, path, nowMs);
    }
    if (!this.#current?.isChallenged) return;
    this.#former?.stop();
    this.#former = undefined;
  }

  handleWelcome(message: Extract<LatchMessage, { kind: 'welcome' }>, path: Path, nowMs: number): void {
    if (!this.#current) return this.host.drop('staleTransaction');
    if (this.#current.handleWelcome(message, path, nowMs)) this.#view.noteWelcome(this.#current, nowMs);
    this.seenAs = this.#current.mapped ?? this.seenAs;
  }

  handlePortRemoved(port: LocalPort): void {
    this.#current?.handlePortRemoved(port);
    this.#former?.handlePortRemoved(port);
  }

  handleLocalChange(nowMs: number): void {
    this.seenAs = undefined;
    this.#view.begin();
    if (!this.#current) return;
    this.#current.handleLocalChange(nowMs);
    this.#view.noteHello(this.#current);
  }

  handleTimeout(nowMs: number): void {
    if (!this.#current) return;
    this.#current.handleTimeout(nowMs);
    this.#view.noteHello(this.#current);
    this.#view.handleTimeout(nowMs);
  }

  get nextMs(): number {
    return this.#current ? Math.min(this.#current.nextMs, this.#view.nextMs) : Infinity;
  }

  stop(): void {
    this.#current?.stop();
    this.#former?.stop();
    this.#current = this.#former = this.seenAs = this.#challengedFrom = this.#unchallenged = undefined;
  }
}
