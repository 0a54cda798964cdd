// The public face of latchkey. Everything that a server, a client or a plugin needs is here; the machine without
// sockets is `latchkey/core`, the bytes are `latchkey/wire`. Importing this loads no third-party package.
export { createLatchkey } from './net/net-latchkey.js';
export type { CountersSnapshot } from './net/counters.js';
export type {
  BindableSocket,
  Datagram,
  DatagramReceiver,
  DatagramSocket,
  DatagramSource,
  SendCallback,
} from './net/datagram-socket.js';
export { datagramSocketOf } from './net/dgram-socket.js';
export { GATHER_RULE, IOS, openSocket, whyNoBatch } from './net/open-socket.js';
export type { Io, OpenSocketOptions } from './net/open-socket.js';
export type { FetchedKeys, FetchFailure, KeyFetches } from './net/key-fetch.js';
export type { Canary } from './net/canary.js';
export type { Latchkey, LatchkeyEvents, MessageListener } from './net/latchkey.js';
export type { FetchKey, LatchkeyOptions, Role, SessionOptions, Signalling, Where } from './net/options.js';
export type {
  DescriptionType,
  LatchEventOf,
  LatchEvents,
  MediaSocketPair,
  Session,
  StreamStatus,
} from './net/session.js';
export type { MediaPort, MediaPortEvents } from './net/media-port.js';
export type { Guard } from './net/guard/guard.js';
export { SteadyEmitter } from './net/steady-emitter.js';
export { nodeCrypto, createNodeRandom } from './net/node-crypto.js';
export { POLICIES, ROLES } from './net/options.js';
export {
  DROP_REASONS,
  ERROR_CODES,
  Engine,
  LatchkeyError,
  addCounters,
  checkOptions,
  createCounters,
  hasUsableKeys,
  option,
  refuseOption,
} from './core/index.js';
export type {
  CallProtection,
  ComponentId,
  Counters,
  DropReason,
  ErrorCode,
  LatchEvent,
  LatchEventType,
  MappingView,
  NatChange,
  OfferedProof,
  OptionRule,
  OptionRules,
  ExpectedPeer,
  PeerSource,
  PeerTransport,
  Policy,
  QuestionOutcome,
  RefusedVerdict,
  Suite,
  Verdict,
} from './core/index.js';
export {
  classifyPacket,
  formatAddress,
  formatWarning,
  isSameAddress,
  normaliseIp,
  parseSdp,
  stripKeys,
  stripLatch,
} from './wire/index.js';
export type { PacketClass, Sdp, SdpLimits, SdpMedia, TransportAddress } from './wire/index.js';
