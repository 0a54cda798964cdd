/*
 * AES-GCM (RFC 7714): one pass encrypts and authenticates.
 *
 *    RTP:    header | encrypted, tag | MKI                   the header is authenticated too
 *    RTCP:   header | encrypted, tag | E, index | MKI        header and index are authenticated too; where E is 0, all is
 */
import { readUint32, writeUint32 } from '../wire/big-endian.js';
import { SEQUENCES } from './packet-index.js';
import type { SessionKeys } from './session-keys.js';
import type { Aead, SrtpCrypto } from './srtp-crypto.js';
import { ENCRYPTED, type PacketKind, type PacketPlace, type Transform } from './transform.js';

const NONCE_SIZE_BYTES = 12;
const TAG_SIZE_BYTES = 16;
const INDEX_SIZE_BYTES = 4;

export class GcmTransform implements Transform {
  readonly #aead: Aead;
  readonly #keys: SessionKeys;

  constructor(
    crypto: SrtpCrypto,
    keys: SessionKeys,
    private readonly kind: PacketKind,
  ) {
    this.#keys = keys;
    this.#aead = crypto.aesGcm(keys.cipherKey);
  }

  seal(packet: Uint8Array, place: PacketPlace, mki: Uint8Array): Uint8Array {
    const header = packet.subarray(0, place.clearSizeBytes);
    const index = this.#encodeIndex(place);
    const associated = joined(header, index);
    const body = this.#aead.seal(this.#nonce(place), associated, packet.subarray(place.clearSizeBytes));
    return joined(header, body, index, mki);
  }

  open(sealed: Uint8Array, place: PacketPlace, mkiSizeBytes: number): Uint8Array | undefined {
    const indexAt = this.mkiAt(sealed, mkiSizeBytes) - this.#indexSizeBytes;
    const index = sealed.subarray(indexAt, indexAt + this.#indexSizeBytes);
    const isClear = this.kind === 'rtcp' && readUint32(sealed, indexAt) < ENCRYPTED;
    const clearSizeBytes = isClear ? indexAt - TAG_SIZE_BYTES : place.clearSizeBytes;
    const header = sealed.subarray(0, clearSizeBytes);
    const body = this.#aead.open(
      this.#nonce(place),
      joined(header, index),
      sealed.subarray(clearSizeBytes, indexAt),
    );
    return body && joined(header, body);
  }

  verify(sealed: Uint8Array, place: PacketPlace, mkiSizeBytes: number): boolean {
    return this.open(sealed, place, mkiSizeBytes) !== undefined;
  }

  mkiAt(sealed: Uint8Array, mkiSizeBytes: number): number {
    return sealed.length - mkiSizeBytes;
  }

  forget(): void {
    for (const key of Object.values(this.#keys) as Uint8Array[]) key.fill(0);
  }

  get #indexSizeBytes(): number {
    return this.kind === 'rtcp' ? INDEX_SIZE_BYTES : 0;
  }

  #encodeIndex({ index }: PacketPlace): Uint8Array {
    const bytes = new Uint8Array(this.#indexSizeBytes);
    if (this.kind === 'rtcp') writeUint32(bytes, 0, (ENCRYPTED + index) >>> 0);
    return bytes;
  }

  /** RFC 7714 sections 8.1 and 9.1: SSRC and number, over the salt. */
  #nonce({ ssrc, index }: PacketPlace): Uint8Array {
    const nonce = new Uint8Array(NONCE_SIZE_BYTES);
    writeUint32(nonce, 2, ssrc);
    // 48 bits: with RTCP the first 17 are zero.
    writeUint32(nonce, 6, Math.floor(index / SEQUENCES));
    nonce[10] = (index % SEQUENCES) >>> 8;
    nonce[11] = index;
    for (let at = 0; at < NONCE_SIZE_BYTES; at++) nonce[at]! ^= this.#keys.salt[at]!;
    return nonce;
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
