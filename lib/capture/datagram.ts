/*
 * From a captured frame to the UDP datagram in it: Ethernet with at most one VLAN tag, raw IP, Linux
 * cooked v1; IPv4 and IPv6. It reassembles no fragments and checks no checksums: a capture taken at
 * the sender holds whatever stood there before the network card filled them in.
 */
import { formatIp } from '../wire/address.js';
import type { WireError } from '../wire/result.js';
import { parsePcap } from './pcap.js';
import type { CapturedDatagram } from './traffic.js';

/** The datagrams of a capture in file order; can be iterated again. */
export interface CapturedDatagrams extends Iterable<CapturedDatagram> {
  /** Why the capture could not be read, or not to its end; `offset` is in bytes of the file. */
  readonly error?: WireError;
}

/** Link layers that `parseDatagram` knows, by their LINKTYPE_ numbers. */
export const LINK_ETHERNET = 1;
export const LINK_RAW = 101;
export const LINK_LINUX_COOKED = 113;
// What some systems write for raw IP in the place of 101.
const LINK_RAW_ALIASES: readonly number[] = [12, 14];

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_VLAN = 0x8100;
const PROTOCOL_UDP = 17;
// Hop-by-hop options, routing, destination options: all three begin with next header and length.
const SIMPLE_EXTENSIONS: readonly number[] = [0, 43, 60];

/**
 * All UDP datagrams of a classic pcap file. Other packets are passed over: not UDP, fragments, cut by
 * the snap length. Never throws on bad bytes: what can be read comes out, and `error` tells the rest,
 * with the codes of `parsePcap` and `link-type` for a link layer that is not known here.
 */
export function readDatagrams(bytes: Uint8Array): CapturedDatagrams {
  const parsed = parsePcap(bytes);
  if (!parsed.ok) return { error: parsed.error, [Symbol.iterator]: () => [][Symbol.iterator]() };
  const { linkType, records, error } = parsed.value;
  if (!isKnownLink(linkType)) {
    const message = `link type ${linkType} is not read here: Ethernet (1), raw IP (101) and Linux cooked (113) are`;
    return {
      error: { code: 'link-type', offset: 20, message },
      [Symbol.iterator]: () => [][Symbol.iterator](),
    };
  }
  return {
    ...(error && { error }),
    *[Symbol.iterator]() {
      for (const record of records) {
        const datagram = parseDatagram(linkType, record.bytes);
        if (datagram) yield { timeMs: record.timeMs, ...datagram };
      }
    },
  };
}

function isKnownLink(linkType: number): boolean {
  return (
    linkType === LINK_ETHERNET ||
    linkType === LINK_RAW ||
    linkType === LINK_LINUX_COOKED ||
    LINK_RAW_ALIASES.includes(linkType)
  );
}

/** The UDP datagram in one frame; undefined when the frame holds no whole one. Total over all bytes. */
export function parseDatagram(
  linkType: number,
  frame: Uint8Array,
): Omit<CapturedDatagram, 'timeMs'> | undefined {
  const packet = skipLink(linkType, frame);
  if (!packet || packet.length === 0) return undefined;
  const version = byteAt(packet, 0) >> 4;
  if (version === 4) return parseIpv4(packet);
  if (version === 6) return parseIpv6(packet);
  return undefined;
}

/** The frame without its link layer, when what follows is IP. */
function skipLink(linkType: number, frame: Uint8Array): Uint8Array | undefined {
  if (linkType === LINK_RAW || LINK_RAW_ALIASES.includes(linkType)) return frame;
  let typeAt: number;
  if (linkType === LINK_ETHERNET) typeAt = word(frame, 12) === ETHERTYPE_VLAN ? 16 : 12;
  else if (linkType === LINK_LINUX_COOKED) typeAt = 14;
  else return undefined;
  const type = word(frame, typeAt);
  return type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6 ? frame.subarray(typeAt + 2) : undefined;
}

/** RFC 791 section 3.1. The total length rules: Ethernet pads short frames at their end. */
function parseIpv4(packet: Uint8Array): Omit<CapturedDatagram, 'timeMs'> | undefined {
  const headerSize = (byteAt(packet, 0) & 0x0f) * 4;
  const totalSize = word(packet, 2);
  if (headerSize < 20 || totalSize < headerSize || packet.length < totalSize) return undefined;
  // More-fragments flag or an offset: this is a part of a datagram.
  if ((word(packet, 6) & 0x3fff) !== 0) return undefined;
  if (byteAt(packet, 9) !== PROTOCOL_UDP) return undefined;
  return parseUdp(packet.subarray(headerSize, totalSize), packet.subarray(12, 16), packet.subarray(16, 20));
}

/** RFC 8200 sections 3 and 4; of the extension headers only those that a reader may step over. */
function parseIpv6(packet: Uint8Array): Omit<CapturedDatagram, 'timeMs'> | undefined {
  const end = 40 + word(packet, 4);
  if (packet.length < end) return undefined;
  let next = byteAt(packet, 6);
  let at = 40;
  while (SIMPLE_EXTENSIONS.includes(next)) {
    if (at + 8 > end) return undefined;
    next = byteAt(packet, at);
    at += 8 + byteAt(packet, at + 1) * 8;
  }
  if (next !== PROTOCOL_UDP || at > end) return undefined;
  return parseUdp(packet.subarray(at, end), packet.subarray(8, 24), packet.subarray(24, 40));
}

/** RFC 768. */
function parseUdp(
  bytes: Uint8Array,
  source: Uint8Array,
  destination: Uint8Array,
): Omit<CapturedDatagram, 'timeMs'> | undefined {
  const size = word(bytes, 4);
  if (size < 8 || bytes.length < size) return undefined;
  return {
    source: { address: formatIp(source), port: word(bytes, 0) },
    destination: { address: formatIp(destination), port: word(bytes, 2) },
    payload: bytes.subarray(8, size),
  };
}

/** Reads as zero past the end, which every caller's length check then refuses. */
function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

function word(bytes: Uint8Array, offset: number): number {
  return (byteAt(bytes, offset) << 8) | byteAt(bytes, offset + 1);
}
