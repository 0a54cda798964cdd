/*
 * STUN messages (RFC 8489) in a datagram of their own: structure in, structure out. It knows no
 * transactions, and it accepts no message without the magic cookie (RFC 3489).
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |0 0|  M11..M7|C1|M6..M4|C0|M3..M0|   length after these 20 bytes |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                    magic cookie 0x2112A442                    |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                     transaction (12 bytes)                    |
 */
import { readUint16, readUint32 } from './big-endian.js';
import { refuse, succeed, type Result } from './result.js';
import { ATTRIBUTE } from './stun-attribute-types.js';

export type StunClass = 'request' | 'indication' | 'success' | 'error';

/** In the order of the two class bits, C1 C0. */
const CLASSES = ['request', 'indication', 'success', 'error'] as const satisfies readonly StunClass[];

/** The one method of RFC 8489. */
export const BINDING = 0x001;
export const STUN_COOKIE = 0x2112a442;
export const STUN_HEADER_SIZE_BYTES = 20;

/** Reason: work per unauthenticated datagram is constant (protocol.md 5.9). Real messages have at most a dozen. */
const MAX_ATTRIBUTES = 64;

/** Reason: the same; RFC 8489 section 6.1 keeps messages over UDP within the path's MTU. */
export const STUN_MAX_SIZE_BYTES = 1500;

export interface StunAttribute {
  readonly type: number;
  /** Without the padding; a view into the message. */
  readonly value: Uint8Array;
  /** Of the attribute's own header, in bytes from the start of the message. */
  readonly offset: number;
}

/** A structurally sound message. Everything in it is a view into `bytes`: copy what must outlive them. */
export interface StunMessage {
  readonly bytes: Uint8Array;
  readonly class: StunClass;
  /** 12 bits; 1 is Binding. */
  readonly method: number;
  /** 12 bytes. */
  readonly transaction: Uint8Array;
  /** All that count, in order, unknown ones too. Of a repeated type only the first need be read. */
  readonly attributes: readonly StunAttribute[];
  /** How many attributes RFC 8489 sections 14.5 and 14.6 say to ignore, because they follow an integrity. */
  readonly ignoredCount: number;
  readonly integrityOffset: number | undefined;
  readonly integritySha256Offset: number | undefined;
  readonly fingerprintOffset: number | undefined;
}

/** Where the attribute after the one at `at` begins: values are padded to four bytes. */
export function nextAttributeOffset(bytes: Uint8Array, at: number): number {
  return at + 4 + ((readUint16(bytes, at + 2) + 3) & ~3);
}

/** The value of the attribute at `at`, without padding, as a view. */
export function attributeValue(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.subarray(at + 4, at + 4 + readUint16(bytes, at + 2));
}

/** Views are made when somebody asks for them: most messages of a flood are dropped before. */
class ParsedStun implements StunMessage {
  readonly bytes: Uint8Array;
  readonly integrityOffset: number | undefined;
  readonly integritySha256Offset: number | undefined;
  readonly fingerprintOffset: number | undefined;
  readonly ignoredCount: number;
  #attributes: readonly StunAttribute[] | undefined;

  constructor(
    bytes: Uint8Array,
    integrityOffset: number | undefined,
    integritySha256Offset: number | undefined,
    fingerprintOffset: number | undefined,
    ignoredCount: number,
  ) {
    this.bytes = bytes;
    this.integrityOffset = integrityOffset;
    this.integritySha256Offset = integritySha256Offset;
    this.fingerprintOffset = fingerprintOffset;
    this.ignoredCount = ignoredCount;
  }

  get class(): StunClass {
    const type = readUint16(this.bytes, 0);
    return CLASSES[((type >> 7) & 2) | ((type >> 4) & 1)]!;
  }

  get method(): number {
    const type = readUint16(this.bytes, 0);
    return (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2);
  }

  get transaction(): Uint8Array {
    return this.bytes.subarray(8, STUN_HEADER_SIZE_BYTES);
  }

  get attributes(): readonly StunAttribute[] {
    return (this.#attributes ??= this.#listAttributes());
  }

  #listAttributes(): readonly StunAttribute[] {
    const { bytes } = this;
    const attributes: StunAttribute[] = [];
    for (let at = STUN_HEADER_SIZE_BYTES; at < bytes.length; at = nextAttributeOffset(bytes, at)) {
      if (this.#counts(at)) {
        attributes.push({ type: readUint16(bytes, at), value: attributeValue(bytes, at), offset: at });
      }
    }
    return attributes;
  }

  #counts(at: number): boolean {
    const sealedAt = this.integrityOffset ?? this.integritySha256Offset ?? this.bytes.length;
    return at <= sealedAt || at === this.integritySha256Offset || at === this.fingerprintOffset;
  }
}

