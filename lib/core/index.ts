// The core's face: the protocol as a machine without I/O, for those who bring sockets and a clock of their own.
export { Component } from './path/component.js';
export type { ComponentPort as Port } from './path/component.js';
export type { Protection } from './proof/protection.js';
export type { Signalling } from './call-place.js';
export type { EngineOptions, Policy } from './context.js';
export { addCounters, createCounters, DROP_REASONS } from './counters.js';
export type { Counters, DropReason } from './counters.js';
export type { Crypto, Random } from './crypto.js';
export { isDefaultDirectTarget } from './route/direct-targets.js';
export type { DirectTargetRule } from './route/direct-targets.js';
export { Engine } from './engine.js';
export type { Delivery, Transmit } from './engine.js';
export { ERROR_CODES, LatchkeyError } from './errors.js';
export type { ErrorCode } from './errors.js';
export type { ComponentId, LatchEvent, LatchEventType, MappingView, NatChange } from './events.js';
export { computeProof, deriveKeys } from './proof/keys.js';
export type { KeyInput, Keys, ProofInput } from './proof/keys.js';
export { isSuite, SUITES } from './suite.js';
export type { Suite } from './suite.js';
export { Secret } from './proof/secret.js';
export { Session } from './exchange/session.js';
export type {
  Role,
  SessionOptions,
  SessionProtection,
  StreamStatus,
  Verdict,
} from './exchange/session-types.js';
export type { TransportAddress } from '../wire/index.js';
