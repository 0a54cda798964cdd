/**
 * What a SIP stack gives to whoever takes calls or makes them: the distribution server, the phone. A plugin implements it over one
 * package; the two never import each other. Types only.
 */
import type { Session } from '../index.js';
import type { EndReason } from './dialog.js';
import type { OnResponse, SipFlow, SipMessage, SipRequest, SipUri } from './message-types.js';
import type { Signalling } from './hop.js';

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
  /** The name or address by which others know it. */
  readonly hostname: () => string;
  /** A URI that leads back over a connection which is open (RFC 5626). */
  readonly encodeFlowUri: (flow: SipFlow) => SipUri;
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

export interface EndedCall {
  readonly session: Session;
  /** The Call-ID. */
  readonly call: string;
  /** `timeout`, `expired` and `silence` mean that nobody has said BYE: that is then for the application to do. */
  readonly reason: EndReason;
}

export interface RejectedCall {
  readonly session: Session | undefined;
  readonly call: string;
  readonly status: number;
  readonly warning: string;
  /** The request or response of the peer that was not accepted. */
  readonly message: SipMessage;
}

export interface Fault {
  /** The transport, or the part, where it happened. */
  readonly where: string;
  readonly error: unknown;
}

export interface SipSignallingEvents {
  /** A session was made, before anything was read into it or written out of it. */
  session: [session: Session, message: SipMessage];
  ended: [call: EndedCall];
  rejected: [call: RejectedCall];
  /** A frame that was dropped, an exception that was caught, a flow that was gone. For logs: nothing is to be done. */
  fault: [fault: Fault];
}

/** SIP with latchkey under it, whatever package speaks it. */
export interface SipSignalling {
  on<K extends keyof SipSignallingEvents>(name: K, listener: (...args: SipSignallingEvents[K]) => void): this;
  off<K extends keyof SipSignallingEvents>(
    name: K,
    listener: (...args: SipSignallingEvents[K]) => void,
  ): this;
  /** The session of this message's dialog; of an INVITE about to go out, made here. */
  session(message: SipMessage): Session | undefined;
}
