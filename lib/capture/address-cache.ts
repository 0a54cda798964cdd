/*
 * Addresses of packets as text, made once and not for each packet. Of bounded size: an address that shares its place
 * with another is made again.
 */
import type { TransportAddress } from '../wire/address.js';
import { formatIp } from '../wire/address.js';
import { readUint32 } from '../wire/big-endian.js';

/** Powers of two: a small capture needs few places, and the most hold some thousand calls in about two megabytes. */
const FEWEST_PLACES = 1 << 8;
const MOST_PLACES = 1 << 14;
const WORDS = 5;
/** The third word of an IPv4-mapped address: every address is looked up as IPv6. */
const MAPPED = 0xffff;

export class AddressCache {
  #places = FEWEST_PLACES;
  #words = new Int32Array(FEWEST_PLACES * WORDS);
  #addresses = new Array<TransportAddress | undefined>(FEWEST_PLACES);
  /** The address that is looked up: its four words and its port. Kept, so that none is made for each packet. */
  readonly #sought = new Int32Array(WORDS);
  /** Addresses that had to give way to another: many mean that there are too few places. */
  #displaced = 0;

  /** The address whose 4 bytes stand at `at`. */
  ipv4(bytes: Uint8Array, at: number, port: number): TransportAddress {
    const sought = this.#sought;
    sought[0] = 0;
    sought[1] = 0;
    sought[2] = MAPPED;
    sought[3] = readUint32(bytes, at);
    sought[4] = port;
    return this.#find(bytes, at, 4);
  }

  /** The address whose 16 bytes stand at `at`. */
  ipv6(bytes: Uint8Array, at: number, port: number): TransportAddress {
    const sought = this.#sought;
    for (let i = 0; i < 4; i++) sought[i] = readUint32(bytes, at + i * 4);
    sought[4] = port;
    return this.#find(bytes, at, 16);
  }

  /** The address sought, whose `size` bytes stand at `at`. */
  #find(bytes: Uint8Array, at: number, size: number): TransportAddress {
    const sought = this.#sought;
    const [a, b, c, d, port] = [sought[0]!, sought[1]!, sought[2]!, sought[3]!, sought[4]!];
    let hash = Math.imul(a ^ Math.imul(b, 0x01000193), 0x85ebca6b) ^ Math.imul(c, 0x27d4eb2f);
    hash = Math.imul(hash ^ d ^ (port << 12), 0x9e3779b1);
    const place = (hash ^ (hash >>> 15)) & (this.#places - 1);
    const words = this.#words;
    const word = place * WORDS;
    const known = this.#addresses[place];
    if (
      known !== undefined &&
      words[word + 3] === d &&
      words[word + 4] === port &&
      words[word + 2] === c &&
      words[word + 1] === b &&
      words[word] === a
    )
      return known;
    if (known !== undefined && ++this.#displaced > this.#places && this.#places < MOST_PLACES) {
      this.#grow();
      return this.#find(bytes, at, size);
    }
    words.set(sought, word);
    const made = { address: formatIp(bytes.subarray(at, at + size)), port };
    this.#addresses[place] = made;
    return made;
  }

  /** Forgets all; it is soon known again. */
  #grow(): void {
    this.#places *= 4;
    this.#words = new Int32Array(this.#places * WORDS);
    this.#addresses = new Array<TransportAddress | undefined>(this.#places);
    this.#displaced = 0;
  }
}
