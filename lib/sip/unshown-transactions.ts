/**
 * Server transactions over UDP with addresses at which nobody is shown (RFC 3261 17.2, protocol.md P11): who asks may be forged. So no
 * timer sends anything there: a request that comes again brings its answer again, and pays for it. A table without timers, bounded
 * for each source and in all; it reads and writes no message.
 */
import { sourceOf } from './address-ranges.js';
import type { BoundCounters } from './bound-counters.js';
import { transactionKey } from './message.js';
import type { SipMessage, SipRequest, SipResponse } from './message-types.js';
import { STRANGER_LIMITS } from './stranger-limits.js';
import type { StrangerLimits } from './stranger-limits.js';

export interface UnshownTransaction {
  readonly key: string;
  /** Whom the bound for each source counts it to. */
  readonly source: string;
  readonly beganMs: number;
  /** The last response to it. */
  response: SipResponse | undefined;
  /** It was more than might be sent: the request pays for it when it comes again. */
  isHeldBack: boolean;
  /** What it began is over without its doing: the request may begin anew. */
  isVoid: () => boolean;
}

/**
 * A request is sent again for so long where nothing answers. Beyond the bounds the oldest goes: it was answered when it came, and its
 * repetition is answered like a new one.
 */
const KEPT_MS = 32_000;

export class UnshownTransactions {
  readonly #counters: BoundCounters;
  readonly #nowMs: () => number;
  readonly #limits: StrangerLimits;
  readonly #all = new Map<string, UnshownTransaction>();
  readonly #byAddress = new Map<string, Set<UnshownTransaction>>();

  constructor(counters: BoundCounters, nowMs: () => number, limits = STRANGER_LIMITS) {
    this.#counters = counters;
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#all.size;
  }

  /** That of a request or of a response. The parameter `received` of its Via says where it came from. */
  of(message: SipMessage): UnshownTransaction | undefined {
    return this.#all.get(keyOf(message));
  }

  /** That which an ACK to a failure belongs to: it has the branch of its INVITE (RFC 3261 17.1.1.3). */
  failureOf(ack: SipRequest): UnshownTransaction | undefined {
    const invite = { headers: { ...ack.headers, cseq: { seq: 0, method: 'INVITE' } } };
    const found = this.of(invite);
    return found?.response && found.response.status >= 300 ? found : undefined;
  }

  hasAnyOf(address: string): boolean {
    return this.#byAddress.has(sourceOf(address));
  }

  begin(request: SipRequest, address: string): UnshownTransaction {
    const beganMs = this.#nowMs();
    this.#forgetOver(beganMs);
    const key = keyOf(request);
    const source = sourceOf(address);
    const begun = { key, source, beganMs, response: undefined, isHeldBack: false, isVoid: () => false };
    const ofAddress = this.#byAddress.get(source) ?? new Set<UnshownTransaction>();
    if (ofAddress.size >= this.#limits.maxTransactionsOfSource)
      this.#displace(ofAddress.values().next().value);
    else if (this.#all.size >= this.#limits.maxTransactions) this.#displace(this.#all.values().next().value);
    this.#all.set(key, begun);
    ofAddress.add(begun);
    // The one that was displaced may have been the last of this address.
    this.#byAddress.set(source, ofAddress);
    return begun;
  }

  forget(transaction: UnshownTransaction): void {
    const ofAddress = this.#byAddress.get(transaction.source);
    ofAddress?.delete(transaction);
    if (ofAddress?.size === 0) this.#byAddress.delete(transaction.source);
    this.#all.delete(transaction.key);
  }

  /** Those that nobody repeats any more. Each is looked at once. */
  #forgetOver(nowMs: number): void {
    for (const transaction of this.#all.values()) {
      if (nowMs - transaction.beganMs < KEPT_MS) return;
      this.forget(transaction);
    }
  }

  #displace(oldest: UnshownTransaction | undefined): void {
    if (!oldest) return;
    this.forget(oldest);
    this.#counters.count('transactions');
  }
}

function keyOf(message: SipMessage): string {
  return `${transactionKey(message)}\n${message.headers.via?.[0]?.params['received'] ?? ''}`;
}
