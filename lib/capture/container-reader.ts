/*
 * The packets of a capture file, read as it comes in pieces of any size: recognises the format, joins what a piece cuts, and
 * keeps no more than one unit of the file. It does not look into packets.
 */
import type { WireError } from '../wire/result.js';
import type { Container, PacketListener } from './container.js';
import { Pcap, isPcap } from './pcap.js';
import { Pcapng, isPcapng } from './pcapng.js';

const MAGIC_BYTES = 4;

export class ContainerReader {
  readonly #listener: PacketListener;
  #container: Container | undefined;
  /** Where in the file the unit begins that is read next. */
  #offset = 0;
  #carry = new Uint8Array(4096);
  #carried = 0;
  /** What is left of a unit that nobody needs, and how long that unit is. */
  #unwanted = 0;
  #unwantedUnit = 0;
  #error: WireError | undefined;

  constructor(listener: PacketListener) {
    this.#listener = listener;
  }

  /** True when no byte that follows can be read any more. */
  get isDamaged(): boolean {
    return this.#error !== undefined;
  }

  /** The next bytes of the file. They may be overwritten afterwards. */
  push(chunk: Uint8Array): void {
    // Views of a plain array are made faster than those of a Buffer.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    while (at < bytes.length && !this.#error) at = this.#advance(bytes, at);
  }

  /**
   * The file is over: what was wrong with it, if anything. Codes: `magic` for no capture at all, `truncated`, and those of
   * `Pcap` and `Pcapng`.
   */
  end(): WireError | undefined {
    if (!this.#error) {
      if (this.#carried > 0 || this.#unwanted > 0)
        this.fail('truncated', 'the file ends in a record or block');
      else if (this.#offset === 0) this.fail('truncated', 'the file is empty');
    }
    return this.#error;
  }

  #advance(bytes: Uint8Array, at: number): number {
    if (this.#unwanted > 0) return at + this.#pass(bytes.length - at);
    if (this.#carried > 0) return this.#join(bytes, at);
    const next = this.#read(bytes, at, bytes.length);
    if (this.#error || this.#unwanted > 0) return next;
    this.#keep(bytes, next, bytes.length);
    return bytes.length;
  }

  /** Completes the unit that was begun; its length shows once its head is there. */
  #join(bytes: Uint8Array, at: number): number {
    const needed = this.#container?.needed ?? MAGIC_BYTES;
    const next = Math.min(bytes.length, at + needed - this.#carried);
    this.#keep(bytes, at, next);
    if (this.#carried < needed) return next;
    const used = this.#read(this.#carry, 0, this.#carried);
    if (used > 0) this.#carried = 0;
    else if (this.#unwanted > 0) {
      this.#pass(this.#carried);
      this.#carried = 0;
    }
    return next;
  }

  #keep(bytes: Uint8Array, from: number, to: number): void {
    const size = this.#carried + to - from;
    if (size > this.#carry.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(size)));
      larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
    }
    this.#carry.set(bytes.subarray(from, to), this.#carried);
    this.#carried = size;
  }

  #pass(available: number): number {
    const passed = Math.min(available, this.#unwanted);
    this.#unwanted -= passed;
    if (this.#unwanted === 0) this.#offset += this.#unwantedUnit;
    return passed;
  }

  #read(bytes: Uint8Array, from: number, to: number): number {
    if (!this.#container) {
      if (to - from < MAGIC_BYTES) return from;
      if (isPcap(bytes, from)) this.#container = new Pcap(this.#listener);
      else if (isPcapng(bytes, from)) this.#container = new Pcapng(this.#listener);
      else {
        this.fail('magic', 'this is neither pcap nor pcapng');
        return from;
      }
    }
    const container = this.#container;
    const next = container.read(bytes, from, to);
    this.#offset += next - from;
    if (container.damage) this.fail(container.damage.code, container.damage.what);
    this.#unwanted = this.#unwantedUnit = container.unwanted;
    return next;
  }

  /** No more bytes will come, for a reason that is not in them. What was damaged before stays the error. */
  fail(code: string, what: string): WireError {
    this.#error ??= { code, offset: this.#offset, message: `${what}, at offset ${this.#offset}` };
    return this.#error;
  }
}
