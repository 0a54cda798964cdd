/*
 * One call out of a capture: the dialogs of a Call-ID that one caller began, with every fork that answered, what each
 * side signalled about its media and when, and the messages for a ladder. It says how the call ended only as far as that was
 * captured, and refuses nothing: what makes no sense is shown as it came.
 */
import type { TransportAddress } from '../wire/address.js';
import { OfferAnswer } from './offer-answer.js';
import { otherParty } from './party.js';
import type { Party } from './party.js';
import { readSignalledMedia } from './signalled-media.js';
import type { SignalledMedia } from './signalled-media.js';
import type { SipMessage } from './sip-message.js';

/** A SIP message with where and when it was captured. */
export interface SeenSip {
  readonly timeMs: number;
  /** The number of its packet in the capture; absent where it is from no file. */
  readonly frame?: number;
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly transport: 'udp' | 'tcp' | 'ws';
  readonly message: SipMessage;
}

/** What one side signalled at one time. */
export interface MediaDescription {
  readonly atMs: number;
  readonly frame: number;
  readonly party: Party;
  /** The callee's tag, which names the dialog: each fork has its own. '' for the INVITE that began them. */
  readonly fork: string;
  readonly role: 'offer' | 'answer';
  /** The capture did not keep all of it: what it says of media may be missing. */
  readonly isCut: boolean;
  /** Where the message came from: behind a NAT not what the SDP says. */
  readonly sipSource: TransportAddress;
  readonly media: readonly SignalledMedia[];
  /** The session description itself. It may hold secrets: what prints the object prints none. */
  readonly sdp: () => string;
}

/** One message of the ladder. */
export interface CallMessage {
  readonly atMs: number;
  readonly frame: number;
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly transport: 'udp' | 'tcp' | 'ws';
  readonly method: string;
  readonly status: number | undefined;
  readonly reason: string;
  readonly description: MediaDescription | undefined;
  /** How often the very same message was sent again. */
  repeats: number;
  /** How often it is in the capture at once: no sender repeats itself so soon, it was captured twice. */
  copies: number;
  lastMs: number;
}

/** How a call began, as far as it was captured: `unknown` where nobody knows from this capture alone. */
export type CallOutcome = 'answered' | 'refused' | 'cancelled' | 'unknown';

/** One callee that answered, with the highest status of an INVITE that it sent. */
export interface CallFork {
  readonly tag: string;
  readonly status: number;
}

/** Reason: one endless call, or one made up to be endless, shall not fill our memory. */
const MESSAGES_MAX = 256;
const DESCRIPTIONS_MAX = 64;
const FORKS_MAX = 32;
/** RFC 3261 section 17.1.1.2: nothing is sent again before half a second has passed. */
const REPEAT_MIN_MS = 100;

export class Call {
  readonly callId: string;
  /** '' where the message that showed it was cut off before. */
  callerTag: string;
  readonly from: string;
  readonly to: string;
  startMs: number;
  /** Of the BYE, the CANCEL or the final refusal where there was one, else of the last message. */
  endMs: number;
  hasEnded = false;
  readonly descriptions: MediaDescription[] = [];
  readonly messages: CallMessage[] = [];
  unlistedMessages = 0;
  /** The highest final status of the first INVITE; undefined while there is none. */
  status: number | undefined;
  readonly #forks = new Map<string, number>();
  readonly #seen = new Map<string, CallMessage>();
  readonly #roles = new OfferAnswer();
  /** Who sent anything that was captured. */
  readonly #heard = new Set<Party>();
  /** The number of the INVITE without a tag that was seen last, and its branches: every hop adds one of its own. */
  #attempt: { readonly sequence: number; readonly branches: Set<string> } | undefined;
  /** The INVITEs inside the call. */
  readonly #laterInvites = new Set<string>();
  /** The message that showed the call was cut off before its caller's tag. */
  readonly #isTagCut: boolean;
  #hasCancel = false;
  #hasBye = false;
  #hasAck = false;
  /** A request that is only sent in a call that was answered. */
  #isEstablished = false;

  constructor({ timeMs, message }: SeenSip) {
    // The first message may be a response: its From is still the one who asked.
    this.callId = message.callId;
    this.callerTag = message.from.tag;
    this.#isTagCut = message.isCut && message.from.tag === '';
    this.from = message.from.uri;
    this.to = message.to.uri;
    this.startMs = timeMs;
    this.endMs = timeMs;
  }

