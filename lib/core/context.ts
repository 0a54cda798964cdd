// What every part of the engine shares: options, crypto, chance, the time of the call being handled, and where events go.
import type { Policy } from './call-place.js';
import type { Counters } from './counters.js';
import type { Crypto, Random } from './crypto.js';
import type { LatchEvent } from './events.js';
import type { Suite } from './suite.js';
import type { OwnSockets } from './own-sockets.js';
import type { ProcessQuestions } from './question-budget.js';
import type { Suspects } from './suspects.js';
import type { SdpLimits } from '../wire/index.js';

/** A verifier challenges the peer; a prover only proves itself. Both prove themselves to a peer that challenges. */
export type Role = 'verifier' | 'prover';

/** May this address out of what the peer said be challenged unasked, given ours as it was told? See protocol.md 5.7. */
export type DirectTargetRule = (address: string, advertised: string | undefined) => boolean;

/** Looks up a key that was handed out over HTTPS: 32 bytes. What is not known, or has expired, is undefined. */
export type FindKey = (kid: string) => Uint8Array | undefined;

export interface EngineOptions {
  readonly policy: Policy;
  /** Offered and accepted, best first. */
  readonly suites: readonly Suite[];
  /** Seconds between a prover's keepalives, 5 to 60: set by us where we verify. */
  readonly keepaliveS: number;
  /** The owner switched the rule off by name that secrets need encrypted signalling: protocol.md 2. */
  readonly allowInsecureSignalling: boolean;
  /** Which signalled addresses may be challenged unasked: protocol.md 5.7. */
  readonly isDirectTarget: DirectTargetRule;
  /** Looks up the keys that `kid` names (protocol.md 2). */
  readonly findKey: FindKey;
  /** Of a description, the peer's and ours. */
  readonly sdpLimits: SdpLimits;
  /** IP addresses that the owner names as home, wherever the signalling comes from (protocol.md 8). */
  readonly isHome: (address: string) => boolean;
  /** Peers without a key that send from another port than they listen at (protocol.md 8.3.9). */
  readonly isAsymmetric: boolean;
}

export interface Context {
  readonly options: EngineOptions;
  readonly crypto: Crypto;
  readonly random: Random;
  /** Counts what belongs to no session, and what belonged to sessions that are closed. */
  readonly residue: Counters;
  /** Who has sent to ports that nobody told it of. */
  readonly suspects: Suspects;
  /** Port questions of all calls. */
  readonly questions: ProcessQuestions;
  /** Where this process listens, and as what its peers were told of it. */
  readonly ownSockets: OwnSockets;
  nowMs: number;
  emit(event: LatchEvent): void;
}
