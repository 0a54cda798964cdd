/*
 * All calls of a capture while it is read. A call is what an INVITE begins, seen from its beginning or not; registrations
 * and the like are counted only.
 */
import type { TransportAddress } from '../wire/address.js';
import { formatAddress } from '../wire/address.js';
import { Call } from './call.js';
import type { MediaDescription, SeenSip } from './call.js';
import type { SignalledMedia } from './signalled-media.js';

/** What only occurs in calls. */
const CALL_METHODS = new Set(['INVITE', 'ACK', 'BYE', 'CANCEL', 'PRACK', 'UPDATE']);
/** Reason: bounded memory; a call with its messages is some ten kilobytes. */
export const CALLS_MAX = 10_000;
const LADDER_MESSAGES_MAX = 50_000;
const OTHER_DIALOGS_MAX = 100_000;
const PASSWORDS_MAX = 100_000;
const ADDRESSES_MAX = 65_536;
/** Reason: addresses and names out of a description keep its text alive; these are a hundred thousand usual ones. */
const SDP_CHARACTERS_MAX = 64 * 1024 * 1024;

export class CallLedger {
  readonly #calls = new Map<string, Call[]>();
  readonly #others = new Set<string>();
  readonly #passwords = new Map<string, string>();
  /** What each signalled address takes, by payload type. */
  readonly #codecs = new Map<string, ReadonlyMap<number, string>>();
  #callCount = 0;
  #ladderMessages = 0;
  #sdpCharacters = 0;
  /** SIP messages, retransmissions too. */
  messages = 0;
  /** Messages of calls above the limit, and descriptions above theirs. */
  unlistedMessages = 0;
  /** Messages whose Call-ID the capture cut off. */
  namelessMessages = 0;

  /** In the order in which they began. */
  calls(): Call[] {
    return [...this.#calls.values()].flat();
  }

  /** Call-IDs that carried no call: registrations, subscriptions, pings. */
  get otherDialogs(): number {
    return this.#others.size;
  }

  /** Call-IDs in all, of calls or not. */
  get callIds(): number {
    return this.#calls.size + this.#others.size;
  }

  /** The `ice-pwd` that was signalled last with this fragment. A secret. */
  passwordOf(ufrag: string): string | undefined {
    return this.#passwords.get(ufrag);
  }

  /** What a payload type was last said to be at this address: `opus/48000/2`. */
  codecAt(address: TransportAddress, payloadType: number): string | undefined {
    return this.#codecs.get(formatAddress(address))?.get(payloadType);
  }

  /** The description that it brought, if it is a new one and there is room for it. */
  handle(seen: SeenSip): MediaDescription | undefined {
    const { message } = seen;
    this.messages++;
    if (message.callId === '') {
      if (message.isCut) this.namelessMessages++;
      return undefined;
    }
    const call = this.#callOf(seen);
    if (!call) return undefined;
    const described = call.descriptions.length;
    const size = message.sdp?.length ?? 0;
    const hasSpace = this.#sdpCharacters + size <= SDP_CHARACTERS_MAX;
    if (!hasSpace) this.unlistedMessages++;
    const kept = hasSpace ? seen : { ...seen, message: { ...message, sdp: undefined } };
    if (call.handle(kept, this.#ladderMessages < LADDER_MESSAGES_MAX)) this.#ladderMessages++;
    if (call.descriptions.length > described) this.#sdpCharacters += size;
    const [description] = call.descriptions.slice(described);
    for (const one of description?.media ?? []) this.#learn(one);
    return description;
  }

  #learn({ ufrag, password, rtp, codecs }: SignalledMedia): void {
    if (ufrag !== undefined && password !== undefined && this.#passwords.size < PASSWORDS_MAX)
      this.#passwords.set(ufrag, password());
    if (!rtp) return;
    const key = formatAddress(rtp);
    if (this.#codecs.has(key) || this.#codecs.size < ADDRESSES_MAX) this.#codecs.set(key, codecs);
  }

  #callOf(seen: SeenSip): Call | undefined {
    const { callId, method } = seen.message;
    const known = this.#calls.get(callId);
    const call = known?.find((one) => one.owns(seen.message));
    if (call) return call;
    if (!CALL_METHODS.has(method)) {
      if (!known && this.#others.size < OTHER_DIALOGS_MAX) this.#others.add(callId);
      return undefined;
    }
    if (this.#callCount === CALLS_MAX) {
      this.unlistedMessages++;
      return undefined;
    }
    this.#callCount++;
    const begun = new Call(seen);
    if (known) known.push(begun);
    else this.#calls.set(callId, [begun]);
    this.#others.delete(callId);
    return begun;
  }
}
