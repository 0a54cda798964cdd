// A component's prover. After new keys were agreed on there are two: the peer may still ask under the old keys, and is answered
// until it has asked under the new ones (protocol.md 5.10).
import type { LatchMessage, TransportAddress } from '../../wire/index.js';
import type { Generation } from '../proof/generation.js';
import type { LocalPort, Path } from './path.js';
import { Prover, type ProverHost } from './prover.js';

export class ProverPair {
  #current: Prover | undefined;
  #former: Prover | undefined;
  /** Where the peer says that it sees us, by its last welcome; undefined until the first on this local address. */
  seenAs: TransportAddress | undefined;

  constructor(private readonly host: ProverHost) {}

  get generations(): readonly Generation[] {
    return [this.#current, this.#former].flatMap((prover) => (prover ? [prover.generation] : []));
  }

  /** A challenge of the peer's was answered: as far as we can know, the address is proved. */
  get hasProven(): boolean {
    return this.#current?.isChallenged === true || this.#former?.isChallenged === true;
  }

  /** Proves under the generation from now on; without one, or without a word to prove with, no more. */
  follow(generation: Generation | undefined, nowMs: number): void {
    const word = generation?.peerWord;
    if (!generation || !word) return this.stop();
    const isPathVerified = this.hasProven;
    this.#former?.stop();
    this.#former = this.#current;
    this.#current = new Prover(this.host, generation, word, isPathVerified, nowMs);
  }

  handleChallenge(message: Extract<LatchMessage, { kind: 'challenge' }>, path: Path, nowMs: number): void {
    const { recipient, sender } = message.username;
    const isFor = ({ generation }: Prover): boolean =>
      generation.ownTag === recipient && generation.peerTag === sender;
    if (this.#current && isFor(this.#current)) this.#current.handleChallenge(message, path, nowMs);
    else if (this.#former && isFor(this.#former)) this.#former.handleChallenge(message, path, nowMs);
    else this.host.drop('unknownTags');
    if (!this.#current?.isChallenged) return;
    this.#former?.stop();
    this.#former = undefined;
  }

  handleWelcome(message: Extract<LatchMessage, { kind: 'welcome' }>, path: Path, nowMs: number): void {
    if (!this.#current) return this.host.drop('staleTransaction');
    this.#current.handleWelcome(message, path, nowMs);
    this.seenAs = this.#current.mapped ?? this.seenAs;
  }

  handlePortRemoved(port: LocalPort): void {
    this.#current?.handlePortRemoved(port);
    this.#former?.handlePortRemoved(port);
  }

  handleLocalChange(nowMs: number): void {
    this.seenAs = undefined;
    this.#current?.handleLocalChange(nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#current?.handleTimeout(nowMs);
  }

  get nextMs(): number {
    return this.#current?.nextMs ?? Infinity;
  }

  stop(): void {
    this.#current?.stop();
    this.#former?.stop();
    this.#current = this.#former = this.seenAs = undefined;
  }
}
