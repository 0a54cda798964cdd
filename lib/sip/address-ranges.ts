/**
 * IP addresses as an owner writes them down, in ranges (CIDR), and as what a bound for each source counts. It knows no policy.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { LatchkeyError, normaliseIp } from '../index.js';

export class AddressRanges {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  /** @throws LatchkeyError LATCHKEY_OPTION for a range that is none. */
  constructor(ranges: readonly string[]) {
    this.#isEmpty = ranges.length === 0;
    for (const range of ranges) {
      const read = readRange(range);
      if (!read)
        throw new LatchkeyError(
          'LATCHKEY_OPTION',
          `"${range}" is no range of addresses such as 192.0.2.0/24`,
        );
      this.#list.addSubnet(read.address, read.bits, read.family);
    }
  }

  has(address: string): boolean {
    // Asked several times for each datagram, and a look into the list costs more than all else there.
    if (this.#isEmpty) return false;
    const bare = bareIp(address);
    if (isIPv4(bare)) return this.#list.check(bare, 'ipv4');
    return isIPv6(bare) && this.#list.check(bare, 'ipv6');
  }
}

/** Whether it is a range as an owner writes it: `192.0.2.0/24`. */
export function isAddressRange(text: unknown): boolean {
  return typeof text === 'string' && readRange(text) !== undefined;
}

function readRange(text: string) {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
  const most = family === 'ipv4' ? 32 : 128;
  if (!family || rest.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > most) return undefined;
  return { address, bits: Number(bits), family } as const;
}

/** In one spelling, without its zone. */
export function bareIp(address: string): string {
  const zone = address.indexOf('%');
  return normaliseIp(zone === -1 ? address : address.slice(0, zone));
}

/** What counts as one source: an IPv4 address; of IPv6 the /64, since each host there has as many addresses as it likes. */
export function sourceOf(address: string): string {
  const bare = bareIp(address);
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length;
  return [...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after].slice(0, 4).join(':');
}
