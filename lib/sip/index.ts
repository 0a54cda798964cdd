/*
 * SIP that belongs to no stack: messages as values, dialogs, offer and answer, forks, and how far a hop can be trusted. A plugin
 * puts it under one stack. Importing it loads no third-party package.
 */
export { Admission } from './admission.js';
export { denialAtGate, denialReply } from './denial.js';
export type { AdmissionCounters, AdmissionOptions, Admitted, Denied, Unavailable } from './admission.js';
export { Authenticator } from './authenticator.js';
export { isEncoded, readSdp, replaceSdp } from './body.js';
export { BOUND_NAMES, BoundCounters } from './bound-counters.js';
export type { BoundCounts, BoundName } from './bound-counters.js';
export { hasCertificate, parseCallUri } from './call-uri.js';
export type { CallTransport, CallUri } from './call-uri.js';
export { Calls } from './calls.js';
export type { CallsObserver, CallsOptions, Edit, HandOnSite, Outgoing, Way } from './calls.js';
export { askWhenSilent, questionOutcomeOf } from './consent-question.js';
export { DatagramLedger } from './datagram-ledger.js';
export type { LedgerAddress } from './datagram-ledger.js';
export { TRANSACTION_MS } from './dialog.js';
export type { Dialog, DialogLimits, EndReason, Reoffered } from './dialog.js';
export {
  answerChallenge,
  credentialsIn,
  digestHa1,
  DIGEST_ALGORITHMS,
  DigestVerifier,
  isDigestAlgorithm,
  readDigests,
} from './digest.js';
export type {
  DigestAlgorithm,
  DigestCredentials,
  DigestParams,
  DigestUser,
  DigestVerdict,
  DigestVerifierOptions,
} from './digest.js';
export { MAX_FORKS } from './forks.js';
export type { Fork } from './forks.js';
export type { HeldSite } from './held-requests.js';
export { hasControl, readAddress, readCommaParams, readCredentials } from './field-values.js';
export type { AddressValue, Credentials, FieldParam, ViaValue } from './field-values.js';
export { GATE_LIMITS, GATE_REASONS, answerPassed, answerRefused, examineMessage } from './gate.js';
export type {
  GateAnswer,
  GateField,
  GateLimits,
  GateMessage,
  GateReason,
  GateRefusal,
  GateSource,
  GateVerdict,
} from './gate.js';
export { GateCounters } from './gate-counters.js';
export type { GateCounts } from './gate-counters.js';
export { MessageFramer } from './message-framer.js';
export { hopSignalling, isLoopback, isSecureFlow } from './hop.js';
export type { Signalling } from './hop.js';
export { checkSipIdentity } from './identity.js';
export {
  callId,
  cseqOf,
  dropUnreadableRoutes,
  fromTag,
  isReliable,
  isTriedAgain,
  isWellFormed,
  methodOf,
  rackCseq,
  sessionExpiresMs,
  toTag,
  inviteKey,
  transactionKey,
} from './message.js';
export type * from './message-types.js';
export type { Refusal } from './offer-answer.js';
export { LocalDescriptions } from './local-descriptions.js';
export type { DescribedExchange } from './local-descriptions.js';
export { PortQuestion } from './port-question.js';
export type {
  LendPorts,
  LentPorts,
  PortQuestionSite,
  PortSession,
  ReofferOutcome,
  ToldPorts,
} from './port-question.js';
export { Invitation } from './invitation.js';
export type { InvitationObserver, InvitationOptions } from './invitation.js';
export { contactUri } from './request.js';
export type { Addition } from './request.js';
export { createResponse, readWarning, respond } from './response.js';
export type { Reply } from './response.js';
export type {
  EndedCall,
  Fault,
  Doorkeeper,
  ListenOptions,
  ListenRenewal,
  RejectedCall,
  SipCounts,
  SipListeners,
  SipSignalling,
  SipSignallingEvents,
} from './signalling.js';
export type { Arrival, ListenerAddress, ListenerProtocol, SipStack } from './stack-types.js';
export { AddressRanges, isAddressRange, sourceOf } from './address-ranges.js';
export { RecentCounts } from './recent-counts.js';
export { STRANGER_LIMITS } from './stranger-limits.js';
export type { StrangerLimits } from './stranger-limits.js';
export { TrustedProxies } from './trusted-proxies.js';
export { UnshownTransactions } from './unshown-transactions.js';
export type { UnshownTransaction } from './unshown-transactions.js';
export { isPassword, parseUsers, readBasic, userFault, writeUser } from './users.js';
export type { NewUser, ParsedUsers, SipUser } from './users.js';
