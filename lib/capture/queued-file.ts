/*
 * One of several capture files that are read together: it gives its packets when their time has come. It holds a small piece
 * of its file at a time.
 */
import type { WireError } from '../wire/result.js';
import { GzipDamage, readBytes } from './capture-bytes.js';
import type { PacketListener } from './container.js';
import { ContainerReader } from './container-reader.js';

const CHUNK_BYTES = 1 << 16;

interface QueuedPacket {
  readonly linkType: number;
  readonly timeMs: number;
  readonly bytes: Uint8Array;
  readonly original: number;
}

export class QueuedFile implements PacketListener {
  /**
   * When the next packet was captured; where that is not known yet, a time that it is not before: then `fill` tells. Of a file
   * without packets, before all others.
   */
  headMs = -Infinity;
  #pieces: AsyncGenerator<Uint8Array> | undefined;
  #reader = new ContainerReader(this);
  /** A packet of an undescribed interface has no bytes and no time. */
  #queue: (QueuedPacket | undefined)[] = [];
  #next = 0;
  #error: WireError | undefined;

  private constructor(readonly path: string) {}

  /** Looks for the first packet; the file is closed again until its time comes. Standard input stays open: it comes once. */
  static async at(path: string): Promise<QueuedFile> {
    const file = new QueuedFile(path);
    await file.fill();
    if (path === '-') return file;
    await file.close();
    const fresh = new QueuedFile(path);
    fresh.headMs = file.headMs;
    return fresh;
  }

  /** There is nothing to give before the next `fill`. */
  get isEmpty(): boolean {
    return this.#next >= this.#queue.length;
  }

  /** Reads on. False where there is nothing more to give. */
  async fill(): Promise<boolean> {
    this.#queue = [];
    this.#next = 0;
    this.#pieces ??= readBytes(this.path, CHUNK_BYTES);
    try {
      while (this.#queue.length === 0 && !this.#reader.isDamaged) {
        const piece = await this.#pieces.next();
        if (piece.done) break;
        this.#reader.push(piece.value);
      }
    } catch (error) {
      if (!(error instanceof GzipDamage)) throw error;
      this.#error ??= this.#reader.fail('gzip', error.message);
    }
    this.headMs = this.#queue[0]?.timeMs ?? this.headMs;
    return this.#queue.length > 0;
  }

  /** Gives the first packet, and those after it up to a time. */
  give(listener: PacketListener, untilMs: number): void {
    do {
      const packet = this.#queue[this.#next++];
      if (packet) {
        const { linkType, timeMs, bytes, original } = packet;
        listener.onPacket(linkType, timeMs, bytes, 0, bytes.length, original);
      } else listener.onUndescribed();
      this.headMs = this.#queue[this.#next]?.timeMs ?? this.headMs;
    } while (!this.isEmpty && this.headMs <= untilMs);
  }

  /** What was wrong with the file, if anything. */
  async close(): Promise<WireError | undefined> {
    await this.#pieces?.return(undefined);
    return this.#error ?? this.#reader.end();
  }

  onPacket(
    linkType: number,
    timeMs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    original: number,
  ): void {
    this.#queue.push({ linkType, timeMs, bytes: bytes.slice(start, end), original });
  }

  onUndescribed(): void {
    this.#queue.push(undefined);
  }
}
