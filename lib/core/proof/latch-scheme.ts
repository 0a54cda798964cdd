// Latch itself as a scheme, under one generation's keys: challenges, welcomes, integrity and proofs (protocol.md 3, 4).
// It knows of no path: whose address proves itself is the verifier's matter.
import {
  encodeChallenge,
  encodeWelcome,
  isLatchIntegrityValid,
  type LatchMessage,
  type TransportAddress,
} from '../../wire/index.js';
import type { Path } from '../network-path.js';
import { Challenge } from './challenge.js';
import type { AnswerMessage, Scheme, Greeting, GreetingMessage, SchemeHost } from './scheme.js';
import type { DropReason } from '../counters.js';
import { randomBytes } from '../crypto.js';
import type { Generation } from './generation.js';
import { proveUnder } from './keys.js';

export class LatchScheme implements Scheme {
  highestCounter = -1;
  #isWordSpent = false;

  constructor(
    private readonly host: SchemeHost,
    private readonly generation: Generation,
  ) {}

  get protection() {
    return 'latch' as const;
  }

  get mayHaveSeveralPaths() {
    return false;
  }

  get suite() {
    return this.generation.suite;
  }

  createChallenge(path: Path, scheduleMs: readonly number[]): Challenge {
    const transaction = randomBytes(this.host.random, 12);
    const word = randomBytes(this.host.random, 16);
    const { peerTag, ownTag } = this.generation;
    const bytes = encodeChallenge(
      { recipient: peerTag, sender: ownTag, word, transaction },
      this.generation.revealIntegrityKey(),
      this.host.crypto.hmacSha256,
    );
    return new Challenge(path, transaction, word, bytes, scheduleMs);
  }

  greet(message: GreetingMessage, source: TransportAddress): Greeting | DropReason {
    if (message.kind === 'check') return 'notLatch';
    if (!this.#hasIntegrity(message)) return 'integrity';
    const isFresh = message.counter > this.highestCounter;
    if (isFresh) this.highestCounter = message.counter;
    const isHello = message.kind === 'hello';
    return {
      sizeBytes: message.stun.bytes.length,
      counter: isFresh ? message.counter : undefined,
      reply: isHello ? this.#welcome(message.transaction, source) : undefined,
      proof: isHello ? message.proof : undefined,
      nomination: -1,
    };
  }

  fault(message: AnswerMessage, challenge: Challenge): DropReason | undefined {
    if (message.kind !== 'response') return 'notLatch';
    if (!this.#hasIntegrity(message)) return 'integrity';
    const isProof = this.host.crypto.equal(message.proof, this.#proofOver(challenge.word));
    return isProof ? undefined : 'proof';
  }

  spendWord(proof: Uint8Array): boolean {
    const ownWord = this.generation.revealOwnWord();
    if (this.#isWordSpent || !ownWord) return false;
    const sdpProof = this.#proofOver(ownWord);
    const isProof = this.host.crypto.equal(proof, sdpProof);
    sdpProof.fill(0);
    if (isProof) this.#isWordSpent = true;
    return isProof;
  }

  #welcome(transaction: Uint8Array, mapped: TransportAddress): Uint8Array {
    const integrity = this.generation.revealIntegrityKey();
    return encodeWelcome({ mapped, transaction }, integrity, this.host.crypto.hmacSha256);
  }

  #hasIntegrity(message: LatchMessage): boolean {
    const { hmacSha256, equal } = this.host.crypto;
    return isLatchIntegrityValid(message, this.generation.revealIntegrityKey(), hmacSha256, equal);
  }

  #proofOver(word: Uint8Array): Uint8Array {
    const { suite, peerTag: proverTag, ownTag: verifierTag } = this.generation;
    const { component, crypto } = this.host;
    return proveUnder(this.generation.revealProofKey(), crypto, suite, {
      proverTag,
      verifierTag,
      component,
      word,
    });
  }
}
