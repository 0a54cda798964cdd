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
  /** Addresses that had to give way to another: many mean that there are too few places. */
  #displaced = 0;

  /** The address whose 4 bytes stand at `at`. */
  ipv4(bytes: Uint8Array, at: number, port: number): TransportAddress {
    return this.#find(0, 0, MAPPED, readUint32(bytes, at) | 0, port, bytes, at, 4);
  }

  /** The address whose 16 bytes stand at `at`. */
  ipv6(bytes: Uint8Array, at: number, port: number): TransportAddress {
    const [a, b] = [readUint32(bytes, at) | 0, readUint32(bytes, at + 4) | 0];
    const [c, d] = [readUint32(bytes, at + 8) | 0, readUint32(bytes, at + 12) | 0];
    return this.#find(a, b, c, d, port, bytes, at, 16);
  }

  #find(
    a: number,
    b: number,
    c: number,
    d: number,
    port: number,
    bytes: Uint8Array,
    at: number,
    size: number,
  ): TransportAddress {
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
      return this.#find(a, b, c, d, port, bytes, at, size);
    }
    words[word] = a;
    words[word + 1] = b;
    words[word + 2] = c;
    words[word + 3] = d;
    words[word + 4] = port;
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
