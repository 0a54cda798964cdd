/*
 * Capture files and frames made by hand for the tests of this room: written out from the RFCs and the
 * pcap format, not with the writer under test.
 */

/** Bytes of hex digits; white space is passed over. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function pcapHeader({ isLittleEndian = true, isNano = false, linkType = 101 } = {}): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, isNano ? 0xa1b23c4d : 0xa1b2c3d4, isLittleEndian);
  view.setUint16(4, 2, isLittleEndian);
  view.setUint16(6, 4, isLittleEndian);
  view.setUint32(16, 65_535, isLittleEndian);
  view.setUint32(20, linkType, isLittleEndian);
  return new Uint8Array(view.buffer);
}

interface RecordFields {
  readonly bytes: Uint8Array;
  readonly isLittleEndian?: boolean;
  readonly seconds?: number;
  readonly fraction?: number;
  readonly original?: number;
}

export function pcapRecord({
  bytes,
  isLittleEndian = true,
  seconds = 0,
  fraction = 0,
  original,
}: RecordFields) {
  const record = new Uint8Array(16 + bytes.length);
  const view = new DataView(record.buffer);
  view.setUint32(0, seconds, isLittleEndian);
  view.setUint32(4, fraction, isLittleEndian);
  view.setUint32(8, bytes.length, isLittleEndian);
  view.setUint32(12, original ?? bytes.length, isLittleEndian);
  record.set(bytes, 16);
  return record;
}

const udp = '9c40 a410 000c 0000 74657374';
const ethernet = '020000000002 020000000001';
const ipv4 = `4500 0020 0000 4000 4011 0000 c0000201 cb007101 ${udp}`;
const addresses6 = '20010db8000000000000000000000001 20010db8000000000000000000000002';

/** Frames that all carry the payload "test" from port 40000 to port 42000. */
export const frames = {
  rawIpv4: hex(ipv4),
  // Two words of options: no-operation seven times and the end.
  rawIpv4Options: hex(`4700 0028 0000 0000 4011 0000 c0000201 cb007101 01010101 01010100 ${udp}`),
  // RFC 4302: 24 bytes, of which the length field counts 6 words less 2.
  rawIpv4Authenticated: hex(
    `4500 0038 0000 0000 4033 0000 c0000201 cb007101 1104 0000 00000001 00000001 ${'ab'.repeat(12)} ${udp}`,
  ),
  rawIpv6: hex(`60000000 000c 11 40 ${addresses6} ${udp}`),
  // Hop-by-hop, then destination options of 16 bytes, then UDP.
  rawIpv6Extensions: hex(
    `60000000 0024 00 40 ${addresses6} 3c00010400000000 1101010c${'00'.repeat(12)} ${udp}`,
  ),
  // A fragment that is the whole (RFC 6946).
  rawIpv6Atomic: hex(`60000000 0014 2c 40 ${addresses6} 11 00 0000 00000007 ${udp}`),
  ethernetIpv4: hex(`${ethernet} 0800 ${ipv4} ${'00'.repeat(14)}`),
  ethernetIpv6: hex(`${ethernet} 86dd 60000000 000c 11 40 ${addresses6} ${udp}`),
  ethernetVlan: hex(`${ethernet} 8100 0007 0800 ${ipv4}`),
  ethernetQinQ: hex(`${ethernet} 88a8 0064 8100 0007 86dd 60000000 000c 11 40 ${addresses6} ${udp}`),
  cooked: hex(`0000 0001 0006 020000000001 0000 0800 ${ipv4}`),
  cookedVlan: hex(`0000 0001 0006 020000000001 0000 8100 0007 0800 ${ipv4}`),
  cooked2: hex(`86dd 0000 00000002 0001 00 06 020000000001 0000 60000000 000c 11 40 ${addresses6} ${udp}`),
  // AF_INET of everybody, AF_INET6 of Darwin.
  nullLittle: hex(`02000000 ${ipv4}`),
  nullBig: hex(`0000001e 60000000 000c 11 40 ${addresses6} ${udp}`),
};
