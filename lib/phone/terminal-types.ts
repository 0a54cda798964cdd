// What a terminal is told, and what it tells: the types of terminal.ts.
import type { Socket } from 'node:dgram';
import type { MediaPacket } from '../capture/index.js';
import type { NatChange, Policy, Session, Signalling } from '../index.js';
import type { TransportAddress } from '../wire/index.js';
import type { CallUri, DigestCredentials } from '../sip/index.js';
import type { FetchedKey } from './https-request.js';
import type { Recorder } from './recorder.js';
import type { SignallingClient, SipClientOptions } from './signalling-types.js';
import type { StreamSummary } from './stream-stats.js';

export interface TerminalOptions {
  /** Opens the calling side of the signalling. Rejects with a Failure. */
  readonly openSignalling: (options: SipClientOptions) => Promise<SignallingClient>;
  /** Where to call, with a user. */
  readonly uri: CallUri;
  /** PEM of the authorities to trust, in place of the system's. */
  readonly ca?: string | undefined;
  /** The name and the password for the server's challenges. */
  readonly credentials?: DigestCredentials | undefined;
  /** A key that the server gave out over HTTPS: the call names it, and is latched over clear signalling too. */
  readonly namedKey?: FetchedKey | undefined;
  /** The server's certificate is not verified. */
  readonly isInsecure?: boolean | undefined;
  /** The IPv4 address for signalling and media; by default the one that the system reaches the server from. */
  readonly listen?: string | undefined;
  /** What is played, over and over; a tone by default. */
  readonly media?: readonly MediaPacket[] | undefined;
  readonly recorder?: Recorder | undefined;
  /** From the answer to hanging up; without it the call lasts until `hangUp()` or the other side's BYE. */
  readonly durationMs?: number | undefined;
  readonly policy?: Policy | undefined;
  /** Offers SRTP and nothing else. */
  readonly isSrtp?: boolean | undefined;
  /** Asks the server for a proof too, by latch or by ICE: media goes to an address that has proved itself. */
  readonly isVerifier?: boolean | undefined;
  /** Makes the media sockets, unbound: for a simulated network. The address is then not watched. */
  readonly createSocket?: (() => Socket) | undefined;
  /** The media address that the SDP says, where it is not the socket's. */
  readonly signalled?: { readonly address: string; readonly port?: number } | undefined;
}

/** Addresses are `address:port`; null where nothing is known. */
export interface CallSummary {
  /** RTP packets. */
  readonly sent: number;
  readonly received: number;
  readonly signalled: string | null;
  /** Where the server sees us, by its last welcome. */
  readonly mapping: string | null;
  /** Between `signalled` and `mapping`. */
  readonly nat: NatChange | null;
  /** A challenge of the server's was answered, or a check that ICE makes. */
  readonly verified: boolean;
  readonly streams: readonly StreamSummary[];
  readonly dropped: Readonly<Record<string, number>>;
}

/** What protects the call, for the doctor. */
export interface CallProtection {
  readonly signalling: Signalling;
  readonly kind: Session['protection'];
  /** Of the server's answer; undefined where it has no latch. */
  readonly suite: string | undefined;
  readonly media: TransportAddress | undefined;
}

export interface TerminalEvents {
  /** The name of the server has this address; it is connected to now. */
  resolved: [address: string];
  progress: [status: number, reason: string];
  answered: [protection: CallProtection];
  /** A challenge of the server's was answered for the first time. */
  verified: [];
  /** The server sees us somewhere new. */
  mapped: [mapping: TransportAddress];
  /** The media goes from another local address now. */
  moved: [local: TransportAddress];
  /** The server has agreed to a hold of ours, or to its end. */
  held: [isHeld: boolean];
  /** An RTP packet arrived from where media may come from. */
  rtp: [bytes: Uint8Array];
  /** An RTP packet of ours went out. */
  sent: [bytes: Uint8Array];
  warning: [text: string];
  /** The call is over; by a Failure where it never came about. */
  ended: [by: 'us' | 'server' | 'failure'];
}
