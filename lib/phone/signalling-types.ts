// The calling side of one call as the terminal needs it, whatever carries the SIP: types only.
import type { EventEmitter } from 'node:events';
import type { Latchkey, Policy, Role, Session, Signalling } from '../index.js';
import type { CallUri, DigestCredentials } from '../sip/index.js';

export interface SipClientOptions {
  readonly latchkey: Latchkey;
  /** With a user: whom to call. */
  readonly uri: CallUri;
  /** The IPv4 address to listen on. */
  readonly local: string;
  /** PEM of the authorities to trust, in place of the system's. */
  readonly ca?: string | undefined;
  /** Answers the server's challenges. */
  readonly credentials?: DigestCredentials | undefined;
  /** The server's certificate is not verified: its owner asked for that by name. */
  readonly isInsecure?: boolean | undefined;
  readonly policy?: Policy | undefined;
  /** `prover` unless told. */
  readonly role?: Role | undefined;
  readonly srtp?: 'terminate' | undefined;
}

export interface SipClientEvents {
  /** A provisional response. */
  progress: [status: number, reason: string];
  /** The other side hung up. Its BYE is answered when all listeners have run. */
  bye: [];
  /** The other side's new description in mid call, when it has been answered. */
  renegotiated: [sdp: string];
}

/** Gives the description to answer an offer with, or one to offer where the other side sent none. */
export type Describe = (offer: string | undefined) => { readonly sdp: string } | { readonly warning: string };

export interface SignallingClient extends EventEmitter<SipClientEvents> {
  /** The latch session of the call, there from the start. */
  readonly session: Session;
  /** How the hop to the server is protected. */
  readonly signalling: Signalling;
  /** Calls; resolves with the answer's text, attributes included. Rejects with a Failure. */
  invite(offer: string, describe: Describe): Promise<string>;
  /** Offers anew in mid call. Resolves with the answer's text; rejects with a Failure, and the call is as it was. */
  reoffer(offer: string): Promise<string>;
  /** Ends the call, or gives it up; resolves when the other side knows, or will not. */
  hangUp(): Promise<void>;
  close(): void;
}
