/*
 * Who owns which SSRC in one room, so that nobody speaks or takes leave in another's name and feedback finds
 * its way. It remembers numbers and names only, and never more than a fixed number of them per owner.
 */

/** One synchronization source (RFC 3550 section 3) and the participant it belongs to. */
export interface Source<Owner> {
  readonly ssrc: number;
  /** Undefined once the source has been forgotten: the number is free again. */
  owner: Owner | undefined;
  /** The CNAME its owner gave it in SDES. */
  cname?: string;
  /** Its owner has sent a BYE for it. Packets that arrive late do not take that back. */
  hasSaidBye: boolean;
}

/**
 * SSRCs remembered per owner. One BYE packet names at most 31 (RFC 3550 section 6.6, a count of 5 bits), so
 * one packet says farewell for all; a call has one or two, and a new one with each hold at worst. With
 * more, the one learned longest ago is forgotten, so that a long call never falls silent.
 */
const SOURCES_PER_OWNER_MAX = 31;

export class Sources<Owner> {
  readonly #bySsrc = new Map<number, Source<Owner>>();
  readonly #byOwner = new Map<Owner, Source<Owner>[]>();

  /** The source with this number, whoever owns it. */
  find(ssrc: number): Source<Owner> | undefined {
    return this.#bySsrc.get(ssrc);
  }

  /**
   * The source `ssrc` of `owner`, made if the number is free. Undefined when it belongs to somebody else: of
   * two participants with one SSRC the first is kept, as RFC 3550 section 8.2 allows.
   */
  claim(ssrc: number, owner: Owner): Source<Owner> | undefined {
    const known = this.#bySsrc.get(ssrc);
    if (known !== undefined) return known.owner === owner ? known : undefined;
    const source: Source<Owner> = { ssrc, owner, hasSaidBye: false };
    const own = this.#byOwner.get(owner) ?? [];
    own.push(source);
    this.#byOwner.set(owner, own);
    this.#bySsrc.set(ssrc, source);
    if (own.length > SOURCES_PER_OWNER_MAX) this.#forget(own.shift());
    return source;
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

  #forget(source: Source<Owner> | undefined): void {
    if (source === undefined) return;
    this.#bySsrc.delete(source.ssrc);
    source.owner = undefined;
  }
}
