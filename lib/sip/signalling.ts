/**
 * What a SIP stack gives to whoever takes calls or makes them: the distribution server, the phone. A plugin implements it over one
 * package; the two never import each other. Types only.
 */
import type { Session } from '../index.js';
import type { Denied } from './admission.js';
import type { BoundCounts } from './bound-counters.js';
import type { Dialog, EndReason } from './dialog.js';
import type { GateCounts } from './gate-counters.js';
import type { SipFlow, SipMessage, SipRequest } from './message-types.js';
import type { Arrival, ListenerAddress, ListenerProtocol, SipStack } from './stack-types.js';

export interface EndedCall {
  readonly session: Session;
  /** The Call-ID. */
  readonly call: string;
  /** After `timeout`, `expired` and `silence`, where nobody had said BYE, this side says it. */
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
  /** A message came over the network, before anything has read it; without secrets. */
  received: [message: SipMessage, flow: SipFlow];
  /** A frame that was dropped, an exception that was caught, a flow that was gone. For logs: nothing is to be done. */
  fault: [fault: Fault];
}

/**
 * Who may begin a call, for the stack to ask before anything of the call exists: no dialog, no session, no port. It is asked of
 * no other request: what is said inside a call comes from who was let in, and ACK and CANCEL can answer no challenge.
 */
export interface Doorkeeper {
  /** An INVITE has come, or is repeated. Why its sender is not let in; undefined: `admit` is asked, once it is known to be new. */
  look(invite: SipRequest, flow: SipFlow): Denied | undefined;
  /** A new INVITE, once. */
  admit(invite: SipRequest, flow: SipFlow): Denied | undefined;
}

/** Where to listen, and what to tell others of it. A port of 0 lets the system choose; a transport without one is off. */
export interface ListenOptions {
  /** An IP address of this machine. */
  readonly address: string;
  /** The name or address by which others know it; `address` unless set. */
  readonly advertise?: string | undefined;
  readonly udp?: number | undefined;
  readonly tcp?: number | undefined;
  readonly tls?: number | undefined;
  readonly ws?: number | undefined;
  readonly wss?: number | undefined;
  /** PEM, shown to who connects by TLS or WSS. Without it nobody can, but TLS can be dialled. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** PEM of the authorities of clients: TLS and WSS then take no connection without a certificate that one of them has signed. */
  readonly clientCa?: string | undefined;
  /** What the `Origin` of a WebSocket may be. Unset: anything; who sends none is no browser, and is let in. */
  readonly origins?: readonly string[] | undefined;
  /** Anybody may begin a call unless set. */
  readonly doorkeeper?: Doorkeeper | undefined;
  /** PEM of the authorities that may vouch for who is dialled by TLS, in place of the system's. */
  readonly ca?: string | undefined;
  /** false: the certificates of who is dialled are not verified. */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** What listeners can take up while they listen; what is not named stays. */
export interface ListenRenewal {
  /** Shown to who connects from now on. Both or neither. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** In place of the authorities that they were opened with; where there were none there can be none. */
  readonly clientCa?: string | undefined;
  readonly origins?: readonly string[] | undefined;
}

export interface SipListeners {
  /** Where each transport listens. */
  readonly addresses: ReadonlyMap<ListenerProtocol, ListenerAddress>;
  /** The stack that listens on a transport: what goes out by it has somewhere to come back. */
  stackOf(transport: string): SipStack | undefined;
  /**
   * Connections that are open stay; who comes from now on meets this. A certificate that the new authorities do not vouch for lets in
   * no new call, on open connections either.
   */
  renew?(renewal: ListenRenewal): void;
  close(): void;
}

/** Plain data, by names out of closed lists. */
export interface SipCounts {
  /** What was refused at the gate, before the stack saw it. */
  readonly gate: GateCounts;
  /** How often each bound held somebody back. */
  readonly bounds: BoundCounts;
}

/** SIP with latchkey under it, whatever package speaks it. */
export interface SipSignalling {
  on<K extends keyof SipSignallingEvents>(name: K, listener: (...args: SipSignallingEvents[K]) => void): this;
  off<K extends keyof SipSignallingEvents>(
    name: K,
    listener: (...args: SipSignallingEvents[K]) => void,
  ): this;
  /**
   * Opens one listener for each transport that has a port, and hands on each request that comes by them.
   *
   * @throws Error that names what cannot be had: a port in use, an address that is not ours, a certificate that is none.
   */
  listen(options: ListenOptions, onArrival: (arrival: Arrival) => void): Promise<SipListeners>;
  /** The dialog of this message; of an INVITE about to go out, made here. undefined: the message belongs to none. */
  dialog(message: SipMessage): Dialog | undefined;
  /** The session of that dialog. */
  session(message: SipMessage): Session | undefined;
  /** Ends the oldest call that nobody has acknowledged, for one that finds no ports. False where there is none to end. */
  displaceUnconfirmed?(newcomer: Dialog): boolean;
  /** One forged datagram may have made this call: it came over UDP, and nobody has acknowledged it. */
  isUnconfirmed?(dialog: Dialog): boolean;
  /** What was refused, and how often, since the start. */
  readonly counters?: SipCounts;
}
