// What a verifier says and judges under one generation's keys: challenges, welcomes, integrity and proofs
// (protocol.md 3, 4). Keeps no state of paths.
import {
  encodeChallenge,
  encodeWelcome,
  isLatchIntegrityValid,
  isSameAddress,
  type LatchMessage,
  type TransportAddress,
} from '../wire/index.js';
import { Challenge } from './challenge.js';
import type { DropReason } from './counters.js';
import { randomBytes } from './crypto.js';
import type { Generation } from './generation.js';
import { computeProof } from './keys.js';
import type { VerifierHost } from './verifier-host.js';

export type Hello = Extract<LatchMessage, { kind: 'hello' | 'keepalive' }>;
export type Response = Extract<LatchMessage, { kind: 'response' }>;

export class Challenger {
  /** Highest counter of a hello or keepalive that verified: those not above it are stale (protocol.md 5.9). */
  highestCounter = -1;
  #isWordSpent = false;
  readonly #sdpProof: Uint8Array | undefined;

  constructor(
    private readonly host: VerifierHost,
    private readonly generation: Generation,
  ) {
    this.#sdpProof = generation.ownWord && this.#proofOver(generation.ownWord);
  }

  get suite() {
    return this.generation.suite;
  }

  /** A challenge with a word and a transaction of its own, whose response the host routes back from now on. */
  create(destination: TransportAddress, scheduleMs: readonly number[]): Challenge {
    const transaction = randomBytes(this.host.random, 12);
    const word = randomBytes(this.host.random, 16);
    const { peerTag, ownTag } = this.generation;
    const bytes = encodeChallenge(
      { recipient: peerTag, sender: ownTag, word, transaction },
      this.generation.keys.integrity.reveal(),
      this.host.crypto.hmacSha256,
    );
    this.host.expect(transaction);
    return new Challenge(destination, transaction, word, bytes, scheduleMs);
  }

  welcome(hello: Hello, mapped: TransportAddress): Uint8Array {
    const integrity = this.generation.keys.integrity.reveal();
    return encodeWelcome({ mapped, transaction: hello.transaction }, integrity, this.host.crypto.hmacSha256);
  }

  hasIntegrity(message: LatchMessage): boolean {
    const { hmacSha256, equal } = this.host.crypto;
    return isLatchIntegrityValid(message, this.generation.keys.integrity.reveal(), hmacSha256, equal);
  }

  /** Why a response does not answer the challenge (protocol.md 5.2), or undefined where it does. */
  fault(message: Response, source: TransportAddress, challenge: Challenge): DropReason | undefined {
    if (!isSameAddress(challenge.destination, source)) return 'wrongSource';
    if (!this.hasIntegrity(message)) return 'integrity';
    const isProof = this.host.crypto.equal(message.proof, this.#proofOver(challenge.word));
    return isProof ? undefined : 'proof';
  }

  /** Notes the counter of a verified hello; true where it is above every one before. */
  noteCounter(counter: number): boolean {
    if (counter <= this.highestCounter) return false;
    this.highestCounter = counter;
    return true;
  }

  /** Spends the SDP word on the first proof over it; true that once (protocol.md 5.3). */
  spendWord(proof: Uint8Array): boolean {
    if (this.#isWordSpent || !this.#sdpProof || !this.host.crypto.equal(proof, this.#sdpProof)) return false;
    this.#isWordSpent = true;
    return true;
  }

  #proofOver(word: Uint8Array): Uint8Array {
    const { suite, keys, peerTag: proverTag, ownTag: verifierTag } = this.generation;
    const { component, crypto } = this.host;
    return computeProof(crypto, suite, keys, { proverTag, verifierTag, component, word });
  }
}
