/*
 * One call out of a capture: the dialogs of a Call-ID that one caller began, with every fork that answered, what each
 * side signalled about its media and when, and the messages for a ladder. It tells offers from answers (RFC 3264) by
 * who spoke last, and refuses nothing: what makes no sense is shown as it came.
 */
import type { TransportAddress } from '../wire/address.js';
import { readSignalledMedia } from './signalled-media.js';
import type { SignalledMedia } from './signalled-media.js';
import type { SipMessage } from './sip-message.js';

export type Party = 'caller' | 'callee';

/** A SIP message with where and when it was captured. */
export interface SeenSip {
  readonly timeMs: number;
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly transport: 'udp' | 'tcp' | 'ws';
  readonly message: SipMessage;
}

/** What one side signalled at one time. */
export interface MediaDescription {
  readonly atMs: number;
  readonly party: Party;
  /** The callee's tag: each fork has its own; '' for the caller. */
  readonly fork: string;
  readonly role: 'offer' | 'answer';
  /** Where the message came from: behind a NAT not what the SDP says. */
  readonly sipSource: TransportAddress;
  readonly media: readonly SignalledMedia[];
  /** The session description itself; it may hold secrets. */
  readonly sdp: string;
}

/** One message of the ladder. */
export interface CallMessage {
  readonly atMs: number;
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly transport: 'udp' | 'tcp' | 'ws';
  readonly method: string;
  readonly status: number | undefined;
  readonly reason: string;
  readonly description: MediaDescription | undefined;
  /** How often the very same message was sent again. */
  repeats: number;
}

/** One callee that answered, with the highest status of an INVITE that it sent. */
export interface CallFork {
  readonly tag: string;
  readonly status: number;
}

/** Reason: one endless call, or one made up to be endless, shall not fill our memory. */
const MESSAGES_MAX = 256;
const DESCRIPTIONS_MAX = 64;
const FORKS_MAX = 32;

export class Call {
  readonly callId: string;
  readonly callerTag: string;
  readonly from: string;
  readonly to: string;
  readonly startMs: number;
  /** Of the BYE, the CANCEL or the final refusal where there was one, else of the last message. */
  endMs: number;
  hasEnded = false;
  readonly descriptions: MediaDescription[] = [];
  readonly messages: CallMessage[] = [];
  unlistedMessages = 0;
  readonly #forks = new Map<string, number>();
  readonly #seen = new Map<string, CallMessage>();
  #offer: { readonly party: Party; readonly sequence: number } | undefined;
  #answer: { readonly party: Party; readonly sequence: number } | undefined;

  constructor({ timeMs, message }: SeenSip) {
    // The first message may be a response: its From is still the one who asked.
    this.callId = message.callId;
    this.callerTag = message.from.tag;
    this.from = message.from.uri;
    this.to = message.to.uri;
    this.startMs = timeMs;
    this.endMs = timeMs;
  }

  get forks(): CallFork[] {
    return [...this.#forks].map(([tag, status]) => ({ tag, status }));
  }

  /** The highest final status of the first INVITE; undefined while there is none. */
  status: number | undefined;

  /** Does the message belong to a dialog of this call? Old stacks send no tags at all. */
  owns({ from, to }: SipMessage): boolean {
    return from.tag === this.callerTag || to.tag === this.callerTag;
  }

  /** Takes one message of this call. False where its ladder is full. */
  handle(seen: SeenSip, hasRoom: boolean): boolean {
    const { message, timeMs, source } = seen;
    const key = `${message.method} ${message.status} ${message.sequence} ${message.branch} ${message.to.tag} ${source.address}:${source.port}`;
    const before = this.#seen.get(key);
    if (before) {
      before.repeats++;
      return true;
    }
    const description = this.#describe(seen);
    this.#note(message, timeMs);
    if (!hasRoom || this.messages.length === MESSAGES_MAX) {
      this.unlistedMessages++;
      return false;
    }
    const { destination, transport } = seen;
    const { method, status, reason } = message;
    const row = {
      atMs: timeMs,
      source,
      destination,
      transport,
      method,
      status,
      reason,
      description,
      repeats: 0,
    };
    this.messages.push(row);
    this.#seen.set(key, row);
    return true;
  }

  #note({ method, status, to }: SipMessage, timeMs: number): void {
    if (!this.hasEnded) this.endMs = timeMs;
    if (status === undefined) {
      if (method === 'BYE' || (method === 'CANCEL' && this.status === undefined)) this.#end(timeMs);
      return;
    }
    if (method !== 'INVITE') return;
    this.#noteFork(to.tag, status);
    // A challenge for a password is followed by another INVITE, and an answered call survives a refused re-INVITE.
    if (status >= 200 && this.status !== 200) this.status = status < 300 ? 200 : status;
    if (status >= 300 && status !== 401 && status !== 407 && this.status !== 200) this.#end(timeMs);
  }

  #noteFork(tag: string, status: number): void {
    const isCallee = tag !== '' && tag !== this.callerTag;
    if (!isCallee || status <= 100) return;
    if (this.#forks.has(tag) || this.#forks.size < FORKS_MAX)
      this.#forks.set(tag, Math.max(status, this.#forks.get(tag) ?? 0));
  }

  #end(timeMs: number): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.endMs = timeMs;
  }

  #describe({ message, timeMs, source }: SeenSip): MediaDescription | undefined {
    const { status, from, to, sequence, sdp } = message;
    if (status !== undefined && status >= 300 && this.#offer?.sequence === sequence) this.#offer = undefined;
    if (sdp === undefined) return undefined;
    const asker: Party = from.tag === this.callerTag ? 'caller' : 'callee';
    const other: Party = asker === 'caller' ? 'callee' : 'caller';
    const party = status === undefined ? asker : other;
    const media = readSignalledMedia(sdp);
    if (!media) return undefined;
    const role = this.#roleOf(party, sequence, status !== undefined);
    const fork = party === 'caller' ? '' : asker === 'callee' ? from.tag : to.tag;
    const description = { atMs: timeMs, party, fork, role, sipSource: source, media, sdp };
    if (this.descriptions.length < DESCRIPTIONS_MAX) this.descriptions.push(description);
    return description;
  }

  #roleOf(party: Party, sequence: number, isResponse: boolean): 'offer' | 'answer' {
    if (this.#offer && this.#offer.party !== party) {
      this.#answer = { party, sequence };
      this.#offer = undefined;
      return 'answer';
    }
    // A 200 repeats its 183, and each fork answers the same offer.
    if (!this.#offer && isResponse && this.#answer?.party === party && this.#answer.sequence === sequence)
      return 'answer';
    this.#offer = { party, sequence };
    return 'offer';
  }
}
