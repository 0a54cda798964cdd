/*
 * SIP that belongs to no stack: messages as values, dialogs, offer and answer, forks, and how far a hop can be trusted. A plugin
 * puts it under one stack. Importing it loads no third-party package.
 */
export { readSdp, replaceSdp } from './body.js';
export { hasCertificate, parseCallUri } from './call-uri.js';
export type { CallTransport, CallUri } from './call-uri.js';
export { Calls } from './calls.js';
export type { CallsObserver, CallsOptions, Edit, Outgoing } from './calls.js';
export { TRANSACTION_MS } from './dialog.js';
export type { Dialog, DialogLimits, EndReason } from './dialog.js';
export { MAX_FORKS } from './forks.js';
export type { Fork } from './forks.js';
export { hopSignalling, isLoopback } from './hop.js';
export type { Signalling } from './hop.js';
export { checkSipIdentity } from './identity.js';
export {
  callId,
  cseqOf,
  dropUnreadableRoutes,
  formatWarning,
  fromTag,
  isReliable,
  isTriedAgain,
  isWellFormed,
  methodOf,
  rackCseq,
  sessionExpiresMs,
  toTag,
  transactionKey,
} from './message.js';
export type * from './message-types.js';
export type { Refusal } from './offer-answer.js';
export type {
  Arrival,
  EndedCall,
  Fault,
  ListenerAddress,
  ListenerProtocol,
  RejectedCall,
  SipSignalling,
  SipSignallingEvents,
  SipStack,
} from './signalling.js';
