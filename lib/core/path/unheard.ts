// Nobody is left out in silence (protocol.md 7): when to say that media comes which is not taken while none is, and that nothing goes
// to a peer whose call is up. It decides and remembers; it tells nobody itself.
import type { TransportAddress } from '../../wire/index.js';
import type { Counters } from '../counters.js';
import type { Protection } from '../proof/protection.js';

/** Told at most so often. */
const EVERY_MS = 5000;
/** Media that is not taken for so long, where nothing could prove its source: not a stray packet, and not the first of a call. */
const UNPROVEN_AFTER_MS = 200;
/** Where its source could prove itself it has the time for that: a challenge fails after 4.7 s (5.2). */
const PROVABLE_AFTER_MS = 5000;
/** A longer pause begins anew: packets of an hour are no stream. */
const PAUSE_MS = 5000;
/** After the confirmation. */
const NOTHING_SENT_MS = 5000;

/** A stream, as far as it matters whether anything goes out. */
interface Sending {
  readonly kind: Protection['kind'];
  readonly signalled: TransportAddress | undefined;
  readonly expectsMedia: boolean;
  readonly counters: Counters;
}

export class UnheardWatch {
  #sinceMs = Infinity;
  #lastMs = -Infinity;
  #delivered = 0;
  #toldMs = -Infinity;
  /** When it is looked at whether anything goes to the peer. */
  #lookMs = Infinity;
  #sent = 0;

  /**
   * Media has come from somewhere and was not taken. True where that is to be told.
   *
   * @param delivered How many packets were taken until now: one that was, in between, ends the silence.
   */
  noteRefused(delivered: number, isProvable: boolean, nowMs: number): boolean {
    if (delivered !== this.#delivered || nowMs - this.#lastMs > PAUSE_MS) this.#sinceMs = nowMs;
    this.#delivered = delivered;
    this.#lastMs = nowMs;
    const afterMs = isProvable ? PROVABLE_AFTER_MS : UNPROVEN_AFTER_MS;
    if (nowMs - this.#sinceMs < afterMs || nowMs - this.#toldMs < EVERY_MS) return false;
    this.#toldMs = nowMs;
    return true;
  }

  /** The dialog is confirmed: something should go out soon. */
  noteConfirmed(sent: number, nowMs: number): void {
    this.#sent = sent;
    this.#lookMs = nowMs + NOTHING_SENT_MS;
  }

  /** When `isStuck` wants to be asked. */
  get nextMs(): number {
    return this.#lookMs;
  }

  /**
   * Asked once, when its time has come: true where nothing has gone out since the confirmation, nor can, though the peer is not on hold.
   *
   * @param hasPath There is an address to send to.
   */
  isStuck({ kind, signalled, expectsMedia, counters }: Sending, hasPath: boolean, nowMs: number): boolean {
    if (nowMs < this.#lookMs) return false;
    this.#lookMs = Infinity;
    if (counters.sent !== this.#sent || nowMs - this.#toldMs < EVERY_MS) return false;
    this.#toldMs = nowMs;
    const isOnHold = signalled === undefined && !expectsMedia;
    return kind !== 'closed' && !isOnHold && (!hasPath || counters.dropped.unproven > 0);
  }

  /** The stream is over. */
  stop(): void {
    this.#lookMs = Infinity;
  }
}
