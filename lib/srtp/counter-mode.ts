/*
 * AES in counter mode, and HMAC-SHA1 over the encrypted packet (RFC 3711 4.1.1, 4.2.1; RFC 6188 for longer keys).
 *
 *    RTP:    header | encrypted | MKI | tag                  the tag is over header, encrypted and the roll-over counter
 *    RTCP:   header | encrypted | E, index | MKI | tag       the tag is over all before the MKI
 */
import { readUint32, writeUint16, writeUint32 } from '../wire/big-endian.js';
import { HmacSha1, SHA1_SIZE_BYTES } from './hmac-sha1.js';
import { SEQUENCES } from './packet-index.js';
import { allocatePacket } from './packet-pool.js';
import type { SessionKeys } from './session-keys.js';
import type { SrtpCrypto } from './srtp-crypto.js';
import { ENCRYPTED, type PacketKind, type PacketPlace, type Transform } from './transform.js';

const BLOCK_SIZE_BYTES = 16;
const INDEX_SIZE_BYTES = 4;
/** More than any datagram: one buffer serves all packets. */
const MAX_BLOCKS = 4096;
const COUNTERS = new Uint8Array(MAX_BLOCKS * BLOCK_SIZE_BYTES);
/** The same memory: a counter is copied by its words, in whatever order the machine has their bytes. */
const COUNTER_WORDS = new Int32Array(COUNTERS.buffer);
const WORDS_PER_BLOCK = 4;

export class CounterModeTransform implements Transform {
  readonly #encrypt: (blocks: Uint8Array) => Uint8Array;
  readonly #hmac: HmacSha1;
  readonly #keys: SessionKeys;
  readonly #digest = new Uint8Array(SHA1_SIZE_BYTES);
  /** The salt, with SSRC and index over it: the first 14 bytes of each counter. */
  readonly #nonce = new Uint8Array(BLOCK_SIZE_BYTES);
  readonly #nonceWords = new Int32Array(this.#nonce.buffer);
  /** So many counters as the last packet took: most are as long as the one before. */
  #counters = COUNTERS.subarray(0, 0);

  constructor(
    crypto: SrtpCrypto,
    keys: SessionKeys,
    private readonly kind: PacketKind,
    private readonly tagSizeBytes: number,
  ) {
    this.#keys = keys;
    this.#encrypt = crypto.aesBlocks(keys.cipherKey);
    this.#hmac = new HmacSha1(keys.authKey);
  }

  seal(packet: Uint8Array, place: PacketPlace, mki: Uint8Array): Uint8Array {
    const indexSizeBytes = this.#indexSizeBytes;
    let end = packet.length;
    const sealed = allocatePacket(end + indexSizeBytes + mki.length + this.tagSizeBytes);
    this.#crypt(packet, end, sealed, place);
    if (indexSizeBytes > 0) writeUint32(sealed, end, (ENCRYPTED + place.index) >>> 0);
    end += indexSizeBytes;
    this.#tag(sealed, end, place);
    sealed.set(mki, end);
    end += mki.length;
    for (let at = 0; at < this.tagSizeBytes; at++) sealed[end + at] = this.#digest[at]!;
    return sealed;
  }

  open(sealed: Uint8Array, place: PacketPlace, mkiSizeBytes: number): Uint8Array | undefined {
    if (!this.verify(sealed, place, mkiSizeBytes)) return undefined;
    const end = this.mkiAt(sealed, mkiSizeBytes) - this.#indexSizeBytes;
    const clear = allocatePacket(end);
    if (this.kind === 'rtcp' && readUint32(sealed, end) < ENCRYPTED) clear.set(sealed.subarray(0, end));
    else this.#crypt(sealed, end, clear, place);
    return clear;
  }

  verify(sealed: Uint8Array, place: PacketPlace, mkiSizeBytes: number): boolean {
    const tagAt = sealed.length - this.tagSizeBytes;
    this.#tag(sealed, tagAt - mkiSizeBytes, place);
    // As long for a wrong tag as for one that is nearly right.
    let difference = 0;
    for (let at = 0; at < this.tagSizeBytes; at++) difference |= sealed[tagAt + at]! ^ this.#digest[at]!;
    return difference === 0;
  }

  mkiAt(sealed: Uint8Array, mkiSizeBytes: number): number {
    return sealed.length - this.tagSizeBytes - mkiSizeBytes;
  }

  forget(): void {
    this.#hmac.forget();
    this.#digest.fill(0);
    this.#nonce.fill(0);
    for (const key of Object.values(this.#keys) as Uint8Array[]) key.fill(0);
  }

  get #indexSizeBytes(): number {
    return this.kind === 'rtcp' ? INDEX_SIZE_BYTES : 0;
  }

  #tag(sealed: Uint8Array, sizeBytes: number, { index }: PacketPlace): void {
    const rollOver = this.kind === 'rtp' ? Math.floor(index / SEQUENCES) : undefined;
    this.#hmac.compute(sealed, sizeBytes, rollOver, this.#digest);
  }

  /** Copies the header and encrypts, or decrypts, the rest up to `end`: the same in counter mode. */
  #crypt(
    from: Uint8Array,
    end: number,
    into: Uint8Array,
    { clearSizeBytes, ssrc, index }: PacketPlace,
  ): void {
    const nonce = this.#nonce;
    nonce.set(this.#keys.salt);
    writeUint32(nonce, 4, readUint32(nonce, 4) ^ ssrc);
    const high = Math.floor(index / SEQUENCES);
    writeUint32(nonce, 8, readUint32(nonce, 8) ^ high);
    writeUint16(nonce, 12, ((nonce[12]! << 8) | nonce[13]!) ^ (index % SEQUENCES));
    const blocks = Math.ceil((end - clearSizeBytes) / BLOCK_SIZE_BYTES);
    if (this.#counters.length !== blocks * BLOCK_SIZE_BYTES)
      this.#counters = COUNTERS.subarray(0, blocks * BLOCK_SIZE_BYTES);
    const words = this.#nonceWords;
    for (let block = 0; block < blocks; block++) {
      const at = block * BLOCK_SIZE_BYTES;
      const word = block * WORDS_PER_BLOCK;
      COUNTER_WORDS[word] = words[0]!;
      COUNTER_WORDS[word + 1] = words[1]!;
      COUNTER_WORDS[word + 2] = words[2]!;
      COUNTER_WORDS[word + 3] = words[3]!;
      COUNTERS[at + 14] = block >>> 8;
      COUNTERS[at + 15] = block;
    }
    const stream = this.#encrypt(this.#counters);
    for (let at = 0; at < clearSizeBytes; at++) into[at] = from[at]!;
    for (let at = clearSizeBytes, key = 0; at < end; at++, key++) into[at] = from[at]! ^ stream[key]!;
  }
}
