// What a prover is told of its path, so that a client knows without asking: that its address is proved, that nobody answers its hellos,
// that who had challenged it does so no more. It watches what comes, and sends nothing.
import { ipRange, type TransportAddress } from '../../wire/index.js';
import { natBetween } from '../events.js';
import type { Path } from '../network-path.js';
import type { Prover, ProverEvent, ProverHost } from './prover.js';

/** As long as a verifier tries (5.2), in round figures. */
const UNANSWERED_MS = 5000;
/** As long as a verifier goes on without an answer (5.8): it challenges every 6 s at the least. */
const LOST_MS = 30_000;

export class ProverView {
  /** What was told last of the path as it is. */
  #told: ProverEvent['type'] | undefined;
  /** The last challenge answered and welcome taken since the path is as it is. */
  #challengedFrom: Path | undefined;
  #heardMs = -Infinity;
  #firstHelloMs = Infinity;
  #isWelcomed = false;

  constructor(private readonly host: ProverHost) {}

  /** New keys, or another local address: what was told holds no more. */
  begin(): void {
    this.#told = this.#challengedFrom = undefined;
    this.#isWelcomed = false;
    this.#firstHelloMs = Infinity;
  }

  noteHello({ lastHelloMs }: Prover): void {
    if (this.#firstHelloMs === Infinity && lastHelloMs > -Infinity) this.#firstHelloMs = lastHelloMs;
  }

  noteChallenge(prover: Prover, path: Path, nowMs: number): void {
    this.#challengedFrom = path;
    this.#heardMs = nowMs;
    this.#tellVerified(prover);
  }

  noteWelcome(prover: Prover, nowMs: number): void {
    this.#isWelcomed = true;
    this.#heardMs = nowMs;
    this.#tellVerified(prover);
  }

  get nextMs(): number {
    if (!this.#isTelling) return Infinity;
    if (this.#told === 'verified') return this.#heardMs + LOST_MS;
    const isAnswered = this.#isWelcomed || this.#challengedFrom !== undefined;
    return this.#told !== undefined || isAnswered ? Infinity : this.#firstHelloMs + UNANSWERED_MS;
  }

  handleTimeout(nowMs: number): void {
    if (nowMs < this.nextMs) return;
    const { port, destination: remote } = this.host;
    if (!port || !remote) return;
    const type = this.#told === 'verified' ? 'lost' : 'unanswered';
    this.#told = type;
    this.#challengedFrom = undefined;
    this.host.emit({ type }, { port, remote });
  }

  /** A side that verifies too has the events of a verifier. */
  get #isTelling(): boolean {
    return this.host.session.role === 'prover';
  }

  /** Once both are there: a challenge answered, and the welcome that says what the verifier sees. */
  #tellVerified({ mapped, generation, rttMs }: Prover): void {
    const path = this.#challengedFrom;
    if (!this.#isTelling || this.#told === 'verified' || !path || !mapped || !this.#isWelcomed) return;
    this.#told = 'verified';
    const { advertised, signalling } = this.host.session;
    const { address, port } = path.port.local;
    const isAny = ipRange(address).range === 'unspecified';
    const own: TransportAddress = { address: isAny ? (advertised ?? address) : address, port };
    this.host.emit(
      {
        type: 'verified',
        ...{ signalled: own, mapping: mapped, serverSeenAs: path.remote, nat: natBetween(own, mapped) },
        ...{ protection: 'latch', suite: generation.suite, signalling, rttMs },
      },
      path,
    );
  }
}
