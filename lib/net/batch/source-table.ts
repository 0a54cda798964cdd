// Senders by the words of their addresses, as the kernel writes them: one object for each, so that a datagram from a known sender
// builds no string. Who is heard for the first time is noted among the last newcomers alone, and kept when he is heard again meanwhile, or
// what he sends is for somebody: a flood of senders costs each of them an object, which is gone before it is in anybody's way. Bounded.
import { randomBytes } from 'node:crypto';
import { formatIp } from '../../wire/index.js';
import type { DatagramSource } from '../datagram-socket.js';
import { KnownSource } from '../known-source.js';

/** Powers of two. At half of the most everybody is forgotten, and is met again. */
const LEAST_SLOTS = 1024;
const MOST_SLOTS = 65_536;
/** A power of two. */
const NEWCOMERS = 1024;
/** Port, four of the address, zone. */
const KEY_WORDS = 6;
/** Of IPv4: the others are 0, and add nothing. */
const IPV4_KEY_WORDS = 2;
/** Of each word the lower half and the upper. */
const HALVES = 2 * KEY_WORDS;
const HALF_BITS = 16;

export class SourceTable {
  #slots = 0;
  #keys = new Uint32Array(0);
  #sources: (DatagramSource | undefined)[] = [];
  #count = 0;
  readonly #newKeys = new Uint32Array(NEWCOMERS * KEY_WORDS);
  readonly #newcomers = new Array<DatagramSource | undefined>(NEWCOMERS).fill(undefined);
  /** The last IPv4 address as words and text: a flood mostly has one. */
  #lastIpv4 = 0;
  #lastText = '0.0.0.0';
  /** Random, so that strangers cannot choose addresses that fall on one slot. */
  readonly #factors = new Int32Array(new Uint8Array(randomBytes(4 * HALVES)).buffer);

  /** @param zoneName Tells the name of an interface by its number. */
  constructor(private readonly zoneName: (zone: number) => string) {
    this.#clear(LEAST_SLOTS);
  }

  /** The sender whose port, address and zone stand in the table from this word on. Of IPv4 the last four words are 0. */
  find(table: Uint32Array, at: number, isIpv6: boolean): DatagramSource {
    const hash = this.#hashOf(table, at, isIpv6 ? KEY_WORDS : IPV4_KEY_WORDS);
    const slot = this.#slotOf(hash, table, at);
    const known = this.#sources[slot];
    if (known) return known;
    const place = hash & (NEWCOMERS - 1);
    const key = place * KEY_WORDS;
    const newcomer = this.#newcomers[place];
    if (newcomer && isSameKey(this.#newKeys, key, table, at)) {
      this.#newcomers[place] = undefined;
      this.#keep(slot, table, at, newcomer);
      return newcomer;
    }
    if (newcomer && KnownSource.hintOf(newcomer)) {
      const itsSlot = this.#slotOf(this.#hashOf(this.#newKeys, key, KEY_WORDS), this.#newKeys, key);
      this.#keep(itsSlot, this.#newKeys, key, newcomer);
    }
    copyKey(table, at, this.#newKeys, key);
    return (this.#newcomers[place] = this.#read(table, at, isIpv6));
  }

  /** Where the sender is, or would be. */
  #slotOf(hash: number, table: Uint32Array, at: number): number {
    let slot = hash & (this.#slots - 1);
    while (this.#sources[slot] !== undefined && !isSameKey(this.#keys, slot * KEY_WORDS, table, at))
      slot = (slot + 1) & (this.#slots - 1);
    return slot;
  }

  /** Multilinear hashing: for factors that nobody knows, any two senders meet as seldom as chance has it. */
  #hashOf(table: Uint32Array, at: number, words: number): number {
    const factors = this.#factors;
    let sum = 0;
    for (let word = 0; word < words; word++) {
      const value = table[at + word]!;
      sum = (sum + Math.imul(factors[2 * word]!, value & 0xffff)) | 0;
      sum = (sum + Math.imul(factors[2 * word + 1]!, value >>> HALF_BITS)) | 0;
    }
    return sum >>> HALF_BITS;
  }

  #keep(slot: number, table: Uint32Array, at: number, source: DatagramSource): void {
    copyKey(table, at, this.#keys, slot * KEY_WORDS);
    this.#sources[slot] = source;
    if (++this.#count > this.#slots / 2) this.#grow();
  }

  #grow(): void {
    if (this.#slots === MOST_SLOTS) return this.#clear(LEAST_SLOTS);
    const [keys, sources] = [this.#keys, this.#sources];
    this.#clear(2 * this.#slots);
    for (const [index, source] of sources.entries()) {
      if (source === undefined) continue;
      const at = index * KEY_WORDS;
      const slot = this.#slotOf(this.#hashOf(keys, at, KEY_WORDS), keys, at);
      copyKey(keys, at, this.#keys, slot * KEY_WORDS);
      this.#sources[slot] = source;
      this.#count++;
    }
  }

  #clear(slots: number): void {
    this.#slots = slots;
    this.#keys = new Uint32Array(slots * KEY_WORDS);
    this.#sources = new Array<DatagramSource | undefined>(slots).fill(undefined);
    this.#count = 0;
  }

  #read(table: Uint32Array, at: number, isIpv6: boolean): DatagramSource {
    const port = table[at]!;
    if (!isIpv6) return new KnownSource(this.#ipv4Of(table, at + 1), port);
    const bytes = new Uint8Array(table.buffer, table.byteOffset + (at + 1) * table.BYTES_PER_ELEMENT, 16);
    const zone = table[at + 5]!;
    const suffix = zone === 0 ? '' : `%${this.zoneName(zone) || zone}`;
    return new KnownSource(formatIp(bytes) + suffix, port);
  }

  #ipv4Of(table: Uint32Array, at: number): string {
    const words = table[at]!;
    if (words !== this.#lastIpv4) {
      this.#lastIpv4 = words;
      this.#lastText = formatIp(
        new Uint8Array(table.buffer, table.byteOffset + at * table.BYTES_PER_ELEMENT, 4),
      );
    }
    return this.#lastText;
  }
}

function isSameKey(keys: Uint32Array, key: number, table: Uint32Array, at: number): boolean {
  return (
    keys[key] === table[at] &&
    keys[key + 1] === table[at + 1] &&
    keys[key + 2] === table[at + 2] &&
    keys[key + 3] === table[at + 3] &&
    keys[key + 4] === table[at + 4] &&
    keys[key + 5] === table[at + 5]
  );
}

function copyKey(from: Uint32Array, at: number, to: Uint32Array, key: number): void {
  for (let word = 0; word < KEY_WORDS; word++) to[key + word] = from[at + word]!;
}
