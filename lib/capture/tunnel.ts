/*
 * Where the IP packet begins that a tunnel carries: GRE (RFC 2784, RFC 2890, PPTP's of RFC 2637) with IP, MPLS, Ethernet or a
 * switch's mirror (ERSPAN) in it, and VXLAN (RFC 7348). It opens one tunnel; how many may stand in each other is for the decoder
 * to say. HEP, in which capture agents send copies of SIP and figures, is no tunnel: its copies are not what the network carried.
 */
import { readUint16, readUint32 } from '../wire/big-endian.js';
import { LINK_CUT, LINK_ETHERNET, NOT_IP, findByType, findInPpp, findIp } from './link-layer.js';

const GRE_CHECKSUM = 0x8000;
const GRE_ROUTING = 0x4000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;
/** Of version 1 only. */
const GRE_ACKNOWLEDGEMENT = 0x0080;
const GRE_VERSION = 0x0007;
/** RFC 1701: the next header is Ethernet. */
const TYPE_ETHERNET = 0x6558;
const TYPE_PPP = 0x880b;
/** draft-foschiano-erspan: types I and II, and III. */
const TYPE_ERSPAN = 0x88be;
const TYPE_ERSPAN_3 = 0x22eb;

/** RFC 7348's port, and the one that Linux took before there was one. */
const VXLAN_PORT = 4789;
const VXLAN_PORT_OF_LINUX = 8472;
const VXLAN_HEADER_BYTES = 8;

/** Where the IP packet begins behind the GRE header at `at`, or one of the negative numbers of `findIp`. */
export function findInGre(bytes: Uint8Array, at: number, end: number): number {
  if (at + 8 > end) return LINK_CUT;
  const flags = readUint16(bytes, at);
  const type = readUint16(bytes, at + 2);
  const has = (flag: number): number => ((flags & flag) === 0 ? 0 : 4);
  const version = flags & GRE_VERSION;
  if (version > 1 || has(GRE_ROUTING) > 0) return NOT_IP;
  if (version === 1) {
    const from = at + 8 + has(GRE_SEQUENCE) + has(GRE_ACKNOWLEDGEMENT);
    return type === TYPE_PPP ? findInPpp(bytes, from, end) : NOT_IP;
  }
  const from = at + 4 + has(GRE_CHECKSUM) + has(GRE_KEY) + has(GRE_SEQUENCE);
  switch (type) {
    case TYPE_ETHERNET:
      return findIp(LINK_ETHERNET, bytes, from, end);
    case TYPE_ERSPAN:
      // Type I has no header of its own, and no sequence number before it.
      return findIp(LINK_ETHERNET, bytes, from + 2 * has(GRE_SEQUENCE), end);
    case TYPE_ERSPAN_3: {
      if (from + 12 > end) return LINK_CUT;
      const hasMore = (bytes[from + 11]! & 1) !== 0;
      return findIp(LINK_ETHERNET, bytes, from + (hasMore ? 20 : 12), end);
    }
    default:
      return findByType(type, bytes, from, end);
  }
}

/** Likewise behind the VXLAN header at `at`, in a datagram to this port; `NOT_IP` for what is no VXLAN. */
export function findInVxlan(port: number, bytes: Uint8Array, at: number, end: number): number {
  if (port !== VXLAN_PORT && port !== VXLAN_PORT_OF_LINUX) return NOT_IP;
  if (at + VXLAN_HEADER_BYTES > end) return NOT_IP;
  // The flag that says that there is an identifier; what is reserved is zero. One extension has a flag and a group of its own.
  const isVxlan = (bytes[at]! & 0x7f) === 0x08 && (readUint32(bytes, at + 4) & 0xff) === 0;
  return isVxlan ? findIp(LINK_ETHERNET, bytes, at + VXLAN_HEADER_BYTES, end) : NOT_IP;
}
