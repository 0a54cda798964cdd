/*
 * HMAC-SHA1 (RFC 2104, FIPS 180-4) of one packet after the other under one key. It stands here because of what it costs: node:crypto
 * sets up an object for each packet, which takes four times as long as the hash of a packet of voice does. The state after the key's
 * block, inside and outside, is computed once. It knows no secret but those states, and its time depends on lengths alone.
 */
import { writeUint32 } from '../wire/big-endian.js';

const BLOCK_SIZE_BYTES = 64;
export const SHA1_SIZE_BYTES = 20;
const WORDS = new Int32Array(80);

export class HmacSha1 {
  readonly #inner = new Int32Array(5);
  readonly #outer = new Int32Array(5);
  readonly #state = new Int32Array(5);
  /** What is left of the message after its whole blocks, and the padding: two blocks at most. */
  readonly #tail = new Uint8Array(2 * BLOCK_SIZE_BYTES);

  /** @param key at most 64 bytes */
  constructor(key: Uint8Array) {
    start(this.#inner, key, 0x36);
    start(this.#outer, key, 0x5c);
  }

  /**
   * The 20 bytes of the code over the first `sizeBytes` of `message`, and over four bytes more where `suffix` is given: SRTP's
   * roll-over counter, which is in no packet (RFC 3711 4.2). They go into `digest`.
   */
  compute(message: Uint8Array, sizeBytes: number, suffix: number | undefined, digest: Uint8Array): void {
    const state = this.#state;
    state.set(this.#inner);
    let at = 0;
    for (; at + BLOCK_SIZE_BYTES <= sizeBytes; at += BLOCK_SIZE_BYTES) compress(state, message, at);
    const tail = this.#tail;
    let size = 0;
    while (at < sizeBytes) tail[size++] = message[at++]!;
    if (suffix !== undefined) {
      writeUint32(tail, size, suffix);
      size += 4;
    }
    this.#finish(size, BLOCK_SIZE_BYTES + sizeBytes + (suffix === undefined ? 0 : 4));
    for (let word = 0; word < 5; word++) writeUint32(tail, 4 * word, state[word]!);
    state.set(this.#outer);
    this.#finish(SHA1_SIZE_BYTES, BLOCK_SIZE_BYTES + SHA1_SIZE_BYTES);
    for (let word = 0; word < 5; word++) writeUint32(digest, 4 * word, state[word]!);
  }

  /** Overwrites what stands for the key. */
  forget(): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
    this.#state.fill(0);
    this.#tail.fill(0);
    WORDS.fill(0);
  }

  /** Pads the `size` bytes in the tail as the end of a message of `sizeBytes` in all, and compresses them. */
  #finish(size: number, sizeBytes: number): void {
    const tail = this.#tail;
    // The count of bits takes eight bytes: after 55 bytes there is no room for it in the same block.
    const end = size < BLOCK_SIZE_BYTES - 8 ? BLOCK_SIZE_BYTES : 2 * BLOCK_SIZE_BYTES;
    tail[size] = 0x80;
    tail.fill(0, size + 1, end - 4);
    writeUint32(tail, end - 4, 8 * sizeBytes);
    compress(this.#state, tail, 0);
    if (end > BLOCK_SIZE_BYTES) compress(this.#state, tail, BLOCK_SIZE_BYTES);
  }
}

function start(state: Int32Array, key: Uint8Array, pad: number): void {
  const block = new Uint8Array(BLOCK_SIZE_BYTES).fill(pad);
  for (let at = 0; at < key.length; at++) block[at]! ^= key[at]!;
  state.set([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  compress(state, block, 0);
  block.fill(0);
}

/** One block of SHA-1 (FIPS 180-4 section 6.1.2): four times twenty rounds, each with a loop of its own for speed. */
function compress(state: Int32Array, block: Uint8Array, at: number): void {
  const w = WORDS;
  for (let t = 0, byte = at; t < 16; t++, byte += 4)
    w[t] = (block[byte]! << 24) | (block[byte + 1]! << 16) | (block[byte + 2]! << 8) | block[byte + 3]!;
  for (let t = 16; t < 80; t++) {
    const x = w[t - 3]! ^ w[t - 8]! ^ w[t - 14]! ^ w[t - 16]!;
    w[t] = (x << 1) | (x >>> 31);
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let t = 0;
  for (; t < 20; t++) {
    const next = (((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + e + 0x5a827999 + w[t]!) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; t < 40; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0x6ed9eba1 + w[t]!) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; t < 60; t++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + e - 0x70e44324 + w[t]!) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; t < 80; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e - 0x359d3e2a + w[t]!) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
}
