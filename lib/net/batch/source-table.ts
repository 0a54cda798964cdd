// Senders by the words of their addresses, as the kernel writes them: one object for each, so that a datagram from a known sender
// builds no string. Bounded: a flood of senders costs each of them a string, as it does without this table.
import { randomBytes } from 'node:crypto';
import { formatIp } from '../../wire/index.js';
import type { DatagramSource } from '../datagram-socket.js';
import { KnownSource } from '../known-source.js';

/** Powers of two. At half of the most everybody is forgotten, and is met again. */
const LEAST_SLOTS = 1024;
const MOST_SLOTS = 65_536;
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
  /** Random, so that strangers cannot choose addresses that fall on one slot. */
  readonly #factors = new Int32Array(new Uint8Array(randomBytes(4 * HALVES)).buffer);

  /** @param zoneName Tells the name of an interface by its number. */
  constructor(private readonly zoneName: (zone: number) => string) {
    this.#clear(LEAST_SLOTS);
  }

  /** The sender whose port, address and zone stand in the table from this word on. Of IPv4 the last four words are 0. */
  find(table: Uint32Array, at: number, isIpv6: boolean): DatagramSource {
    const keys = this.#keys;
    for (
      let slot = this.#slotOf(table, at, isIpv6 ? KEY_WORDS : IPV4_KEY_WORDS);
      ;
      slot = (slot + 1) & (this.#slots - 1)
    ) {
      const source = this.#sources[slot];
      if (source === undefined) return this.#add(slot, table, at, isIpv6);
      const key = slot * KEY_WORDS;
      if (
        keys[key] === table[at] &&
        keys[key + 1] === table[at + 1] &&
        keys[key + 2] === table[at + 2] &&
        keys[key + 3] === table[at + 3] &&
        keys[key + 4] === table[at + 4] &&
        keys[key + 5] === table[at + 5]
      )
        return source;
    }
  }

  /** Multilinear hashing: for factors that nobody knows, any two senders meet as seldom as chance has it. */
  #slotOf(table: Uint32Array, at: number, words: number): number {
    const factors = this.#factors;
    let sum = 0;
    for (let word = 0; word < words; word++) {
      const value = table[at + word]!;
      sum = (sum + Math.imul(factors[2 * word]!, value & 0xffff)) | 0;
      sum = (sum + Math.imul(factors[2 * word + 1]!, value >>> HALF_BITS)) | 0;
    }
    return (sum >>> HALF_BITS) & (this.#slots - 1);
  }

  #add(slot: number, table: Uint32Array, at: number, isIpv6: boolean): DatagramSource {
    const words = table.slice(at, at + KEY_WORDS);
    const source = this.#read(words, isIpv6);
    this.#put(slot, words, source);
    if (++this.#count > this.#slots / 2) this.#grow();
    return source;
  }

  #put(slot: number, words: Uint32Array, source: DatagramSource): void {
    this.#keys.set(words, slot * KEY_WORDS);
    this.#sources[slot] = source;
  }

  #grow(): void {
    if (this.#slots === MOST_SLOTS) return this.#clear(LEAST_SLOTS);
    const [keys, sources] = [this.#keys, this.#sources];
    this.#clear(2 * this.#slots);
    for (const [index, source] of sources.entries()) {
      if (source === undefined) continue;
      const words = keys.subarray(index * KEY_WORDS, (index + 1) * KEY_WORDS);
      let slot = this.#slotOf(words, 0, KEY_WORDS);
      while (this.#sources[slot] !== undefined) slot = (slot + 1) & (this.#slots - 1);
      this.#put(slot, words, source);
      this.#count++;
    }
  }

  #clear(slots: number): void {
    this.#slots = slots;
    this.#keys = new Uint32Array(slots * KEY_WORDS);
    this.#sources = new Array<DatagramSource | undefined>(slots).fill(undefined);
    this.#count = 0;
  }

  #read(words: Uint32Array, isIpv6: boolean): DatagramSource {
    const [port = 0] = words;
    const zone = words[5] ?? 0;
    const bytes = new Uint8Array(words.buffer, words.BYTES_PER_ELEMENT, isIpv6 ? 16 : 4);
    const suffix = isIpv6 && zone !== 0 ? `%${this.zoneName(zone) || zone}` : '';
    return new KnownSource(formatIp(bytes) + suffix, port);
  }
}
