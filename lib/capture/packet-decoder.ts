/*
 * From captured packets to what they carry: IPv4 and IPv6 with fragments, UDP, and TCP for the SIP in it. It checks
 * no checksums: a capture taken at the sender holds whatever stood there before the network card filled them in.
 * Tunnels in the clear (IP in IP, GRE, VXLAN) are opened, what is encrypted is not.
 */
import type { TransportAddress } from '../wire/address.js';
import { asciiText } from '../wire/ascii.js';
import { readUint16, readUint32 } from '../wire/big-endian.js';
import { AddressCache } from './address-cache.js';
import type { PacketListener } from './container.js';
import { Fragments } from './fragments.js';
import type { Fragment } from './fragments.js';
import { CutCount } from './cut-count.js';
import { LINK_CUT, LINK_UNKNOWN, findInMpls, findIp } from './link-layer.js';
import { SkipCount } from './skip-count.js';
import { TcpConnections } from './tcp-connections.js';
import type { CaptureSink, CaptureSummary, SkipReason } from './traffic.js';
import { findInGre, findInVxlan } from './tunnel.js';

const PROTOCOL_IPV4 = 4;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_IPV6 = 41;
const PROTOCOL_FRAGMENT = 44;
const PROTOCOL_GRE = 47;
const PROTOCOL_AUTHENTICATION = 51;
/** RFC 4023. */
const PROTOCOL_MPLS = 137;
/** Hop-by-hop, routing, destination options, mobility, HIP, shim6: all begin with next header and length. */
const SIMPLE_EXTENSIONS: readonly number[] = [0, 43, 60, 135, 139, 140];
/** RFC 8200 section 4.1 has seven at most; a chain of hundreds is nobody's call. */
const MAX_EXTENSIONS = 16;
/** IP packets in each other: a tunnel in a tunnel in a provider's tunnel are four. */
const MAX_NESTED = 8;

export class PacketDecoder implements PacketListener {
  readonly #sink: CaptureSink;
  readonly #skips = new SkipCount();
  readonly #addresses = new AddressCache();
  readonly #fragments = new Fragments(this.#skips);
  readonly #connections: TcpConnections;
  readonly #cut = new CutCount();
  /** Packets so far: the number of the one being decoded, counted from 1. */
  #packets = 0;
  #timeMs = 0;
  /** How many IP packets the one being decoded is in, itself included. */
  #nested = 0;
  /** How many packets the one being decoded came in. */
  #parts = 1;
  /** It was put together from fragments. */
  #isReassembled = false;
  /** The IP addresses of the packet being decoded: where they stand, and of which version. */
  #header: Uint8Array = new Uint8Array();
  #sourceAt = 0;
  #isIpv6 = false;

  constructor(sink: CaptureSink) {
    this.#sink = sink;
    this.#connections = new TcpConnections((message) => sink.onSip?.(message), this.#skips);
  }

  onUndescribed(): void {
    this.#packets++;
    this.#skips.add('interface');
  }

  onPacket(
    linkType: number,
    timeMs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    original: number,
  ): void {
    this.#packets++;
    this.#timeMs = timeMs;
    this.#parts = 1;
    this.#nested = 0;
    if (original > end - start) this.#cut.add(end - start);
    this.#readIp(bytes, findIp(linkType, bytes, start, end), end);
  }

  /** No more packets will come: what was held back is let out or counted. */
  end(): Omit<CaptureSummary, 'error'> {
    this.#fragments.end();
    this.#connections.end();
    const cut = this.#cut.count;
    return { packets: this.#packets, skipped: this.#skips.counts(), ...(cut && { cut }) };
  }

  /** `at` is where the packet begins, or one of the negative numbers of `findIp`. */
  #readIp(bytes: Uint8Array, at: number, end: number): void {
    if (at < 0) return this.#skip(at === LINK_CUT ? 'cut' : at === LINK_UNKNOWN ? 'link-type' : 'not-ip');
    if (at >= end) return this.#skip('cut');
    if (++this.#nested > MAX_NESTED) return this.#skip('malformed');
    this.#header = bytes;
    this.#isReassembled = false;
    const version = bytes[at]! >> 4;
    if (version === 4) this.#readIpv4(bytes, at, end);
    else if (version === 6) this.#readIpv6(bytes, at, end);
    else this.#skip('malformed');
  }

  #skip(reason: SkipReason): void {
    this.#skips.add(reason, this.#parts);
  }