/**
 * True when the first 20 bytes are those of a STUN message: both top bits zero, the cookie, a length
 * that is a multiple of four (RFC 8489 section 5). UDPTL and RFC 3489 packets fail by the cookie.
 */
export function isStunHeader(bytes: Uint8Array): boolean {
  return (
    bytes.length >= STUN_HEADER_SIZE_BYTES &&
    bytes[0]! < 4 &&
    (bytes[3]! & 3) === 0 &&
    readUint32(bytes, 4) === STUN_COOKIE
  );
}

/**
 * Reads the structure of a message that fills `bytes` exactly. Never throws, keeps the bytes, checks
 * neither integrity nor fingerprint. Codes: `truncated`, `not-stun`, `length`, `attribute`.
 *
 * What follows MESSAGE-INTEGRITY, other than MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, and what
 * follows MESSAGE-INTEGRITY-SHA256, other than FINGERPRINT, is left out (RFC 8489 sections 14.5 and
 * 14.6); an attribute after FINGERPRINT is an error (14.7).
 */
export function parseStun(bytes: Uint8Array): Result<StunMessage> {
  const unsound = refuseHeader(bytes);
  if (unsound !== undefined) return unsound;
  const end = bytes.length;
  let integrityOffset: number | undefined;
  let integritySha256Offset: number | undefined;
  let fingerprintOffset: number | undefined;
  let ignoredCount = 0;
  let count = 0;
  let next: number;
  for (let at = STUN_HEADER_SIZE_BYTES; at < end; at = next) {
    next = nextAttributeOffset(bytes, at);
    if (next > end) return refuse('attribute', at, 'an attribute runs past the end');
    if (++count > MAX_ATTRIBUTES) return refuse('attribute', at, `more than ${MAX_ATTRIBUTES} attributes`);
    if (fingerprintOffset !== undefined) return refuse('attribute', at, 'an attribute follows FINGERPRINT');
    const type = readUint16(bytes, at);
    const sizeBytes = readUint16(bytes, at + 2);
    if (type === ATTRIBUTE.FINGERPRINT) {
      if (sizeBytes !== 4) return refuse('attribute', at, 'FINGERPRINT is not 4 bytes');
      fingerprintOffset = at;
    } else if (integritySha256Offset !== undefined) {
      ignoredCount++;
    } else if (type === ATTRIBUTE.MESSAGE_INTEGRITY_SHA256) {
      if (sizeBytes < 16 || sizeBytes > 32 || (sizeBytes & 3) !== 0) {
        return refuse('attribute', at, 'MESSAGE-INTEGRITY-SHA256 is not 16, 20, 24, 28 or 32 bytes');
      }
      integritySha256Offset = at;
    } else if (integrityOffset !== undefined) {
      ignoredCount++;
    } else if (type === ATTRIBUTE.MESSAGE_INTEGRITY) {
      if (sizeBytes !== 20) return refuse('attribute', at, 'MESSAGE-INTEGRITY is not 20 bytes');
      integrityOffset = at;
    }
  }
  return succeed(
    new ParsedStun(bytes, integrityOffset, integritySha256Offset, fingerprintOffset, ignoredCount),
  );
}

/** Why what begins here is no STUN message that fills `bytes`; undefined where it may be one. */
function refuseHeader(bytes: Uint8Array): ReturnType<typeof refuse> | undefined {
  const end = bytes.length;
  if (end < STUN_HEADER_SIZE_BYTES) return refuse('truncated', end, 'shorter than a STUN header');
  if (bytes[0]! >= 4) return refuse('not-stun', 0, 'the two top bits are not zero, or no STUN range');
  if (readUint32(bytes, 4) !== STUN_COOKIE) return refuse('not-stun', 4, 'no magic cookie');
  const claimed = STUN_HEADER_SIZE_BYTES + readUint16(bytes, 2);
  if ((claimed & 3) !== 0) return refuse('length', 2, 'the length is no multiple of four');
  if (claimed > end) return refuse('truncated', end, 'shorter than its header says');
  if (claimed < end) return refuse('length', claimed, 'bytes after the end of the message');
  return end > STUN_MAX_SIZE_BYTES
    ? refuse('length', 2, `longer than ${STUN_MAX_SIZE_BYTES} bytes`)
    : undefined;
}

/** The first attribute of a type, or undefined; ignored ones do not count (see `parseStun`). */
export function findAttribute(message: StunMessage, type: number): StunAttribute | undefined {
  return message.attributes.find((attribute) => attribute.type === type);
}

/** The 16 bits of message type that carry a class and a method (RFC 8489 section 5, figure 3). */
export function stunType(messageClass: StunClass, method: number): number {
  const bits = CLASSES.indexOf(messageClass);
  const classBits = ((bits & 2) << 7) | ((bits & 1) << 4);
  return classBits | (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2);
}
