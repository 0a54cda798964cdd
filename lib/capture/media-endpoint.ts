/*
 * One address and port that media goes to or comes from, and what two kinds of blind latch (RFC 7362) would do there:
 * one that sends to whoever spoke first, one that follows whoever spoke last. It forecasts, and judges nobody.
 */
import type { TransportAddress } from '../wire/address.js';

/** One source of RTP as a blind latch sees it, with the packets that it would have been sent. */
export interface LatchTarget {
  readonly source: TransportAddress;
  /** Packets that left the endpoint while this source was the first that had spoken. */
  asFirst: number;
  /** Packets that left the endpoint while this source was the last that had spoken. */
  asNewest: number;
}

/** Reason: a flood from forged addresses shall not fill our memory. */
const TARGETS_MAX = 64;

export class MediaEndpoint {
  readonly #targets: LatchTarget[] = [];
  #first: LatchTarget | undefined;
  #newest: LatchTarget | undefined;
  /** RTP packets that left here. Those before any had come a blind latch sends to the signalled address, or nowhere. */
  sent = 0;

  constructor(readonly address: TransportAddress) {}

  get targets(): readonly LatchTarget[] {
    return this.#targets;
  }

  /** Whoever spoke first. */
  get first(): LatchTarget | undefined {
    return this.#first;
  }

  /** The target for a source; all sources above the limit share the last one. */
  targetOf(source: TransportAddress): LatchTarget {
    for (const target of this.#targets)
      if (target.source.port === source.port && target.source.address === source.address) return target;
    const last = this.#targets.at(-1);
    if (last && this.#targets.length === TARGETS_MAX) return last;
    const target = { source, asFirst: 0, asNewest: 0 };
    this.#targets.push(target);
    return target;
  }

  noteReceived(target: LatchTarget): void {
    this.#first ??= target;
    this.#newest = target;
  }

  noteSent(): void {
    this.sent++;
    if (!this.#first || !this.#newest) return;
    this.#first.asFirst++;
    this.#newest.asNewest++;
  }
}
