/*
 * Where the IP packet in a captured frame begins, for the link layers that carry calls, and behind what may stand between:
 * VLAN tags, PPPoE and MPLS. It looks at no address; tunnels over IP are the decoder's.
 */
import { readUint16, readUint32 } from '../wire/big-endian.js';

/** LINKTYPE_RAW, what `PcapWriter` writes. */
export const LINK_RAW = 101;

const LINK_NULL = 0;
export const LINK_ETHERNET = 1;
const LINK_PPP = 9;
/** What some systems write for raw IP in the place of 101. */
const LINK_RAW_OLD = 12;
const LINK_RAW_OPENBSD = 14;
const LINK_PPP_OVER_ETHERNET = 51;
const LINK_LOOP = 108;
const LINK_COOKED = 113;
const LINK_IPV4 = 228;
const LINK_IPV6 = 229;
const LINK_COOKED_2 = 276;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1Q, 802.1ad and two numbers from before it. */
const ETHERTYPES_VLAN: readonly number[] = [0x8100, 0x88a8, 0x9100, 0x9200];
/** RFC 2516: the session, not the search for one. */
const ETHERTYPE_PPPOE = 0x8864;
const PPPOE_HEADER_BYTES = 6;
/** RFC 3032: unicast and, in newer networks, the rest. */
const ETHERTYPES_MPLS: readonly number[] = [0x8847, 0x8848];
/** RFC 1332, RFC 5072, RFC 3032 section 4.3. */
const PPP_IPV4 = 0x21;
const PPP_IPV6 = 0x57;
const PPP_MPLS: readonly number[] = [0x0281, 0x0283];
/** Reason: bounded work per packet. Networks stack two tags and four labels. */
const LAYERS_MAX = 16;
/** An Ethernet in a pseudowire in another's Ethernet. */
const PSEUDOWIRES_MAX = 2;
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
      return at + 14 > end ? LINK_CUT : findByType(readUint16(bytes, at + 12), bytes, at + 14, end);
    case LINK_COOKED:
      return at + 16 > end ? LINK_CUT : findByType(readUint16(bytes, at + 14), bytes, at + 16, end);
    case LINK_COOKED_2:
      return at + 20 > end ? LINK_CUT : findByType(readUint16(bytes, at), bytes, at + 20, end);
    case LINK_PPP:
      return findInPpp(bytes, at, end);
    case LINK_PPP_OVER_ETHERNET:
      return findByType(ETHERTYPE_PPPOE, bytes, at, end);
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

/** Where the IP packet begins in what follows an EtherType from `at` up to `end`, or one of the negative numbers. */
export function findByType(type: number, bytes: Uint8Array, at: number, end: number, wires = 0): number {
  let [next, from] = [type, at];
  // Each tag has two bytes of its own, then the type of what follows.
  for (let tags = 0; ETHERTYPES_VLAN.includes(next) && tags < LAYERS_MAX; tags++) {
    if (from + 4 > end) return LINK_CUT;
    next = readUint16(bytes, from + 2);
    from += 4;
  }
  if (next === ETHERTYPE_IPV4 || next === ETHERTYPE_IPV6) return from < end ? from : LINK_CUT;
  if (next === ETHERTYPE_PPPOE) return findInPpp(bytes, from + PPPOE_HEADER_BYTES, end, wires);
  return ETHERTYPES_MPLS.includes(next) ? findInMpls(bytes, from, end, wires) : NOT_IP;
}

/** Behind the protocol number of PPP (RFC 1661 section 2), which stands in one byte or two; HDLC's two before it may be left out. */
export function findInPpp(bytes: Uint8Array, at: number, end: number, wires = 0): number {
  const start = at + 2 <= end && bytes[at] === 0xff && bytes[at + 1] === 0x03 ? at + 2 : at;
  if (start + 2 > end) return LINK_CUT;
  const isShort = (bytes[start]! & 1) !== 0;
  const protocol = isShort ? bytes[start]! : readUint16(bytes, start);
  const from = start + (isShort ? 1 : 2);
  if (PPP_MPLS.includes(protocol)) return findInMpls(bytes, from, end, wires);
  if (protocol !== PPP_IPV4 && protocol !== PPP_IPV6) return NOT_IP;
  return from < end ? from : LINK_CUT;
}

/**
 * Behind the labels (RFC 3032 section 2.1). No label says what follows the last one: IP shows its version, and a zero there
 * begins the control word of an Ethernet in a pseudowire (RFC 4448).
 */
export function findInMpls(bytes: Uint8Array, at: number, end: number, wires = 0): number {
  let from = at;
  for (let labels = 0; ; labels++) {
    if (from + 4 > end) return LINK_CUT;
    if (labels === LAYERS_MAX) return NOT_IP;
    const isLast = (bytes[from + 2]! & 1) !== 0;
    from += 4;
    if (isLast) break;
  }
  if (from >= end) return LINK_CUT;
  const first = bytes[from]! >> 4;
  if (first === 4 || first === 6) return from;
  if (first !== 0 || wires === PSEUDOWIRES_MAX) return NOT_IP;
  const typeAt = from + 4 + 12;
  if (typeAt + 2 > end) return LINK_CUT;
  return findByType(readUint16(bytes, typeAt), bytes, typeAt + 2, end, wires + 1);
}

/** An address family in the byte order of whoever captured, which is not always that of the file. */
function skipFamily(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 >= end) return LINK_CUT;
  const network = readUint32(bytes, at);
  const family = network > 0xffff ? bytes[at]! | (bytes[at + 1]! << 8) : network;
  const isSmall = network <= 0xffff || (bytes[at + 2] === 0 && bytes[at + 3] === 0);
  return isSmall && FAMILIES.includes(family) ? at + 4 : NOT_IP;
}
