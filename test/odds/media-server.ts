// What plays the server in the odds: a rule for whom media is taken from and sent to, behind signalling that is played for it.
import type { TransportAddress } from '../../lib/wire/address.js';
import type { Clock } from '../support/clock.js';
import type { Prng } from '../support/prng.js';
import type { PortRange } from './port-range.js';

/** What became of a re-INVITE; nothing is told where the phone does not reply. */
export type Reply = { readonly kind: 'answered'; readonly sdp: string } | { readonly kind: 'refused' };

/** A moment of a call that the judge writes down. */
export type Moment =
  | { readonly kind: 'locked'; readonly remote: TransportAddress }
  | { readonly kind: 'contested' | 'conflict' | 'question' };

/** The machine that a server runs on. */
export interface ServerHost {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly range: PortRange;
  readonly address: string;
  transmit(port: number, destination: TransportAddress, bytes: Uint8Array): void;
}

/** The application of one call, and its signalling. */
export interface CallHost {
  /** The IP address that the phone's signalling comes from. */
  readonly home: string;
  /** Payload for the application. */
  deliver(bytes: Uint8Array): void;
  reinvite(offer: string, handleReply: (reply: Reply) => void): void;
  note(moment: Moment): void;
}

export interface MediaServer {
  openCall(host: CallHost): ServerCall;
  receive(port: number, bytes: Uint8Array, source: TransportAddress): void;
}

export interface ServerCall {
  makeOffer(): string;
  /** Takes the phone's offer, and tells ours in return. */
  makeAnswer(offer: string): string;
  takeAnswer(answer: string): void;
  /** The dialog is confirmed. */
  confirm(): void;
  /** Media of the application, for the phone. */
  send(bytes: Uint8Array): void;
}

export interface ServerKind {
  readonly name: string;
  /** It says of itself whether it is contested, and asks: the table has more of it. */
  readonly asks: boolean;
  readonly hasCanaries: boolean;
  /** Whoever hears the phone in a room is told numbers of the server's, not the phone's own (protocol.md 8.3.11). */
  readonly keepsNumbersHome: boolean;
  create(host: ServerHost): MediaServer;
}

/** The port of the audio section. */
export function mediaPortOf(sdp: string): number {
  return Number(/^m=audio (\d+) /m.exec(sdp)?.[1]);
}
