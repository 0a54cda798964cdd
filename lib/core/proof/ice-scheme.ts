// ICE as a scheme: its connectivity checks play hello, challenge and response (RFC 8445, protocol.md 8.1). We are a lite agent in
// the controlled role; the 96-bit transaction of our check is the word. It knows of no path: that is the verifier's matter.
import {
  encodeIceCheck,
  encodeIceResponse,
  encodeRoleConflict,
  isIceIntegrityValid,
  type TransportAddress,
} from '../../wire/index.js';
import type { Path } from '../network-path.js';
import { Challenge } from './challenge.js';
import type { AnswerMessage, Scheme, Greeting, GreetingMessage, SchemeHost } from './scheme.js';
import type { DropReason } from '../counters.js';
import { randomBytes } from '../crypto.js';
import { hostPriority, type IceGeneration } from './ice-generation.js';
import { SeenChecks } from './seen-checks.js';

export class IceScheme implements Scheme {
  readonly protection = 'ice';
  readonly mayHaveSeveralPaths = true;
  readonly suite = undefined;
  highestCounter = -1;
  readonly #seen = new SeenChecks();

  constructor(
    private readonly host: SchemeHost,
    private readonly generation: IceGeneration,
  ) {}

  createChallenge(path: Path, scheduleMs: readonly number[]): Challenge {
    const { own, peer, tieBreaker } = this.generation;
    const transaction = randomBytes(this.host.random, 12);
    const priority = hostPriority(this.host.component);
    const fields = { recipient: peer.ufrag, sender: own.ufrag, priority, tieBreaker, transaction };
    const bytes = encodeIceCheck(fields, peer.pwd.reveal(), this.host.crypto.hmacSha1);
    return new Challenge(path, transaction, transaction, bytes, scheduleMs);
  }

  greet(message: GreetingMessage, source: TransportAddress): Greeting | DropReason {
    if (message.kind !== 'check') return 'notLatch';
    const { hmacSha1, equal } = this.host.crypto;
    const pwd = this.generation.own.pwd.reveal();
    if (!isIceIntegrityValid(message, pwd, hmacSha1, equal)) return 'integrity';
    const { transaction } = message;
    // A peer that wants to be controlled too is told to take the other role; then it checks again.
    const isConflict = message.role === 'controlled';
    const reply = isConflict
      ? encodeRoleConflict(transaction, pwd, hmacSha1)
      : encodeIceResponse({ mapped: source, transaction }, pwd, hmacSha1);
    return {
      sizeBytes: message.stun.bytes.length,
      counter: this.#noteFresh(transaction),
      reply,
      proof: undefined,
      nomination: message.isNominating ? message.priority : -1,
    };
  }

  fault(message: AnswerMessage): DropReason | undefined {
    if (message.kind !== 'check-response') return 'notLatch';
    const { hmacSha1, equal } = this.host.crypto;
    const isValid = isIceIntegrityValid(message, this.generation.peer.pwd.reveal(), hmacSha1, equal);
    return isValid ? undefined : 'integrity';
  }

  spendWord(): boolean {
    return false;
  }

  #noteFresh(transaction: Uint8Array): number | undefined {
    return this.#seen.add(transaction) ? ++this.highestCounter : undefined;
  }
}
