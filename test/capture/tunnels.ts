/*
 * The same IP packet in every envelope that networks put it into, written out from the RFCs. tshark says in
 * tunnel.test.ts that these are what they claim to be.
 */
import { concat, hex } from './bytes.js';

const MACS = hex('020000000002 020000000001');
const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
const typeOf = (ip: Uint8Array): number => (ip[0]! >> 4 === 6 ? 0x86dd : 0x0800);

export const ethernet = (type: number, payload: Uint8Array): Uint8Array => concat(MACS, u16(type), payload);
const ethernetOf = (ip: Uint8Array): Uint8Array => ethernet(typeOf(ip), ip);

/** IPv4 from 198.51.100.1 to 198.51.100.2. */
export function outer4(protocol: number, payload: Uint8Array): Uint8Array {
  const header = hex('4500 0000 0000 4000 40 00 0000 c6336401 c6336402');
  header.set(u16(20 + payload.length), 2);
  header[9] = protocol;
  return concat(header, payload);
}

/** IPv6 from 2001:db8::a to 2001:db8::b. */
export function outer6(protocol: number, payload: Uint8Array): Uint8Array {
  const addresses = hex('20010db800000000000000000000000a 20010db800000000000000000000000b');
  return concat(hex('60000000'), u16(payload.length), Uint8Array.of(protocol, 64), addresses, payload);
}

function udpTo(port: number, payload: Uint8Array): Uint8Array {
  return concat(u16(50_000), u16(port), u16(8 + payload.length), u16(0), payload);
}

const inIp = (ip: Uint8Array): number => (ip[0]! >> 4 === 6 ? 41 : 4);
const ppp = (ip: Uint8Array): Uint8Array => concat(u16(ip[0]! >> 4 === 6 ? 0x57 : 0x21), ip);
const pppoe = (payload: Uint8Array): Uint8Array => concat(hex('1100 0001'), u16(payload.length), payload);
export const label = (value: number, isLast: boolean): Uint8Array =>
  Uint8Array.of(value >> 12, (value >> 4) & 0xff, ((value & 15) << 4) | (isLast ? 1 : 0), 64);
const gre = (
  type: number,
  payload: Uint8Array,
  flags = 0,
  fields: Uint8Array = new Uint8Array(),
): Uint8Array => concat(u16(flags), u16(type), fields, payload);
export const vxlan = (ip: Uint8Array): Uint8Array =>
  udpTo(4789, concat(hex('08000000 00002a00'), ethernetOf(ip)));

/** No label says what follows it: tshark is told. */
export const PSEUDOWIRE_LABEL = 1234;

/** By name: an Ethernet frame around an IP packet. */
export const envelopes: Readonly<Record<string, (ip: Uint8Array) => Uint8Array>> = {
  VLAN: (ip) => ethernet(0x8100, concat(u16(7), u16(typeOf(ip)), ip)),
  QinQ: (ip) => ethernet(0x88a8, concat(u16(100), u16(0x8100), u16(7), u16(typeOf(ip)), ip)),
  'QinQ, three tags': (ip) =>
    ethernet(0x88a8, concat(u16(1), u16(0x8100), u16(2), u16(0x8100), u16(3), u16(typeOf(ip)), ip)),
  PPPoE: (ip) => ethernet(0x8864, pppoe(ppp(ip))),
  'PPPoE in a VLAN': (ip) => ethernet(0x8100, concat(u16(7), u16(0x8864), pppoe(ppp(ip)))),
  MPLS: (ip) => ethernet(0x8847, concat(label(16, true), ip)),
  'MPLS, three labels': (ip) =>
    ethernet(0x8847, concat(label(16, false), label(0xfffff, false), label(17, true), ip)),
  'Ethernet in MPLS': (ip) =>
    ethernet(0x8847, concat(label(PSEUDOWIRE_LABEL, true), new Uint8Array(4), ethernetOf(ip))),
  'IP in IPv4': (ip) => ethernetOf(outer4(inIp(ip), ip)),
  'IP in IPv6': (ip) => ethernetOf(outer6(inIp(ip), ip)),
  'IP in IPv6 with an option': (ip) =>
    ethernetOf(outer6(60, concat(Uint8Array.of(inIp(ip)), hex('00 0104 00000000'), ip))),
  GRE: (ip) => ethernetOf(outer4(47, gre(typeOf(ip), ip))),
  'GRE with checksum, key and sequence': (ip) =>
    ethernetOf(outer4(47, gre(typeOf(ip), ip, 0xb000, hex('00000000 00000007 00000001')))),
  'GRE over IPv6': (ip) => ethernetOf(outer6(47, gre(typeOf(ip), ip))),
  'Ethernet in GRE': (ip) => ethernetOf(outer4(47, gre(0x6558, ethernetOf(ip)))),
  'MPLS in GRE': (ip) => ethernetOf(outer4(47, gre(0x8847, concat(label(16, true), ip)))),
  'PPP in GRE': (ip) =>
    ethernetOf(
      outer4(47, concat(hex('3001 880b'), u16(4 + ip.length), hex('0001 00000001'), hex('ff03'), ppp(ip))),
    ),
  'ERSPAN II': (ip) =>
    ethernetOf(
      outer4(47, gre(0x88be, concat(hex('10010000 00000000'), ethernetOf(ip)), 0x1000, hex('00000001'))),
    ),
  'ERSPAN III': (ip) =>
    ethernetOf(
      outer4(
        47,
        gre(0x22eb, concat(hex('20010000 00000000 00000000'), ethernetOf(ip)), 0x1000, hex('00000001')),
      ),
    ),
  VXLAN: (ip) => ethernetOf(outer4(17, vxlan(ip))),
  'VXLAN over IPv6': (ip) => ethernetOf(outer6(17, vxlan(ip))),
  'VXLAN in GRE in PPPoE': (ip) =>
    ethernet(0x8864, pppoe(ppp(outer4(47, gre(0x0800, outer4(17, vxlan(ip))))))),
};

/** IP packets in each other, `depth` of them. */
export function nested(depth: number, ip: Uint8Array): Uint8Array {
  let packet = ip;
  for (let i = 1; i < depth; i++) packet = outer4(inIp(packet), packet);
  return packet;
}
