/*
 * What sort of address one is (IANA special-purpose registries, RFC 6890 and its successors), for
 * protocol.md 5.7: which targets named in SDP may be sent to. It knows blocks, not policies.
 */
import { parseIp } from './address.js';

export type IpRange =
  'unspecified' | 'loopback' | 'link-local' | 'multicast' | 'broadcast' | 'private' | 'global';

/** `block` names the block of a private address, such as `10/8`, and is '' for all others. */
export interface IpRangeOf {
  readonly range: IpRange;
  readonly block: string;
}

type Block = readonly [prefix: readonly number[], bits: number, range: IpRange, name: string];

/** First match counts. 240/4 and 198.18/15 are not routed globally either, so they count as private. */
const IPV4_BLOCKS: readonly Block[] = [
  [[255, 255, 255, 255], 32, 'broadcast', ''],
  [[0], 8, 'unspecified', ''],
  [[127], 8, 'loopback', ''],
  [[169, 254], 16, 'link-local', ''],
  [[224], 4, 'multicast', ''],
  [[10], 8, 'private', '10/8'],
  [[172, 16], 12, 'private', '172.16/12'],
  [[192, 168], 16, 'private', '192.168/16'],
  [[100, 64], 10, 'private', '100.64/10'],
  [[192, 0, 0], 24, 'private', '192.0.0/24'],
  [[198, 18], 15, 'private', '198.18/15'],
  [[240], 4, 'private', '240/4'],
];

const IPV6_BLOCKS: readonly Block[] = [
  [[], 128, 'unspecified', ''],
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128, 'loopback', ''],
  [[0xfe, 0x80], 10, 'link-local', ''],
  [[0xff], 8, 'multicast', ''],
  [[0xfc], 7, 'private', 'fc00::/7'],
  [[0xfe, 0xc0], 10, 'private', 'fec0::/10'],
  [[0x00, 0x64, 0xff, 0x9b, 0x00, 0x01], 48, 'private', '64:ff9b:1::/48'],
];

/** IPv6 blocks that carry an IPv4 address, and where: a translator would send to what is inside. */
const EMBEDDING_BLOCKS: readonly (readonly [prefix: readonly number[], bits: number, offset: number])[] = [
  [[0x00, 0x64, 0xff, 0x9b], 96, 12], // NAT64 (RFC 6052)
  [[0x20, 0x02], 16, 2], // 6to4 (RFC 3056)
  [[], 96, 12], // IPv4-compatible (RFC 4291 section 2.5.5.1)
];

function isInBlock(bytes: Uint8Array, prefix: readonly number[], bits: number): boolean {
  for (let i = 0; i * 8 < bits; i++) {
    const mask = bits - i * 8 >= 8 ? 0xff : (0xff00 >> (bits - i * 8)) & 0xff;
    if ((bytes[i]! & mask) !== (prefix[i] ?? 0)) return false;
  }
  return true;
}

function rangeOfBytes(bytes: Uint8Array): IpRangeOf {
  for (const [prefix, bits, range, block] of bytes.length === 4 ? IPV4_BLOCKS : IPV6_BLOCKS) {
    if (isInBlock(bytes, prefix, bits)) return { range, block };
  }
  if (bytes.length === 16) {
    for (const [prefix, bits, offset] of EMBEDDING_BLOCKS) {
      if (isInBlock(bytes, prefix, bits)) return rangeOfBytes(bytes.subarray(offset, offset + 4));
    }
  }
  return { range: 'global', block: '' };
}

/** The range of an address; text that is no address counts as unspecified: nothing is sent there. */
export function ipRange(address: string): IpRangeOf {
  const bytes = parseIp(address);
  return bytes === undefined ? { range: 'unspecified', block: '' } : rangeOfBytes(bytes);
}
