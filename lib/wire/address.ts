/*
 * IP addresses as text and as bytes, and which block one lies in. An IPv4-mapped IPv6 address is
 * IPv4 here, always (protocol.md 1); IPv6 text is canonical (RFC 5952). It resolves no names.
 */
import { readUint16, readUint32 } from './big-endian.js';

/** One end of a UDP path. `address` is textual IP in the form that `normaliseIp` gives. */
export interface TransportAddress {
  readonly address: string;
  readonly port: number;
}

const DOT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;

function parseIpv4(text: string): Uint8Array | undefined {
  if (text.length < 7 || text.length > 15) return undefined;
  const bytes = new Uint8Array(4);
  let index = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (digits === 0 || index > 3) return undefined;
      bytes[index++] = value;
      digits = 0;
      value = 0;
      continue;
    }
    // A leading zero would be octal to some readers and decimal to others: nobody's address.
    if (code < ZERO || code > 0x39 || (digits > 0 && value === 0)) return undefined;
    value = value * 10 + (code - ZERO);
    digits++;
    if (value > 255) return undefined;
  }
  return index === 4 ? bytes : undefined;
}

/** One side of `::`, or the whole: groups of hex, of which the last may be dotted IPv4. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes('.')) {
      const ipv4 = parseIpv4(part);
      if (ipv4 === undefined) return undefined;
      groups.push(readUint16(ipv4, 0), readUint16(ipv4, 2));
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function parseIpv6(text: string): Uint8Array | undefined {
  // 45 characters: eight groups of which the last two are a dotted IPv4 address.
  if (text.length > 45) return undefined;
  const gap = text.indexOf('::');
  const head = parseGroups(gap < 0 ? text : text.slice(0, gap));
  const tailText = gap < 0 ? '' : text.slice(gap + 2);
  const tail = parseGroups(tailText);
  if (head === undefined || tail === undefined) return undefined;
  const given = head.length + tail.length;
  if (gap < 0 ? given !== 8 : given > 7) return undefined;
  // Dotted IPv4 ends an address; before `::` it would be in the middle.
  if (gap >= 0 && text.slice(0, gap).includes('.')) return undefined;
  const bytes = new Uint8Array(16);
  const write = (group: number, index: number) => {
    bytes[index * 2] = group >> 8;
    bytes[index * 2 + 1] = group & 0xff;
  };
  head.forEach(write);
  tail.forEach((group, i) => write(group, 8 - tail.length + i));
  return bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/**
 * The 4 or 16 bytes of an address; an IPv4-mapped IPv6 address gives 4. A zone (`%eth0`) is left
 * out. Undefined when the text is no IP address; brackets, ports and names are none.
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const zone = text.indexOf('%');
  if (zone >= 0 && !/^[\w.-]+$/.test(text.slice(zone + 1))) return undefined;
  const bytes = parseIpv6(zone < 0 ? text : text.slice(0, zone));
  return bytes !== undefined && isMapped(bytes) ? bytes.slice(12) : bytes;
}

/** The last that was asked for: peers tell a server one and the same of its few addresses again and again. */
let lastIpv4 = 0;
let lastIpv4Text = '0.0.0.0';

/** The text of an IPv4 address out of its 32 bits. */
export function formatIpv4(bits: number): string {
  if ((bits | 0) !== lastIpv4) {
    lastIpv4 = bits | 0;
    lastIpv4Text = `${bits >>> 24}.${(bits >>> 16) & 0xff}.${(bits >>> 8) & 0xff}.${bits & 0xff}`;
  }
  return lastIpv4Text;
}

/** Canonical text of 4 or 16 bytes (RFC 5952 section 4); mapped ones as IPv4. Other lengths give ''. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return formatIpv4(readUint32(bytes, 0));
  if (bytes.length !== 16) return '';
  if (isMapped(bytes)) return formatIp(bytes.subarray(12));
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(readUint16(bytes, i));
  let longestAt = -1;
  let longest = 1; // a single zero group is never shortened (RFC 5952 section 4.2.2)
  let run = 0;
  for (const [i, group] of groups.entries()) {
    run = group === 0 ? run + 1 : 0;
    if (run > longest) {
      longest = run;
      longestAt = i - run + 1;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (longestAt < 0) return hex.join(':');
  return `${hex.slice(0, longestAt).join(':')}::${hex.slice(longestAt + longest).join(':')}`;
}

function isLowerHex(code: number): boolean {
  return (code >= ZERO && code <= 0x39) || (code >= 0x61 && code <= 0x66);
}

/**
 * True only for IPv6 text that is already what `formatIp` would print. Reads characters and keeps
 * nothing, because it runs for each packet of an IPv6 socket.
 */
// eslint-disable-next-line complexity -- one pass over the text, whose six counters would otherwise become an object a packet
function isCanonicalIpv6(text: string): boolean {
  let at = 0;
  let groups = 0;
  let gapAt = -1;
  let zeroRun = 0;
  let longestBefore = 0; // explicit runs of zero groups left of `::`, or anywhere without one
  let longestAfter = 0;
  if (text.startsWith('::')) {
    gapAt = 0;
    at = 2;
  }
  while (at < text.length) {
    const start = at;
    while (at < text.length && isLowerHex(text.charCodeAt(at))) at++;
    const digits = at - start;
    const isZero = text.charCodeAt(start) === ZERO;
    if (digits === 0 || digits > 4 || (isZero && digits > 1)) return false;
    if (isZero && groups === gapAt) return false;
    groups++;
    zeroRun = isZero ? zeroRun + 1 : 0;
    if (gapAt < 0) longestBefore = Math.max(longestBefore, zeroRun);
    else longestAfter = Math.max(longestAfter, zeroRun);
    if (at === text.length) break;
    if (text.charCodeAt(at++) !== COLON || at === text.length) return false;
    if (text.charCodeAt(at) !== COLON) continue;
    if (gapAt >= 0 || isZero) return false;
    gapAt = groups;
    at++;
  }
  if (gapAt < 0) return groups === 8 && longestBefore < 2;
  const gap = 8 - groups;
  return gap >= 2 && longestBefore < gap && longestAfter <= gap;
}

/**
 * The one spelling under which addresses are compared: mapped IPv6 as IPv4, other IPv6 as RFC 5952
 * has it. A zone stays, for it is part of where a link-local peer is. Text that is already so is
 * returned itself, and so is text that is no address.
 */
export function normaliseIp(text: string): string {
  if (!text.includes(':')) return text;
  if (text.startsWith('::ffff:')) {
    // How dual-stack sockets name every IPv4 peer: worth a short way.
    const rest = text.slice(7);
    if (parseIpv4(rest) !== undefined) return rest;
  } else if (isCanonicalIpv6(text)) {
    return text;
  }
  const bytes = parseIp(text);
  if (bytes === undefined) return text;
  const zone = text.indexOf('%');
  return zone < 0 || bytes.length === 4 ? formatIp(bytes) : formatIp(bytes) + text.slice(zone);
}

/** True when both are the same address and port; both in the form of `normaliseIp`. */
export function isSameAddress(a: TransportAddress, b: TransportAddress): boolean {
  return a.port === b.port && a.address === b.address;
}

/** `1.2.3.4:5` or `[2001:db8::1]:5`, for people. */
export function formatAddress(a: TransportAddress): string {
  return a.address.includes(':') ? `[${a.address}]:${a.port}` : `${a.address}:${a.port}`;
}
