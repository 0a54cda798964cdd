// What became of one call: it sees every packet that the server sends and hands on, and what the server says of itself.
import type { TransportAddress } from '../../lib/wire/address.js';
import type { Moment } from './media-server.js';

/** The first byte of a packet's payload, which no server looks at: who has sent it, the phone before or after its NAT has rebound. */
export const MARKS = { phone: 0xd5, reboundPhone: 0xd6, attacker: 0x66 } as const;
const HEADER_BYTES = 12;

export interface CallTally {
  /** Packets of ours that the attacker received. */
  readonly stolen: number;
  /** Packets of the attacker's that the application got. */
  readonly injected: number;
  /** When questions were put. */
  readonly askedMs: readonly number[];
  readonly contests: Readonly<Record<'right' | 'wrong' | 'unresolved', number>>;
  readonly conflicts: number;
  /** From the 200, or from the phone's first packet where that is later, to media both ways; Infinity: never. */
  readonly bothWaysMs: number;
  /** From the rebinding to media both ways again. */
  readonly gapMs: number;
}

interface Watch {
  readonly sinceMs: number;
  upMs: number;
  downMs: number;
}

const watchFrom = (sinceMs: number): Watch => ({ sinceMs, upMs: Infinity, downMs: Infinity });

export class Judge {
  #stolen = 0;
  #injected = 0;
  readonly #askedMs: number[] = [];
  #conflicts = 0;
  #isContested = false;
  readonly #contests = { right: 0, wrong: 0, unresolved: 0 };
  #begin = watchFrom(0);
  #rebinding = watchFrom(0);
  readonly #isAttackers: (address: TransportAddress) => boolean;
  /** A phone that only listens has its media when it hears. */
  readonly #isOneWay: boolean;

  constructor(isAttackers: (address: TransportAddress) => boolean, isOneWay = false) {
    this.#isAttackers = isAttackers;
    this.#isOneWay = isOneWay;
  }

  /** The 200 has come or gone, or the phone has only now begun to speak. */
  handleBegun(nowMs: number): void {
    this.#begin = watchFrom(nowMs);
  }

  handleRebound(nowMs: number): void {
    this.#rebinding = watchFrom(nowMs);
  }

  /** The attacker has received a packet of ours. */
  handleStolen(): void {
    this.#stolen++;
  }

  handleDelivered(bytes: Uint8Array, nowMs: number): void {
    const mark = bytes[HEADER_BYTES];
    if (mark === MARKS.attacker) this.#injected++;
    else this.#begin.upMs = Math.min(this.#begin.upMs, nowMs);
    if (mark === MARKS.reboundPhone) this.#rebinding.upMs = Math.min(this.#rebinding.upMs, nowMs);
  }

  /** The phone has heard the server. */
  handleHeard(nowMs: number): void {
    for (const watch of [this.#begin, this.#rebinding]) watch.downMs = Math.min(watch.downMs, nowMs);
  }

  note(moment: Moment, nowMs: number): void {
    switch (moment.kind) {
      case 'question':
        this.#askedMs.push(nowMs);
        return;
      case 'conflict':
        this.#conflicts++;
        return;
      case 'contested':
        this.#isContested = true;
        return;
      case 'locked':
        if (this.#isContested) this.#contests[this.#isAttackers(moment.remote) ? 'wrong' : 'right']++;
        this.#isContested = false;
    }
  }

  tally(): CallTally {
    const { right, wrong, unresolved } = this.#contests;
    return {
      stolen: this.#stolen,
      injected: this.#injected,
      askedMs: this.#askedMs,
      contests: { right, wrong, unresolved: unresolved + (this.#isContested ? 1 : 0) },
      conflicts: this.#conflicts,
      bothWaysMs: this.#tookMs(this.#begin),
      gapMs: this.#tookMs(this.#rebinding),
    };
  }

  #tookMs({ sinceMs, upMs, downMs }: Watch): number {
    return (this.#isOneWay ? downMs : Math.max(upMs, downMs)) - sinceMs;
  }
}
