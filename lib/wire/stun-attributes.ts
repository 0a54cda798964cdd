/*
 * The values of the STUN attributes that latching and ICE use, one parser and one encoder each. Keys
 * and policies are not its business: it turns bytes into values and back.
 */
import { formatIp, formatIpv4, parseIp, type TransportAddress } from './address.js';
import { asciiBytes, asciiText } from './ascii.js';
import { readUint16, readUint32, writeUint16, writeUint32 } from './big-endian.js';
import { refuse, succeed, type Result } from './result.js';
import { STUN_COOKIE } from './stun.js';

const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

/** USERNAME (RFC 8489 section 14.3) of ASCII characters, as ICE and latching have it. */
export function encodeUsername(username: string): Uint8Array {
  return asciiBytes(username);
}

/** The user name as text, a character a byte: other names than ASCII ones match nobody's. */
export function parseUsername(value: Uint8Array): string {
  return asciiText(value);
}

/**
 * XOR-MAPPED-ADDRESS (RFC 8489 section 14.2). An IPv4-mapped IPv6 address is encoded as IPv4
 * (protocol.md 1). Throws RangeError when a caller's address is not an IP address.
 *
 *     |0 0 0 0 0 0 0 0|    family     |  port XOR cookie's top half   |
 *     |   IPv4 XOR cookie, or IPv6 XOR (cookie followed by transaction)   …
 */
export function encodeXorMappedAddress(mapped: TransportAddress, transaction: Uint8Array): Uint8Array {
  const ip = parseIp(mapped.address);
  if (ip === undefined) throw new RangeError('XOR-MAPPED-ADDRESS needs an IP address');
  const value = new Uint8Array(4 + ip.length);
  value[1] = ip.length === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  writeUint16(value, 2, mapped.port ^ (STUN_COOKIE >>> 16));
  xorAddress(ip, transaction);
  value.set(ip, 4);
  return value;
}

/** Reads XOR-MAPPED-ADDRESS; mapped IPv6 gives IPv4. Code: `attribute`, offset within the value. */
export function parseXorMappedAddress(value: Uint8Array, transaction: Uint8Array): Result<TransportAddress> {
  const family = value[1];
  if (value.length !== (family === FAMILY_IPV4 ? 8 : 20)) {
    return refuse('attribute', value.length, 'XOR-MAPPED-ADDRESS has not the size of its family');
  }
  if (family !== FAMILY_IPV4 && family !== FAMILY_IPV6) {
    return refuse('attribute', 1, 'XOR-MAPPED-ADDRESS has an unknown family');
  }
  const port = readUint16(value, 2) ^ (STUN_COOKIE >>> 16);
  if (family === FAMILY_IPV4)
    return succeed({ address: formatIpv4(readUint32(value, 4) ^ STUN_COOKIE), port });
  const ip = new Uint8Array(value.length - 4);
  for (let i = 0; i < ip.length; i++) ip[i] = value[4 + i]!;
  xorAddress(ip, transaction);
  return succeed({ address: formatIp(ip), port });
}

function xorAddress(ip: Uint8Array, transaction: Uint8Array): void {
  writeUint32(ip, 0, readUint32(ip, 0) ^ STUN_COOKIE);
  for (let i = 4; i < ip.length; i++) ip[i]! ^= transaction[i - 4]!;
}

/** PRIORITY (RFC 8445 section 7.1.1): an unsigned 32-bit number. */
export function encodePriority(priority: number): Uint8Array {
  const value = new Uint8Array(4);
  writeUint32(value, 0, priority);
  return value;
}

/** Reads PRIORITY. Code: `attribute`. */
export function parsePriority(value: Uint8Array): Result<number> {
  return value.length === 4
    ? succeed(readUint32(value, 0))
    : refuse('attribute', value.length, 'PRIORITY is not 4 bytes');
}

/** USE-CANDIDATE (RFC 8445 section 7.1.2) is a flag: its value is empty. */
export function encodeUseCandidate(): Uint8Array {
  return new Uint8Array(0);
}

/** True for the one value that USE-CANDIDATE may have, the empty one. */
export function isUseCandidate(value: Uint8Array): boolean {
  return value.length === 0;
}

/** ICE-CONTROLLED and ICE-CONTROLLING (RFC 8445 section 7.1.3): the 8 bytes of the tie-breaker. Code: `attribute`. */
export function parseTieBreaker(value: Uint8Array): Result<Uint8Array> {
  return value.length === 8
    ? succeed(value)
    : refuse('attribute', value.length, 'a tie-breaker is not 8 bytes');
}

export interface StunErrorCode {
  /** 300 to 699. */
  readonly code: number;
  readonly reason: string;
}

/** ERROR-CODE (RFC 8489 section 14.8): class and number of the code, then an ASCII reason. */
export function encodeErrorCode(error: StunErrorCode): Uint8Array {
  const reason = asciiBytes(error.reason);
  const value = new Uint8Array(4 + reason.length);
  value[2] = Math.floor(error.code / 100);
  value[3] = error.code % 100;
  value.set(reason, 4);
  return value;
}

/** Reads ERROR-CODE. Code: `attribute`. */
export function parseErrorCode(value: Uint8Array): Result<StunErrorCode> {
  if (value.length < 4) return refuse('attribute', value.length, 'ERROR-CODE is shorter than 4 bytes');
  const hundreds = value[2]! & 7;
  const rest = value[3]!;
  if (hundreds < 3 || hundreds > 6 || rest > 99) {
    return refuse('attribute', 2, 'ERROR-CODE is not between 300 and 699');
  }
  return succeed({ code: hundreds * 100 + rest, reason: asciiText(value.subarray(4)) });
}

/** LATCH-CHALLENGE (protocol.md 4): the word, 16 bytes, as it is. Code: `attribute`. */
export function parseLatchChallenge(value: Uint8Array): Result<Uint8Array> {
  return value.length === 16
    ? succeed(value)
    : refuse('attribute', value.length, 'LATCH-CHALLENGE is not 16 bytes');
}

/** LATCH-PROOF (protocol.md 4): 32 bytes for HMAC-SHA-256, 16 for AES-256. Code: `attribute`. */
export function parseLatchProof(value: Uint8Array): Result<Uint8Array> {
  return value.length === 32 || value.length === 16
    ? succeed(value)
    : refuse('attribute', value.length, 'LATCH-PROOF is neither 32 nor 16 bytes');
}
