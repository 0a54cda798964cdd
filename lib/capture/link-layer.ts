/*
 * Where the IP packet in a captured frame begins, for the link layers that carry calls. It looks at no address, and
 * it opens no tunnel.
 */
import { readUint16, readUint32 } from '../wire/big-endian.js';

/** LINKTYPE_RAW, what `PcapWriter` writes. */
export const LINK_RAW = 101;

const LINK_NULL = 0;
const LINK_ETHERNET = 1;
/** What some systems write for raw IP in the place of 101. */
const LINK_RAW_OLD = 12;
const LINK_RAW_OPENBSD = 14;
const LINK_LOOP = 108;
const LINK_COOKED = 113;
const LINK_IPV4 = 228;
const LINK_IPV6 = 229;
const LINK_COOKED_2 = 276;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1Q, 802.1ad and two numbers from before it. */
const ETHERTYPES_VLAN: readonly number[] = [0x8100, 0x88a8, 0x9100, 0x9200];
/** AF_INET, and AF_INET6 of Linux, Windows, NetBSD, FreeBSD and Darwin: the file does not say whose it is. */
const FAMILIES: readonly number[] = [2, 10, 23, 24, 28, 30];

/** The frame carries no IP. */
export const NOT_IP = -1;
/** The frame ends before it is told what it carries. */
export const LINK_CUT = -2;
/** A link layer that is not known here. */
export const LINK_UNKNOWN = -3;

/** True for the LINKTYPE_ numbers that `findIp` knows. */
export function isLinkType(linkType: number): boolean {
  return findIp(linkType, new Uint8Array(), 0, 0) !== LINK_UNKNOWN;
}

/** Where the IP packet begins in the frame from `at` up to `end`, or one of the three negative numbers. */
export function findIp(linkType: number, bytes: Uint8Array, at: number, end: number): number {
  switch (linkType) {
    case LINK_ETHERNET:
      return skipTags(bytes, at + 12, at + 14, end);
    case LINK_COOKED:
      return skipTags(bytes, at + 14, at + 16, end);
    case LINK_COOKED_2:
      return skipTags(bytes, at, at + 20, end);
    case LINK_NULL:
    case LINK_LOOP:
      return skipFamily(bytes, at, end);
    case LINK_RAW:
    case LINK_RAW_OLD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
      return at < end ? at : LINK_CUT;
    default:
      return LINK_UNKNOWN;
  }
}

/** Steps over VLAN tags: each has two bytes of its own, then the type of what follows. */
function skipTags(bytes: Uint8Array, typeAt: number, start: number, end: number): number {
  let at = start;
  if (at > end) return LINK_CUT;
  let type = readUint16(bytes, typeAt);
  while (ETHERTYPES_VLAN.includes(type)) {
    if (at + 4 > end) return LINK_CUT;
    type = readUint16(bytes, at + 2);
    at += 4;
  }
  if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return NOT_IP;
  return at < end ? at : LINK_CUT;
}

/** An address family in the byte order of whoever captured, which is not always that of the file. */
function skipFamily(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 >= end) return LINK_CUT;
  const network = readUint32(bytes, at);
  const family = network > 0xffff ? bytes[at]! | (bytes[at + 1]! << 8) : network;
  const isSmall = network <= 0xffff || (bytes[at + 2] === 0 && bytes[at + 3] === 0);
  return isSmall && FAMILIES.includes(family) ? at + 4 : NOT_IP;
}