  /** RFC 791 section 3.1. The total length rules: Ethernet pads short frames at their end. */
  #readIpv4(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < 20) return this.#skip('cut');
    const headerSize = (bytes[at]! & 0x0f) * 4;
    // Zero where the network card splits what the system gave it whole.
    const size = readUint16(bytes, at + 2) || end - at;
    if (headerSize < 20 || size < headerSize) return this.#skip('malformed');
    if (end - at < headerSize) return this.#skip('cut');
    this.#isIpv6 = false;
    this.#sourceAt = at + 12;
    const flags = readUint16(bytes, at + 6);
    const start = at + headerSize;
    const stop = at + size;
    const protocol = bytes[at + 9]!;
    // More-fragments flag or an offset: this is a part of a datagram.
    if ((flags & 0x3fff) === 0) return this.#readProtocol(protocol, bytes, start, stop, end);
    if (stop > end) return this.#skip('cut');
    const key = asciiText(bytes, at + 12, at + 20) + asciiText(bytes, at + 4, at + 6) + String(protocol);
    this.#addFragment(key, protocol, {
      timeMs: this.#timeMs,
      bytes,
      start,
      end: stop,
      offset: (flags & 0x1fff) * 8,
      isLast: (flags & 0x2000) === 0,
    });
  }

  /** RFC 8200 section 3. */
  #readIpv6(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < 40) return this.#skip('cut');
    this.#isIpv6 = true;
    this.#sourceAt = at + 8;
    const size = readUint16(bytes, at + 4);
    const stop = size === 0 ? end : at + 40 + size;
    this.#readProtocol(bytes[at + 6]!, bytes, at + 40, stop, end);
  }

  /** `stop` is where the IP packet ends, `end` where the capture of it does: one may be before the other. */
  #readProtocol(first: number, bytes: Uint8Array, start: number, stop: number, end: number): void {
    let protocol = first;
    let at = start;
    for (let headers = 0; protocol !== PROTOCOL_UDP && protocol !== PROTOCOL_TCP; headers++) {
      const unit = this.#extensionUnit(protocol);
      const isFragment = this.#isIpv6 && protocol === PROTOCOL_FRAGMENT;
      // Fragments of a fragment are nobody's.
      if (headers === MAX_EXTENSIONS || (isFragment && this.#isReassembled)) return this.#skip('malformed');
      if (unit === undefined) return this.#openTunnel(protocol, bytes, at, Math.min(stop, end));
      if (at + 8 > stop) return this.#skip('malformed');
      if (at + 8 > end) return this.#skip('cut');
      if (isFragment && (readUint16(bytes, at + 2) & 0xfff9) !== 0) {
        return this.#readFragment(bytes, at, stop, end);
      }
      protocol = bytes[at]!;
      at += 8 + bytes[at + 1]! * unit;
    }
    if (at > stop) return this.#skip('malformed');
    if (protocol === PROTOCOL_UDP) this.#readUdp(bytes, at, stop, end);
    else this.#readTcp(bytes, at, stop, end);
  }

  /** What is neither UDP nor TCP may carry another packet. */
  #openTunnel(protocol: number, bytes: Uint8Array, at: number, end: number): void {
    switch (protocol) {
      case PROTOCOL_IPV4:
      case PROTOCOL_IPV6:
        return this.#readIp(bytes, at, end);
      case PROTOCOL_GRE:
        return this.#readIp(bytes, findInGre(bytes, at, end), end);
      case PROTOCOL_MPLS:
        return this.#readIp(bytes, findInMpls(bytes, at, end), end);
      default:
        return this.#skip('protocol');
    }
  }

  /** In bytes, what the length of a header that may be passed over counts beyond the first eight; undefined for all else. */
  #extensionUnit(protocol: number): number | undefined {
    // RFC 4302 section 2.2: counted in other units, and in IPv4 too.
    if (protocol === PROTOCOL_AUTHENTICATION) return 4;
    if (!this.#isIpv6) return undefined;
    if (protocol === PROTOCOL_FRAGMENT) return 0;
    return SIMPLE_EXTENSIONS.includes(protocol) ? 8 : undefined;
  }

  /** RFC 8200 section 4.5. */
  #readFragment(bytes: Uint8Array, at: number, stop: number, end: number): void {
    if (stop > end) return this.#skip('cut');
    const field = readUint16(bytes, at + 2);
    const ends = asciiText(this.#header, this.#sourceAt, this.#sourceAt + 32);
    const key = ends + asciiText(bytes, at + 4, at + 8);
    this.#addFragment(key, bytes[at]!, {
      timeMs: this.#timeMs,
      bytes,
      start: at + 8,
      end: stop,
      offset: field & 0xfff8,
      isLast: (field & 1) === 0,
    });
  }

  #addFragment(key: string, protocol: number, fragment: Fragment): void {
    const whole = this.#fragments.add(key, fragment);
    if (!whole) return;
    this.#parts = whole.packets;
    this.#isReassembled = true;
    this.#readProtocol(protocol, whole.bytes, 0, whole.bytes.length, whole.bytes.length);
  }

  /** RFC 768. */
  #readUdp(bytes: Uint8Array, at: number, stop: number, end: number): void {
    if (at + 8 > stop) return this.#skip('malformed');
    if (at + 8 > end) return this.#skip('cut');
    const payloadEnd = at + readUint16(bytes, at + 4);
    if (payloadEnd < at + 8 || payloadEnd > stop) return this.#skip('malformed');
    const port = readUint16(bytes, at + 2);
    const kept = Math.min(payloadEnd, end);
    const inner = findInVxlan(port, bytes, at + 8, kept);
    if (inner >= 0) return this.#readIp(bytes, inner, kept);
    const sink = this.#sink;
    if (!sink.onDatagram) return;
    const timeMs = this.#timeMs;
    const frame = this.#packets;
    const source = this.#address(0, readUint16(bytes, at));
    const destination = this.#address(1, port);
    const payload = bytes.subarray(at + 8, kept);
    if (payloadEnd <= end) sink.onDatagram({ timeMs, frame, source, destination, payload });
    else sink.onDatagram({ timeMs, frame, source, destination, payload, cutBytes: payloadEnd - end });
  }

  /** RFC 9293 section 3.1. */
  #readTcp(bytes: Uint8Array, at: number, stop: number, end: number): void {
    if (at + 20 > stop) return this.#skip('malformed');
    if (at + 20 > end) return this.#skip('cut');
    const start = at + (bytes[at + 12]! >> 4) * 4;
    if (start < at + 20 || start > stop) return this.#skip('malformed');
    const flags = bytes[at + 13]!;
    this.#connections.add({
      timeMs: this.#timeMs,
      frame: this.#packets,
      source: this.#address(0, readUint16(bytes, at)),
      destination: this.#address(1, readUint16(bytes, at + 2)),
      sequence: readUint32(bytes, at + 4),
      acknowledged: (flags & 0x10) === 0 ? undefined : readUint32(bytes, at + 8),
      isOpening: (flags & 0x02) !== 0,
      bytes,
      start: Math.min(start, end),
      end: Math.min(stop, end),
    });
  }

  #address(index: 0 | 1, port: number): TransportAddress {
    const at = this.#sourceAt;
    if (this.#isIpv6) return this.#addresses.ipv6(this.#header, at + index * 16, port);
    return this.#addresses.ipv4(this.#header, at + index * 4, port);
  }
}
