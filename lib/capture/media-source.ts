/*
 * One address that sends packets of an RTP stream: what came from it and when. It does not judge whether the address
 * may send them.
 */
import type { TransportAddress } from '../wire/address.js';
import type { LatchTarget, MediaEndpoint } from './media-endpoint.js';
import type { SequenceCount, SequenceStep } from './sequence-count.js';
import type { JudgedSrtp } from './srtp-ledger.js';
import { SrtpCount } from './srtp-count.js';

export class MediaSource {
  lastMs: number;
  /** How many packets the stream had with the last one from here. */
  lastOfStream = 0;
  /** What its packets are worth as SRTP; undefined where no key was agreed on for any of them. */
  srtp: SrtpCount | undefined;
  #payloadType = -1;
  #otherTypes: Set<number> | undefined;

  /**
   * @param from what this address is as a media port of its own
   * @param target what it is to a blind latch at the stream's destination
   * @param count of its own packets; the stream's own for as long as it is the only source
   */
  constructor(
    readonly address: TransportAddress,
    readonly firstMs: number,
    readonly firstFrame: number,
    readonly from: MediaEndpoint,
    readonly target: LatchTarget,
    readonly count: SequenceCount,
  ) {
    this.lastMs = firstMs;
  }

  get packets(): number {
    return this.count.packets;
  }

  get payloadTypes(): number[] {
    return [this.#payloadType, ...(this.#otherTypes ?? [])];
  }

  noteJudged(judged: JudgedSrtp): void {
    (this.srtp ??= new SrtpCount()).add(judged);
  }

  add(sequence: number, payloadType: number, nowMs: number): SequenceStep {
    const step = this.count.add(sequence, nowMs);
    this.lastMs = nowMs;
    if (payloadType === this.#payloadType) return step;
    if (this.#payloadType < 0) this.#payloadType = payloadType;
    else (this.#otherTypes ??= new Set()).add(payloadType);
    return step;
  }
}
