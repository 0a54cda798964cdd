// What every part of the engine shares: crypto, chance, the time of the call being handled, and where outputs go.
import type { TransportAddress } from '../wire/index.js';
import type { Component } from './path/component.js';
import type { Counters } from './counters.js';
import type { Crypto, Random } from './crypto.js';
import type { DirectTargetRule, DirectTargets } from './route/direct-targets.js';
import type { LatchEvent } from './events.js';
import type { Suite } from './suite.js';
import type { Port } from './route/port.js';

/** What a verifier does with a peer that does not speak latch: protocol.md 7. */
export type Policy = 'require' | 'prefer' | 'legacy';

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
}

export interface Context {
  readonly options: EngineOptions;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly directTargets: DirectTargets;
  /** Counts what belongs to no session, and what belonged to sessions that are closed. */
  readonly residue: Counters;
  nowMs: number;
  transmit(port: Port, bytes: Uint8Array, destination: TransportAddress): void;
  /** Payload that was held at first, for the application of the component. */
  deliver(component: Component, bytes: Uint8Array, source: TransportAddress): void;
  emit(event: LatchEvent): void;
  /** Looks again when the component wants to be woken. */
  wake(component: Component): void;
}
