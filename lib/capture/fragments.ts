/*
 * IP fragments until their datagram is whole, for both versions of IP. Fragments that contradict each other give
 * nothing (RFC 5722), nor do those that come too late, too far apart or too many; all of it is counted.
 */
import type { SkipCount } from './skip-count.js';

const MAX_DATAGRAM_BYTES = 65_535;
/** Fragments follow each other closely: these wait for one that was lost, and hold 4 MiB at the most. */
const MAX_DATAGRAMS = 64;
/** RFC 791 section 3.2 lets a host wait 15 s, RFC 8200 section 4.5 60 s; Linux waits 30. */
const MAX_AGE_MS = 30_000;
/** Holes in one datagram: more of them is an attack on whoever sorts them. */
const MAX_HOLES = 64;

const PAGE_BYTES = 2048;

/** One fragment; `bytes` from `start` up to, not including, `end` go to `offset` of the datagram. */
export interface Fragment {
  readonly timeMs: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  readonly isLast: boolean;
}

/** What a whole datagram is made of. */
export interface Reassembled {
  readonly bytes: Uint8Array;
  /** How many packets it came in. */
  readonly packets: number;
}

interface Pending {
  readonly firstMs: number;
  /** By number; undefined for a datagram that contradicted itself: what still comes of it is thrown away. */
  pages: Map<number, Uint8Array> | undefined;
  /** What is there: begin and end of each stretch, sorted, none touching the next. */
  stretches: [number, number][];
  /** The size of the whole; known when the last fragment is. */
  size: number | undefined;
  packets: number;
}

export class Fragments {
  readonly #skips: SkipCount;
  readonly #pending = new Map<string, Pending>();

  constructor(skips: SkipCount) {
    this.#skips = skips;
  }

  /** The datagram that this fragment completes. `key` tells datagrams apart: addresses, identification, protocol. */
  add(key: string, fragment: Fragment): Reassembled | undefined {
    let pending = this.#pending.get(key);
    if (pending && !(Math.abs(fragment.timeMs - pending.firstMs) <= MAX_AGE_MS)) {
      this.#drop(key, pending);
      pending = undefined;
    }
    if (!pending) {
      this.#makeRoom(fragment.timeMs);
      pending = {
        firstMs: fragment.timeMs,
        pages: new Map(),
        stretches: [],
        size: undefined,
        packets: 0,
      };
      this.#pending.set(key, pending);
    }
    if (!pending.pages || !this.#place(pending, fragment)) {
      this.#poison(pending);
      this.#skips.add('fragment');
      return undefined;
    }
    const [first] = pending.stretches;
    if (pending.size === undefined || first?.[0] !== 0 || first[1] !== pending.size) return undefined;
    this.#pending.delete(key);
    return { bytes: join(pending.pages, pending.size), packets: pending.packets };
  }

  /** No more will come: counts what was never whole. */
  end(): void {
    for (const [key, pending] of this.#pending) this.#drop(key, pending);
  }

  /** False when the fragment cannot be part of this datagram. */
  #place(pending: Pending, fragment: Fragment): boolean {
    if (!hasSoundSize(pending, fragment)) return false;
    const { bytes, start, end, offset, isLast } = fragment;
    const size = end - start;
    const stop = offset + size;
    const { stretches } = pending;
    const next = stretches.findIndex(([, to]) => to > offset);
    const after = stretches[next];
    if (after && after[0] < stop) {
      // The same bytes once more are a packet captured twice; anything else is a contradiction.
      const isRepeat =
        after[0] <= offset && stop <= after[1] && isSame(pending.pages!, offset, bytes, start, size);
      if (isRepeat) this.#skips.add('fragment');
      return isRepeat;
    }
    if (stretches.length > MAX_HOLES) return false;
    write(pending.pages!, offset, bytes, start, end);
    pending.packets++;
    if (isLast) pending.size = stop;
    const index = after ? next : stretches.length;
    stretches.splice(index, 0, [offset, stop]);
    unite(stretches, index);
    unite(stretches, index - 1);
    return true;
  }

  /** The oldest go first. */
  #makeRoom(timeMs: number): void {
    for (const [key, pending] of this.#pending) {
      const isOld = !(Math.abs(timeMs - pending.firstMs) <= MAX_AGE_MS);
      if (!isOld && this.#pending.size < MAX_DATAGRAMS) return;
      this.#drop(key, pending);
    }
  }

  #poison(pending: Pending): void {
    this.#skips.add('fragment', pending.packets);
    pending.pages = undefined;
    pending.stretches = [];
    pending.packets = 0;
  }

  #drop(key: string, pending: Pending): void {
    this.#skips.add('fragment', pending.packets);
    this.#pending.delete(key);
  }
}

/** Whether the datagram can have bytes there, and end there where this is its end. */
function hasSoundSize(pending: Pending, { start, end, offset, isLast }: Fragment): boolean {
  const size = end - start;
  const stop = offset + size;
  if (size === 0 || stop > (pending.size ?? MAX_DATAGRAM_BYTES)) return false;
  if (!isLast) return size % 8 === 0;
  return (pending.size ?? stop) === stop && (pending.stretches.at(-1)?.[1] ?? 0) <= stop;
}

/** Makes one of two stretches that touch. */
function unite(stretches: [number, number][], index: number): void {
  const [a, b] = [stretches[index], stretches[index + 1]];
  if (a?.[1] !== b?.[0] || !a || !b) return;
  a[1] = b[1];
  stretches.splice(index + 1, 1);
}

/** Room is made page by page: one small fragment at the far end of a datagram costs no more than one at its beginning. */
function write(
  pages: Map<number, Uint8Array>,
  offset: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  for (let from = start, to = offset; from < end;) {
    const number = Math.floor(to / PAGE_BYTES);
    const at = to % PAGE_BYTES;
    const size = Math.min(end - from, PAGE_BYTES - at);
    let page = pages.get(number);
    if (!page) pages.set(number, (page = new Uint8Array(PAGE_BYTES)));
    page.set(bytes.subarray(from, from + size), at);
    from += size;
    to += size;
  }
}

function join(pages: ReadonlyMap<number, Uint8Array>, size: number): Uint8Array {
  const whole = new Uint8Array(size);
  for (const [number, page] of pages) {
    const at = number * PAGE_BYTES;
    whole.set(page.subarray(0, Math.min(PAGE_BYTES, size - at)), at);
  }
  return whole;
}

function isSame(
  pages: ReadonlyMap<number, Uint8Array>,
  offset: number,
  bytes: Uint8Array,
  start: number,
  size: number,
): boolean {
  for (let i = 0; i < size; i++) {
    const at = offset + i;
    if (pages.get(Math.floor(at / PAGE_BYTES))?.[at % PAGE_BYTES] !== bytes[start + i]) return false;
  }
  return true;
}
