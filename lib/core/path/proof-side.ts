// What a component does with the messages by which one side proves to the other where it is (protocol.md 4 to 6, 8.1): it has a verifier where the peer must prove
// itself, and provers where we must, and keeps the names in step under which their messages come. It decides nothing about paths.
import type { IceMessage, LatchMessage } from '../../wire/index.js';
import type { OwnTransmission } from '../counters.js';
import type { Path } from '../network-path.js';
import type { Protection } from '../proof/protection.js';
import { schemeOf } from '../proof/scheme-of.js';
import type { Attached, AttachedPorts } from '../route/attached-ports.js';
import type { RoutedPath } from '../route/payload-route.js';
import type { KeptHellos } from './kept-hellos.js';
import { ProverPair } from './prover-pair.js';
import type { ProverEvent, ProverHost } from './prover.js';
import type { VerifierEvent, VerifierHost } from './verifier-host.js';
import { Verifier } from './verifier.js';

/** What sends and tells for both. */
type Speaker = 'transmit' | 'emit';

interface ProofComponent<Owner> extends Omit<VerifierHost, Speaker>, Omit<ProverHost, Speaker> {
  transmit(kind: OwnTransmission, bytes: Uint8Array, path: Path): void;
  emit(event: VerifierEvent | ProverEvent, path: Path): void;
  isVerifying: boolean;
  takeKeptHellos(): ReturnType<KeptHellos['take']>;
  handleMessage(message: LatchMessage | IceMessage, path: RoutedPath<Owner>, nowMs: number): void;
}

export class ProofSide<Owner extends ProofComponent<Owner> & Attached<Owner>> {
  /** The peer must prove itself. */
  verifier: Verifier | undefined;
  /** Since we first had to: a server mostly has nothing to prove. */
  provers: ProverPair | undefined;
  #protection: Protection = { kind: 'closed' };

  constructor(
    private readonly owner: Owner,
    private readonly ports: AttachedPorts<Owner>,
  ) {}

  /** Another protection is in force. The same generation again changes only the address. */
  follow(protection: Protection, hasMoved: boolean, nowMs: number): void {
    const before = this.#protection;
    this.#protection = protection;
    if (!('generation' in protection)) return this.#end(before.kind === 'srtp' && protection.kind === 'srtp');
    if ('generation' in before && before.generation === protection.generation) {
      if (hasMoved) this.verifier?.handleSignalled(nowMs);
      return;
    }
    if (!('generation' in before)) this.owner.deactivate();
    this.#begin(protection, nowMs);
  }

  #begin(protection: Extract<Protection, { generation: unknown }>, nowMs: number): void {
    this.#renewTags();
    const scheme = schemeOf(this.owner, protection);
    if (!scheme) this.#stopVerifier();
    else if (this.verifier) this.verifier.handleGeneration(scheme, nowMs);
    else this.verifier = new Verifier(this.owner, scheme, nowMs);
    this.owner.isVerifying = this.verifier !== undefined;
    const proved = protection.kind === 'latch' ? protection.generation : undefined;
    if (proved?.hasPeerWord) this.provers ??= new ProverPair(this.owner);
    this.provers?.follow(proved, nowMs);
    this.#renewTags();
    this.#judgeKeptHellos(nowMs);
    this.provers?.handleTimeout(nowMs);
  }

  #end(keepsHeard: boolean): void {
    this.#stopVerifier();
    this.provers?.stop();
    if (!keepsHeard) this.ports.heard.clear(this.ports.all);
    this.#renewTags();
  }

  #stopVerifier(): void {
    this.verifier?.stop();
    this.verifier = undefined;
    this.owner.isVerifying = false;
  }

  #judgeKeptHellos(nowMs: number): void {
    for (const { message, path } of this.owner.takeKeptHellos()) {
      const routed = this.ports.routed(path);
      const { recipient, sender } = message.username;
      if (routed && this.ports.tags.has(recipient, sender)) this.owner.handleMessage(message, routed, nowMs);
      else this.owner.drop('unknownTags');
    }
  }

  /** An offer of ours went out: hellos that name its tag are kept until the answer comes (protocol.md 4). */
  awaitAnswer(tag: string | undefined): void {
    const { tags } = this.ports;
    if (tags.awaiting === tag) return;
    tags.awaiting = tag;
    this.owner.takeKeptHellos();
    this.#renewTags();
  }

  /** True where a challenge of a new generation was answered, so that the one before may be forgotten. */
  handleMessage(message: LatchMessage | IceMessage, path: RoutedPath<Owner>, nowMs: number): boolean {
    const { provers } = this;
    switch (message.kind) {
      case 'hello':
      case 'keepalive':
      case 'check':
        if (this.verifier) this.verifier.handleGreeting(message, path, nowMs);
        else this.owner.drop('unknownTags');
        return false;
      case 'response':
      case 'check-response':
        if (this.verifier) this.verifier.handleAnswer(message, path, nowMs);
        else this.owner.drop('staleTransaction');
        return false;
      case 'welcome':
        if (provers) provers.handleWelcome(message, path, nowMs);
        else this.owner.drop('staleTransaction');
        return false;
      case 'challenge': {
        if (!provers) {
          this.owner.drop('unknownTags');
          return false;
        }
        const hadFormer = provers.hasFormer;
        provers.handleChallenge(message, path, nowMs);
        const hasLeft = hadFormer && !provers.hasFormer;
        if (hasLeft) this.#renewTags();
        return hasLeft;
      }
    }
  }

  #renewTags(): void {
    this.ports.renewTags(this.#protection, this.provers?.generations ?? []);
  }

  handleTimeout(nowMs: number): void {
    this.verifier?.handleTimeout(nowMs);
    this.provers?.handleTimeout(nowMs);
  }

  get nextMs(): number {
    return Math.min(this.verifier?.nextMs ?? Infinity, this.provers?.nextMs ?? Infinity);
  }
}
