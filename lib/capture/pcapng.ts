/*
 * The pcapng file: sections of either byte order, interfaces with their own clocks, packets in all three kinds of
 * blocks. It passes over every other block (names, statistics, secrets) and over comments. Source:
 * draft-ietf-opsawg-pcapng.
 */
import type { Container, Damage, PacketListener } from './container.js';
import { MAX_PACKET_BYTES, readHalf, readWord } from './container.js';

const BLOCK_SECTION = 0x0a0d0d0a;
const BLOCK_INTERFACE = 1;
const BLOCK_OLD_PACKET = 2;
const BLOCK_SIMPLE_PACKET = 3;
const BLOCK_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const OPTION_RESOLUTION = 9;
const OPTION_OFFSET = 14;

/** Type, length, and the byte order that a section header tells. */
const BLOCK_HEAD_BYTES = 12;
/** A packet of the greatest size with a megabyte of comments: nobody writes more, and it is held in memory. */
const MAX_BLOCK_BYTES = 1 << 20;
/** Each costs memory for as long as its section lasts. */
const MAX_INTERFACES = 4096;

/** The fixed part of each block that is read, with its head and without the length at its end. */
const FIXED_BYTES: ReadonlyMap<number, number> = new Map([
  [BLOCK_SECTION, 24],
  [BLOCK_INTERFACE, 16],
  [BLOCK_OLD_PACKET, 28],
  [BLOCK_SIMPLE_PACKET, 12],
  [BLOCK_PACKET, 28],
]);

interface Interface {
  readonly linkType: number;
  /** 0 for no limit. */
  readonly snapBytes: number;
  readonly ticksPerMs: number;
  readonly offsetMs: number;
}

/** True for the first four bytes of such a file. */
export function isPcapng(bytes: Uint8Array, at: number): boolean {
  return readWord(bytes, at, false) === BLOCK_SECTION;
}

/** Damage: `byte-order`, `version`, `block-size`, `block-end` and `interfaces`. */
export class Pcapng implements Container {
  readonly #listener: PacketListener;
  #isLittleEndian = false;
  #interfaces: Interface[] = [];
  #timeMs = 0;
  needed = BLOCK_HEAD_BYTES;
  unwanted = 0;
  damage: Damage | undefined;

  constructor(listener: PacketListener) {
    this.#listener = listener;
  }

