// Destinations as text, and the words of their addresses as the kernel wants them. Bounded; resolves no names.
import { parseIp } from '../../wire/index.js';

/** Beyond this everybody is forgotten, and is read again. */
const MOST = 32_768;
const IPV4_BYTES = 4;
/** Of the address, and its zone. */
const WORDS = 5;
/** Of the last destinations, by the lower bits of their ports. A power of two. */
const ROWS = 16_384;
/** The words of an address, then its family; and so many that none lies in two lines of the cache. */
const FAMILY = WORDS;
const ROW_WORDS = 8;

export class DestinationTable {
  readonly #words = new Map<string, Uint32Array>();
  /** The address that a row is of: the same text, not the same letters, so that it need not be looked at. */
  readonly #texts = new Array<string | undefined>(ROWS).fill(undefined);
  readonly #rows = new Uint32Array(ROWS * ROW_WORDS);

  /** @param zoneOf Tells the number of an interface by its name, 0 where there is none. */
  constructor(private readonly zoneOf: (name: string) => number) {}

  /**
   * Writes the five words of a destination, four of the address and its zone, into the table, from this word on. False where a socket of this
   * family cannot send there. Who is sent to again and again costs two looks at the memory.
   */
  write(address: string, port: number, isIpv6: boolean, table: Uint32Array, at: number): boolean {
    const row = port & (ROWS - 1);
    const from = row * ROW_WORDS;
    const rows = this.#rows;
    const family = isIpv6 ? 1 : 0;
    if (this.#texts[row] !== address || rows[from + FAMILY] !== family) {
      const words = this.#find(address, isIpv6);
      if (words === undefined) return false;
      this.#texts[row] = address;
      rows.set(words, from);
      rows[from + FAMILY] = family;
    }
    for (let word = 0; word < WORDS; word++) table[at + word] = rows[from + word]!;
    return true;
  }

  #find(address: string, isIpv6: boolean): Uint32Array | undefined {
    if (address.includes(':') !== isIpv6) return undefined;
    const known = this.#words.get(address);
    if (known) return known;
    const bytes = parseIp(address);
    if (bytes === undefined || (bytes.length === IPV4_BYTES) === isIpv6) return undefined;
    const words = new Uint32Array(WORDS);
    new Uint8Array(words.buffer).set(bytes);
    const zoneAt = address.indexOf('%');
    if (zoneAt >= 0) words[WORDS - 1] = this.zoneOf(address.slice(zoneAt + 1));
    if (this.#words.size === MOST) this.#words.clear();
    this.#words.set(address, words);
    return words;
  }
}
