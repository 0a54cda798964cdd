// The core's face: the protocol as a machine without I/O, for those who bring sockets and a clock of their own, and for those
// whose agreements come by other ways than SDP.
export type {
  Agreement,
  ClosedAgreement,
  EvidenceAgreement,
  IceAgreement,
  LatchAgreement,
  LegacyAgreement,
  MediaTerms,
  NoneAgreement,
  SrtpAgreement,
} from './call/agreement.js';
export type { CallHandle, CallOptions, CallProtection, StreamStatus } from './call/call-handle.js';
export type { PeerSource } from './call/peer-facts.js';
export { PEER_TRANSPORTS, QUESTION_OUTCOMES } from './call-place.js';
export type {
  AskedQuestion,
  CallPlace,
  PeerTransport,
  Policy,
  QuestionOutcome,
  Signalling,
} from './call-place.js';
export { Component } from './path/component.js';
export type { ComponentPort as Port } from './path/component.js';
export { RouteHint } from './route/port.js';
export type { Protection } from './proof/protection.js';
export type { DirectTargetRule, EngineOptions, FindKey, Role } from './context.js';
export { addCounters, countDrop, createCounters, DROP_REASONS } from './counters.js';
export type { Counters, DropReason } from './counters.js';
export type { Crypto, Random } from './crypto.js';
export { isDefaultDirectTarget } from './route/target-bounds.js';
export { Engine } from './engine.js';
export type { Delivery, Transmit } from './engine.js';
export { ERROR_CODES, LatchkeyError } from './errors.js';
export type { ErrorCode } from './errors.js';
export { natBetween } from './events.js';
export type {
  ComponentId,
  LatchEvent,
  LatchEventType,
  LockGround,
  MappingView,
  NatChange,
} from './events.js';
export { checkOptions, option, refuseOption } from './option-check.js';
export type { OptionRule, OptionRules } from './option-check.js';
export { hasUsableKeys } from './exchange/crypto-lines.js';
export type { OfferedProof } from './exchange/negotiation.js';
export type { ExpectedPeer, SdpSession, SdpSessionOptions } from './exchange/sdp-session.js';
export type { RefusedVerdict, Verdict } from './exchange/verdict.js';
export { createOwnHalf } from './proof/credentials.js';
export type { LatchHalf, LatchTerms } from './proof/credentials.js';
export { createIceHalf } from './proof/ice-generation.js';
export type { IceHalf, IceTerms } from './proof/ice-generation.js';
export { computeProof, deriveKeys } from './proof/keys.js';
export type { KeyInput, Keys, ProofInput } from './proof/keys.js';
export { MAX_PEER_KEYS } from './proof/srtp-terms.js';
export type { SrtpKey, SrtpTerms } from './proof/srtp-terms.js';
export { SRTP_SUITES, srtpSuite } from '../srtp/index.js';
export type { Aead, SrtpCrypto, SrtpSuite } from '../srtp/index.js';
export { Secret } from './proof/secret.js';
export { isSuite, SUITES } from './suite.js';
export type { Suite } from './suite.js';
export type { TransportAddress } from '../wire/index.js';
