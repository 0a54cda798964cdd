/*
 * One address that sends packets of an RTP stream: what came from it and when. It does not judge whether the address
 * may send them.
 */
import type { TransportAddress } from '../wire/address.js';
import type { LatchTarget, MediaEndpoint } from './media-endpoint.js';
import { SequenceCount } from './sequence-count.js';

export class MediaSource {
  readonly count = new SequenceCount();
  lastMs: number;
  #payloadType = -1;
  #otherTypes: Set<number> | undefined;

  /**
   * @param from what this address is as a media port of its own
   * @param target what it is to a blind latch at the stream's destination
   */
  constructor(
    readonly address: TransportAddress,
    readonly firstMs: number,
    readonly from: MediaEndpoint,
    readonly target: LatchTarget,
  ) {
    this.lastMs = firstMs;
  }

  get packets(): number {
    return this.count.packets;
  }

  get payloadTypes(): number[] {
    return [this.#payloadType, ...(this.#otherTypes ?? [])];
  }

  add(sequence: number, payloadType: number, nowMs: number): void {
    this.count.add(sequence);
    this.lastMs = nowMs;
    if (payloadType === this.#payloadType) return;
    if (this.#payloadType < 0) this.#payloadType = payloadType;
    else (this.#otherTypes ??= new Set()).add(payloadType);
  }
}
