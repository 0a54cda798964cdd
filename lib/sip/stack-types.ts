/** What carries SIP messages: a stack of some package, its listeners, and a request that came by it. Types only. */
import type { Signalling } from './hop.js';
import type { OnResponse, SipFlow, SipMessage, SipRequest, SipUri } from './message-types.js';

export type ListenerProtocol = 'UDP' | 'TCP' | 'TLS' | 'WS' | 'WSS';

export interface ListenerAddress {
  readonly protocol: ListenerProtocol;
  readonly address: string;
  readonly port: number;
}

/** One set of sockets that SIP goes out of and comes in by. */
export interface SipStack {
  /** Where it listens, the ports that the system chose included; complete once `ready`. */
  readonly addresses: readonly ListenerAddress[];
  /** Fulfilled when everything listens; rejected with one clear Error. */
  readonly ready: Promise<void>;
  /** Sends a response, or a request with a callback for its responses. Never throws for what the network does. */
  readonly send: (message: SipMessage, onResponse?: OnResponse) => void;
  /**
   * Sends a request over UDP once, and keeps nothing of it: no transaction, no repetition, nobody who waits for an answer. By another
   * flow it sends nothing. For what a flood makes many of.
   */
  readonly sendOnce: (request: SipRequest, flow: SipFlow) => void;
  /** The name or address by which others know it. */
  readonly hostname: () => string;
  /** A URI that leads back over a connection which is open (RFC 5626). */
  readonly encodeFlowUri: (flow: SipFlow) => SipUri;
  /** Writes on the connection to this peer what keeps it alive and asks for nothing; false where none is open. */
  ping?(flow: SipFlow): boolean;
  /** What the hop of a request to be sent promises. */
  expectedSignalling(request: SipMessage): Signalling;
  readonly destroy: () => void;
}

/** Where a message came from and by which stack: what belongs to it goes back there. */
export interface Arrival {
  readonly request: SipRequest;
  readonly flow: SipFlow;
  readonly stack: SipStack;
}
