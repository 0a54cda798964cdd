// Destinations as text, and the words of their addresses as the kernel wants them. Bounded; resolves no names.
import { parseIp } from '../../wire/index.js';

/** Beyond this everybody is forgotten, and is read again. */
const MOST = 32_768;
const IPV4_BYTES = 4;

export class DestinationTable {
  readonly #words = new Map<string, Uint32Array>();

  /** @param zoneOf Tells the number of an interface by its name, 0 where there is none. */
  constructor(private readonly zoneOf: (name: string) => number) {}

  /** Four words of the address and its zone; undefined where a socket of this family cannot send there. */
  find(address: string, isIpv6: boolean): Uint32Array | undefined {
    const known = this.#words.get(address);
    if (known) return known;
    const bytes = parseIp(address);
    if (bytes === undefined || (bytes.length === IPV4_BYTES) === isIpv6) return undefined;
    const words = new Uint32Array(5);
    new Uint8Array(words.buffer).set(bytes);
    const zoneAt = address.indexOf('%');
    if (zoneAt >= 0) words[4] = this.zoneOf(address.slice(zoneAt + 1));
    if (this.#words.size === MOST) this.#words.clear();
    this.#words.set(address, words);
    return words;
  }
}