  read(bytes: Uint8Array, from: number, to: number): number {
    this.unwanted = 0;
    let at = from;
    while (to - at >= BLOCK_HEAD_BYTES) {
      const isSection = isPcapng(bytes, at);
      if (isSection && !this.#readByteOrder(bytes, at + 8)) return at;
      const type = isSection ? BLOCK_SECTION : readWord(bytes, at, this.#isLittleEndian);
      const size = readWord(bytes, at + 4, this.#isLittleEndian);
      const fixed = FIXED_BYTES.get(type);
      // Some writers leave out the padding in the length; it is there in the file.
      const padded = size + (-size & 3);
      if (size < (fixed ?? 8) + 4 || (fixed !== undefined && size > MAX_BLOCK_BYTES)) {
        return this.#stop(at, 'block-size', `a block of type ${type} claims ${size} bytes`);
      }
      if (fixed === undefined) {
        this.needed = BLOCK_HEAD_BYTES;
        this.unwanted = padded;
        return at;
      }
      if (to - at < padded) {
        this.needed = padded;
        return at;
      }
      if (readWord(bytes, at + padded - 4, this.#isLittleEndian) !== size) {
        return this.#stop(at, 'block-end', 'a block has two lengths that differ');
      }
      this.#readBlock(type, bytes, at, at + size - 4);
      if (this.damage) return at;
      at += padded;
    }
    this.needed = BLOCK_HEAD_BYTES;
    return at;
  }

  #stop(at: number, code: string, what: string): number {
    this.damage = { code, what };
    return at;
  }

  #readByteOrder(bytes: Uint8Array, at: number): boolean {
    for (const isLittleEndian of [true, false]) {
      if (readWord(bytes, at, isLittleEndian) !== BYTE_ORDER_MAGIC) continue;
      this.#isLittleEndian = isLittleEndian;
      return true;
    }
    this.#stop(at, 'byte-order', 'a section does not tell its byte order');
    return false;
  }

  /** `end` is where the length at the block's end begins. */
  #readBlock(type: number, bytes: Uint8Array, at: number, end: number): void {
    switch (type) {
      case BLOCK_PACKET:
        return this.#readPacket(this.#word(bytes, at + 8), bytes, at, end);
      case BLOCK_OLD_PACKET:
        return this.#readPacket(readHalf(bytes, at + 8, this.#isLittleEndian), bytes, at, end);
      case BLOCK_SIMPLE_PACKET:
        return this.#readSimplePacket(bytes, at, end);
      case BLOCK_INTERFACE:
        return this.#readInterface(bytes, at, end);
      default:
        return this.#readSection(bytes, at);
    }
  }

  #readSection(bytes: Uint8Array, at: number): void {
    this.#interfaces = [];
    const major = readHalf(bytes, at + 12, this.#isLittleEndian);
    if (major !== 1) this.#stop(at, 'version', `a section is of version ${major}, and only 1 is known`);
  }

  #readInterface(bytes: Uint8Array, at: number, end: number): void {
    if (this.#interfaces.length === MAX_INTERFACES) {
      this.#stop(at, 'interfaces', `a section has more than ${MAX_INTERFACES} interfaces`);
      return;
    }
    let ticksPerMs = 1e3;
    let offsetMs = 0;
    for (let option = at + 16; option + 4 <= end;) {
      const code = readHalf(bytes, option, this.#isLittleEndian);
      const size = readHalf(bytes, option + 2, this.#isLittleEndian);
      const value = option + 4;
      if (code === OPTION_END || value + size > end) break;
      if (code === OPTION_RESOLUTION && size === 1) ticksPerMs = readResolution(bytes[value]!);
      if (code === OPTION_OFFSET && size === 8) offsetMs = this.#signed64(bytes, value) * 1000;
      option = value + size + (-size & 3);
    }
    this.#interfaces.push({
      linkType: readHalf(bytes, at + 8, this.#isLittleEndian),
      snapBytes: this.#word(bytes, at + 12),
      ticksPerMs,
      offsetMs,
    });
  }

  #readPacket(interfaceId: number, bytes: Uint8Array, at: number, end: number): void {
    const size = this.#word(bytes, at + 20);
    const start = at + 28;
    if (size > MAX_PACKET_BYTES || start + size > end) {
      this.#stop(at, 'block-size', `a packet claims ${size} bytes`);
      return;
    }
    const on = this.#interfaces[interfaceId];
    if (!on) {
      this.#listener.onUndescribed();
      return;
    }
    const ticks = this.#word(bytes, at + 12) * 2 ** 32 + this.#word(bytes, at + 16);
    this.#timeMs = ticks / on.ticksPerMs + on.offsetMs;
    this.#listener.onPacket(
      on.linkType,
      this.#timeMs,
      bytes,
      start,
      start + size,
      this.#word(bytes, at + 24),
    );
  }

  /** Such a packet has no time: it is given that of the packet before it. */
  #readSimplePacket(bytes: Uint8Array, at: number, end: number): void {
    const [on] = this.#interfaces;
    if (!on) {
      this.#listener.onUndescribed();
      return;
    }
    const start = at + 12;
    const original = this.#word(bytes, at + 8);
    const size = Math.min(original, on.snapBytes || original, end - start);
    this.#listener.onPacket(on.linkType, this.#timeMs, bytes, start, start + size, original);
  }

  #word(bytes: Uint8Array, at: number): number {
    return readWord(bytes, at, this.#isLittleEndian);
  }

  #signed64(bytes: Uint8Array, at: number): number {
    const [first, second] = [this.#word(bytes, at), this.#word(bytes, at + 4)];
    const [high, low] = this.#isLittleEndian ? [second, first] : [first, second];
    return (high | 0) * 2 ** 32 + low;
  }
}

/** Ticks per millisecond: a power of ten, or with the top bit set a power of two, in fractions of a second. */
function readResolution(value: number): number {
  return (value & 0x80 ? 2 : 10) ** (value & 0x7f) / 1000;
}
