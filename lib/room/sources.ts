/*
 * Who owns which SSRC in one room, so that nobody speaks or takes leave in another's name and feedback finds
 * its way. It remembers numbers and names only, and never more than a fixed number of them per owner.
 *
 * An SSRC that two use is resolved as RFC 3550 section 8.2 asks: the first keeps it, the second's is exchanged for
 * a free one on its own transport, in both directions. So all numbers of the room are different, and what a
 * participant hears and says is the room's, but for pairs that are swapped: one to one, always.
 */
import { Reception } from './reception.js';
import { drawShift } from './number-shift.js';
import type { NumberShift } from './number-shift.js';
import type { SenderClock } from './sender-clock.js';
import type { SsrcSwaps } from './ssrc-swaps.js';

/** One synchronization source (RFC 3550 section 3) and the transport it belongs to. */
export interface Source<Owner> {
  /** As the room knows it. */
  readonly ssrc: number;
  /** As its owner calls it: another one where the number was taken. */
  readonly ownSsrc: number;
  /** How far its other numbers are from its owner's; undefined where they are the same. */
  readonly shift: NumberShift | undefined;
  /** Undefined once the source has been forgotten: the number is free again. */
  owner: Owner | undefined;
  /** What its media is, once there was some. */
  channel?: string;
  /** What has arrived of its media. */
  readonly reception: Reception;
  /** The CNAME its owner gave it in SDES. */
  cname?: string;
  /** What its last sender report says of its timestamps. */
  clock?: SenderClock;
  /** Its owner has sent a BYE for it. Packets that arrive late do not take that back. */
  hasSaidBye: boolean;
  /** Somebody waits for a key frame of it that it has not been asked for yet. */
  isKeyFrameDue: boolean;
  keyFrameAskedMs: number;
  keyFramesAsked: number;
}

/**
 * SSRCs remembered per owner. One BYE packet names at most 31 (RFC 3550 section 6.6, a count of 5 bits), so
 * one packet says farewell for all; a call has one or two, and a new one with each hold at worst. With
 * more, the one learned longest ago is forgotten, so that a long call never falls silent.
 */
const SOURCES_PER_OWNER_MAX = 31;

/** rtp.js 0.15.5 takes a zero that an SSRC begins with for the end of the SDES chunk before it. */
const SHIFTED_SSRC_MIN = 0x0100_0000;

export class Sources<Owner extends { readonly swaps: SsrcSwaps }> {
  readonly #random: () => number;
  readonly #onForgotten: () => void;
  readonly #reserved = new Set<number>();
  readonly #bySsrc = new Map<number, Source<Owner>>();
  readonly #byOwner = new Map<Owner, Source<Owner>[]>();

  /**
   * @param random gives numbers of 32 bits that nobody can guess, for SSRCs
   * @param onForgotten after a source was forgotten
   */
  constructor(random: () => number, onForgotten: () => void = () => undefined) {
    this.#random = random;
    this.#onForgotten = onForgotten;
  }

  /** Every source of the room. */
  all(): Iterable<Source<Owner>> {
    return this.#bySsrc.values();
  }

  /** The source that the room knows under this number, whoever owns it. */
  find(ssrc: number): Source<Owner> | undefined {
    return this.#bySsrc.get(ssrc);
  }

  /** An SSRC for the room itself. */
  reserve(): number {
    const ssrc = this.#fresh(undefined);
    this.#reserved.add(ssrc);
    return ssrc;
  }

  /**
   * The source that `owner` calls `ownSsrc`, made where it is new. Where the number is somebody else's, the owner's is
   * swapped for a fresh one. Undefined for a number that it knows as another's: it sends back what it hears.
   *
   * @param numbers Shifted: where it is new it gets a fresh one in any case, and a distance for its other numbers.
   */
  claim(ownSsrc: number, owner: Owner, numbers: 'own' | 'shifted' = 'own'): Source<Owner> | undefined {
    const { swaps } = owner;
    let ssrc = swaps.swap(ownSsrc);
    const known = this.#bySsrc.get(ssrc);
    if (known?.owner === owner) return known;
    if (swaps.has(ownSsrc)) return undefined;
    const isShifted = numbers === 'shifted';
    if (isShifted || known !== undefined || this.#reserved.has(ssrc)) {
      ssrc = this.#fresh(owner, isShifted ? SHIFTED_SSRC_MIN : undefined);
      swaps.add(ownSsrc, ssrc);
    }
    return this.#add(ssrc, ownSsrc, owner, isShifted ? drawShift(this.#random) : undefined);
  }

  /** The same for a number of the room's own; false where it is somebody else's. */
  claimAsIs(ssrc: number, owner: Owner): boolean {
    const known = this.#bySsrc.get(ssrc);
    if (known !== undefined) return known.owner === owner;
    if (this.#reserved.has(ssrc) || owner.swaps.has(ssrc)) return false;
    this.#add(ssrc, ssrc, owner, undefined);
    return true;
  }

  /** Whether the room's number is another's than the owner's. */
  isForeign(ssrc: number, owner: Owner): boolean {
    const known = this.#bySsrc.get(ssrc);
    return known === undefined ? this.#reserved.has(ssrc) : known.owner !== owner;
  }

  /** The sources of `owner`, the one learned first first. */
  of(owner: Owner): readonly Source<Owner>[] {
    return this.#byOwner.get(owner) ?? [];
  }

  /** Forgets every source of `owner` and returns them. */
  release(owner: Owner): readonly Source<Owner>[] {
    const own = this.of(owner);
    this.#byOwner.delete(owner);
    for (const source of own) this.#forget(source);
    return own;
  }

  /** Forgets one source. */
  end(source: Source<Owner>): void {
    const own = this.of(source.owner!).filter((other) => other !== source);
    this.#byOwner.set(source.owner!, own);
    this.#forget(source);
  }

  #add(ssrc: number, ownSsrc: number, owner: Owner, shift: NumberShift | undefined): Source<Owner> {
    const source: Source<Owner> = {
      ssrc,
      ...{ ownSsrc, shift, owner, reception: new Reception(), hasSaidBye: false },
      ...{ isKeyFrameDue: false, keyFrameAskedMs: -Infinity, keyFramesAsked: 0 },
    };
    const own = this.#byOwner.get(owner) ?? [];
    own.push(source);
    this.#byOwner.set(owner, own);
    this.#bySsrc.set(ssrc, source);
    if (own.length > SOURCES_PER_OWNER_MAX) this.#forget(own.shift());
    return source;
  }

  #forget(source: Source<Owner> | undefined): void {
    if (source === undefined) return;
    this.#bySsrc.delete(source.ssrc);
    source.owner?.swaps.remove(source.ownSsrc);
    source.owner = undefined;
    this.#onForgotten();
  }

  /** @param least 0 stands for nobody in feedback. */
  #fresh(owner: Owner | undefined, least = 1): number {
    for (;;) {
      const ssrc = this.#random();
      const isTaken = ssrc < least || this.#bySsrc.has(ssrc) || this.#reserved.has(ssrc);
      if (!isTaken && owner?.swaps.has(ssrc) !== true) return ssrc;
    }
  }
}