  get forks(): CallFork[] {
    return [...this.#forks].map(([tag, status]) => ({ tag, status }));
  }

  /** Whose messages were captured; undefined for both. */
  get onlyHeard(): Party | undefined {
    const [party] = this.#heard;
    return this.#heard.size === 1 ? party : undefined;
  }

  get outcome(): CallOutcome {
    if (this.status === 200) return 'answered';
    if (this.status !== undefined && !isChallenge(this.status)) return 'refused';
    // No answer was captured, but what only follows one.
    const wasBegunBefore = this.#attempt === undefined;
    if (this.#isEstablished || (this.#hasBye && (this.#hasAck || wasBegunBefore))) return 'answered';
    if (this.#hasCancel) return 'cancelled';
    return this.status === undefined ? 'unknown' : 'refused';
  }

  /** Does the message belong to a dialog of this call? Old stacks send no tags at all, and a tag may have been cut off. */
  owns({ from, to, isCut }: SipMessage): boolean {
    if (from.tag === this.callerTag || to.tag === this.callerTag) return true;
    return this.#isTagCut || (isCut && (from.tag === '' || to.tag === ''));
  }

  /** Takes one message of this call. False where its ladder is full. */
  handle(seen: SeenSip, hasRoom: boolean): boolean {
    const { message, timeMs, source, frame = 0 } = seen;
    if (this.callerTag === '' && this.#isTagCut) this.callerTag = message.from.tag;
    const key = `${message.method} ${message.status} ${message.sequence} ${message.branch} ${message.to.tag} ${source.address}:${source.port}`;
    const before = this.#seen.get(key);
    if (before) {
      if (timeMs - before.lastMs < REPEAT_MIN_MS) before.copies++;
      else before.repeats++;
      before.lastMs = timeMs;
      return true;
    }
    if (timeMs < this.startMs) this.startMs = timeMs;
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
      frame,
      source,
      destination,
      transport,
      method,
      status,
      reason,
      description,
      repeats: 0,
      copies: 0,
      lastMs: timeMs,
    };
    this.messages.push(row);
    this.#seen.set(key, row);
    return true;
  }

  #note(message: SipMessage, timeMs: number): void {
    const { method, status, to } = message;
    if (!this.hasEnded) this.endMs = timeMs;
    if (status === undefined) return this.#noteRequest(message, timeMs);
    if (method !== 'INVITE') return;
    if (this.#laterInvites.has(`${message.from.tag} ${message.sequence}`)) {
      // Whatever became of it, there was a call.
      if (status < 300) this.status = 200;
      return;
    }
    this.#noteFork(to.tag, status);
    // A challenge for a password is followed by another INVITE, and an answered call survives a refused re-INVITE.
    if (status >= 200 && this.status !== 200) this.status = status < 300 ? 200 : status;
    if (status >= 300 && !isChallenge(status) && this.status !== 200) this.#end(timeMs);
  }

  #noteRequest({ method, sequence, branch, from, to }: SipMessage, timeMs: number): void {
    switch (method) {
      case 'INVITE':
        if (to.tag !== '') {
          this.#isEstablished = true;
          if (this.#laterInvites.size < MESSAGES_MAX) this.#laterInvites.add(`${from.tag} ${sequence}`);
        } else if (from.tag === this.callerTag) this.#begin(sequence, branch);
        break;
      case 'ACK':
        // RFC 3261 section 17.1.1.3: that of a refusal has the branch of its INVITE, that of an answer one of its own (13.2.2.4).
        if (to.tag === '') break;
        this.#hasAck = true;
        if (this.#attempt?.sequence === sequence && branch !== '' && !this.#attempt.branches.has(branch))
          this.#isEstablished = true;
        break;
      case 'BYE':
        this.#hasBye = true;
        this.#end(timeMs);
        break;
      case 'CANCEL':
        this.#hasCancel = true;
        if (this.status === undefined) this.#end(timeMs);
        break;
      default:
    }
  }

  /** Another try, with a password or what else was asked for: who refused the one before is no fork of this one. */
  #begin(sequence: number, branch: string): void {
    if (this.#attempt?.sequence === sequence) {
      if (this.#attempt.branches.size < FORKS_MAX) this.#attempt.branches.add(branch);
      return;
    }
    if (this.#attempt && this.status !== 200 && !this.#hasBye) {
      for (const [tag, status] of this.#forks) if (status >= 300) this.#forks.delete(tag);
      this.hasEnded = false;
    }
    this.#attempt = { sequence, branches: new Set([branch]) };
  }

  #noteFork(tag: string, status: number): void {
    const isCallee = tag !== '' && tag !== this.callerTag;
    // A challenge comes from whoever guards the way, and no phone has rung.
    if (!isCallee || status <= 100 || isChallenge(status)) return;
    if (this.#forks.has(tag) || this.#forks.size < FORKS_MAX)
      this.#forks.set(tag, Math.max(status, this.#forks.get(tag) ?? 0));
  }

  #end(timeMs: number): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.endMs = timeMs;
  }

  #describe({ message, timeMs, source, frame = 0 }: SeenSip): MediaDescription | undefined {
    const { status, from, to, sdp, isCut } = message;
    const isCaller = from.tag === this.callerTag || (isCut && from.tag === '' && to.tag !== this.callerTag);
    const asker: Party = isCaller ? 'caller' : 'callee';
    const party = status === undefined ? asker : otherParty(asker);
    this.#heard.add(party);
    const inDialog = { message, asker, dialog: asker === 'caller' ? to.tag : from.tag };
    const media = sdp === undefined ? undefined : readSignalledMedia(sdp);
    const isDescription = media !== undefined || (isCut && message.body === 'description');
    // Why it was refused may come with a description too: that is no answer (RFC 3261 section 21.4.26).
    const isRefusal = status !== undefined && status >= 300;
    const role = this.#roles.roleOf(inDialog);
    if (status === undefined) this.#roles.noteRequest(inDialog);
    if (!isDescription || isRefusal) return undefined;
    this.#roles.noteDescription(inDialog, role);
    const description = {
      atMs: timeMs,
      frame,
      party,
      fork: inDialog.dialog,
      role,
      isCut,
      sipSource: source,
      media: media ?? [],
      sdp: () => sdp ?? '',
    };
    if (this.descriptions.length < DESCRIPTIONS_MAX) this.descriptions.push(description);
    return description;
  }
}

function isChallenge(status: number): boolean {
  return status === 401 || status === 407;
}
