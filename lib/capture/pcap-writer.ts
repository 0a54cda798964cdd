/*
 * Writes UDP datagrams as a classic pcap of raw IP packets (LINKTYPE_RAW, microseconds, little-endian),
 * headers and checksums made up as the sender's system would. It opens no file: bytes go to a sink.
 */
import { LatchkeyError } from '../core/errors.js';
import { parseIp } from '../wire/address.js';
import { LINK_RAW } from './link-layer.js';
import type { CapturedDatagram } from './traffic.js';

const SNAP_BYTES = 262_144;
const HOP_LIMIT = 64;
const PROTOCOL_UDP = 17;
const UDP_HEADER_BYTES = 8;
/** The largest UDP payload that both IP versions can carry without jumbograms. */
const MAX_PAYLOAD_BYTES = 65_535 - 20 - UDP_HEADER_BYTES;

/**
 * A capture in the making. The file header goes to the sink at once, so that a recording without
 * packets is a capture too; every `write` gives the sink one whole record.
 */
export class PcapWriter {
  readonly #sink: (bytes: Uint8Array) => void;

  constructor(sink: (bytes: Uint8Array) => void) {
    this.#sink = sink;
    const header = new DataView(new ArrayBuffer(24));
    header.setUint32(0, 0xa1b2c3d4, true);
    header.setUint16(4, 2, true);
    header.setUint16(6, 4, true);
    header.setUint32(16, SNAP_BYTES, true);
    header.setUint32(20, LINK_RAW, true);
    sink(new Uint8Array(header.buffer));
  }

  /**
   * Adds one datagram; `timeMs` is rounded to the microsecond. Throws a LatchkeyError (`LATCHKEY_OPTION`)
   * when an address is no IP address, a port no port, the time not between 1970 and 2106, or the payload
   * too large for UDP.
   */
  write(datagram: CapturedDatagram): void {
    const timeUs = Math.round(datagram.timeMs * 1000);
    if (!(timeUs >= 0 && timeUs < 2 ** 32 * 1e6)) throw refusal('the time is none that pcap can hold');
    const packet = encodePacket(datagram);
    const record = new Uint8Array(16 + packet.length);
    const view = new DataView(record.buffer);
    view.setUint32(0, Math.floor(timeUs / 1e6), true);
    view.setUint32(4, timeUs % 1e6, true);
    view.setUint32(8, packet.length, true);
    view.setUint32(12, packet.length, true);
    record.set(packet, 16);
    this.#sink(record);
  }
}

function encodePacket({ source, destination, payload }: CapturedDatagram): Uint8Array {
  let from = ipBytes(source.address);
  let to = ipBytes(destination.address);
  // A dual-stack socket bound to :: hears IPv4 peers: that pair is written as IPv6, mapped.
  if (from.length !== to.length) [from, to] = [mapped(from), mapped(to)];
  if (payload.length > MAX_PAYLOAD_BYTES) throw refusal(`${payload.length} bytes do not fit into UDP`);
  const udpSize = UDP_HEADER_BYTES + payload.length;
  const ipSize = from.length === 4 ? 20 : 40;
  const packet = new Uint8Array(ipSize + udpSize);
  const view = new DataView(packet.buffer);
  if (from.length === 4) writeIpv4(view, packet, from, to);
  else writeIpv6(view, packet, from, to);
  view.setUint16(ipSize, portOf(source.port));
  view.setUint16(ipSize + 2, portOf(destination.port));
  view.setUint16(ipSize + 4, udpSize);
  packet.set(payload, ipSize + UDP_HEADER_BYTES);
  // RFC 768 and RFC 8200 section 8.1: the pseudo header counts too, and a sum of zero is sent as ones.
  const pseudo = sum(from, sum(to, PROTOCOL_UDP + udpSize));
  view.setUint16(ipSize + 6, checksum(packet.subarray(ipSize), pseudo) || 0xffff);
  return packet;
}

/** RFC 791 section 3.1; don't-fragment and identification 0, as RFC 6864 allows whole datagrams. */
function writeIpv4(view: DataView, packet: Uint8Array, from: Uint8Array, to: Uint8Array): void {
  view.setUint8(0, 0x45);
  view.setUint16(2, packet.length);
  view.setUint16(6, 0x4000);
  view.setUint8(8, HOP_LIMIT);
  view.setUint8(9, PROTOCOL_UDP);
  packet.set(from, 12);
  packet.set(to, 16);
  view.setUint16(10, checksum(packet.subarray(0, 20), 0));
}

/** RFC 8200 section 3. */
function writeIpv6(view: DataView, packet: Uint8Array, from: Uint8Array, to: Uint8Array): void {
  view.setUint8(0, 0x60);
  view.setUint16(4, packet.length - 40);
  view.setUint8(6, PROTOCOL_UDP);
  view.setUint8(7, HOP_LIMIT);
  packet.set(from, 8);
  packet.set(to, 24);
}

function ipBytes(address: string): Uint8Array {
  const bytes = parseIp(address);
  if (!bytes) throw refusal('a datagram of a capture needs IP addresses on both ends');
  return bytes;
}

function mapped(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address;
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...address);
}

function portOf(port: number): number {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw refusal('a port is 0 to 65535');
  return port;
}

function refusal(message: string): LatchkeyError {
  return new LatchkeyError('LATCHKEY_OPTION', message);
}

/** Adds big-endian 16-bit words, an odd last byte as if a zero followed (RFC 1071). */
function sum(bytes: Uint8Array, start: number): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return total;
}

function checksum(bytes: Uint8Array, start: number): number {
  let total = sum(bytes, start);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return ~total & 0xffff;
}
