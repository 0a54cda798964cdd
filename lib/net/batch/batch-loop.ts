// All batched sockets of a process: one look at the kernel tells which of them have something, and what they have comes by the batch.
// It hands on and judges nothing.
import type { Datagram, DatagramSource } from '../datagram-socket.js';
import { ENTRY_WORDS, LOOP, READY_MAX, RECEIVED_MAX } from './addon.js';
import type { Addon } from './addon.js';
import { DestinationTable } from './destination-table.js';
import { SourceTable } from './source-table.js';

/** What a wake-up tells of a socket. */
export const ARRIVALS = 1;
export const ROOM = 2;

/**
 * Datagrams of one socket that are handed on at a time, for whom all others wait. The more there are, the more of them go to one destination, and
 * those are one message to the kernel.
 */
const TURN_MAX = 4 * RECEIVED_MAX;
/**
 * What arrives is copied into a block of this size, until it is full: 380 packets of voice. Every datagram has room in it. Larger ones, from
 * 128 KB on, are had from the system anew each time, and each of their pages costs a fault.
 */
const BLOCK_BYTES = 64 * 1024;

/** Makes Buffers of memory that is there. `Buffer.from` does the same, and spends as long again on finding out what it was given. */
const BufferOn = (Buffer as unknown as { [Symbol.species]: BufferMaker })[Symbol.species];
type BufferMaker = new (memory: ArrayBuffer, at: number, sizeBytes: number) => Buffer;

const NOTHING = Buffer.alloc(0);

/** A socket of the loop's. */
export interface BatchedSocket {
  readonly isIpv6: boolean;
  /** Somebody takes what arrives. */
  readonly isReceiving: boolean;
  onBatch(batch: readonly Datagram[]): void;
  /** Nothing could be received. */
  onRefused(code: number): void;
  /** The kernel has room again. */
  onRoom(): void;
}

export class BatchLoop {
  readonly destinations: DestinationTable;
  readonly #sources: SourceTable;
  readonly #sockets = new Map<number, BatchedSocket>();
  readonly #received = new Uint32Array(RECEIVED_MAX * ENTRY_WORDS);
  readonly #ready = new Uint32Array(READY_MAX * 2);
  readonly #datagrams = Array.from({ length: TURN_MAX }, () => new Arrived());
  /** As many of these as have arrived. */
  #batch: readonly Datagram[] = [];
  #block: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #memory = this.#block.buffer;
  #blockAt = 0;

  /** The addon's, started where it has none yet. */
  static of(addon: Addon): BatchLoop {
    return (addon[LOOP] ??= new BatchLoop(addon)) as BatchLoop;
  }

  constructor(readonly addon: Addon) {
    this.#sources = new SourceTable((zone) => addon.zoneName(zone));
    this.destinations = new DestinationTable((name) => addon.zone(name));
    addon.start((count) => this.#onReady(count), this.#received, this.#ready);
  }

  add(fd: number, socket: BatchedSocket): void {
    this.#sockets.set(fd, socket);
    if (this.#sockets.size === 1) this.addon.listen(1);
  }

  remove(fd: number): void {
    this.#sockets.delete(fd);
    if (this.#sockets.size === 0) this.addon.listen(0);
  }

  /** How many datagrams a wake-up has brought. */
  #onReady(count: number): number {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      const fd = this.#ready[2 * i]!;
      const events = this.#ready[2 * i + 1]!;
      const socket = this.#sockets.get(fd);
      if (socket && (events & ROOM) !== 0) socket.onRoom();
      if (socket && (events & ARRIVALS) !== 0) taken += this.#receive(fd, socket);
    }
    return taken;
  }

  #receive(fd: number, socket: BatchedSocket): number {
    if (!socket.isReceiving) return 0;
    let taken = 0;
    let count = RECEIVED_MAX;
    while (count === RECEIVED_MAX && taken < TURN_MAX) {
      count = this.addon.receive(fd, this.#block, this.#blockAt);
      if (count > 0) this.#fill(taken, count, socket.isIpv6);
      if (count > 0) taken += count;
    }
    if (taken > 0) this.#hand(taken, socket);
    if (count < 0) socket.onRefused(-count);
    return taken;
  }

  /** Makes datagrams, from this one on, of what the addon has received. */
  #fill(first: number, count: number, isIpv6: boolean): void {
    const received = this.#received;
    for (let i = 0; i < count; i++) {
      const at = i * ENTRY_WORDS;
      const length = received[at]!;
      if (this.#blockAt + length > this.#block.length) this.#renew(i);
      const datagram = this.#datagrams[first + i]!;
      datagram.bytes = new BufferOn(this.#memory, this.#blockAt, length);
      datagram.source = this.#sources.find(received, at + 1, isIpv6);
      this.#blockAt += length;
    }
  }

  /** The block is full: this datagram, and those after it, go into the next one. */
  #renew(from: number): void {
    // Not cleared: what is handed out of it has been written before.
    this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#memory = this.#block.buffer;
    this.#blockAt = 0;
    this.addon.copy(this.#block, from);
  }

  #hand(count: number, socket: BatchedSocket): void {
    if (this.#batch.length !== count) this.#batch = this.#datagrams.slice(0, count);
    socket.onBatch(this.#batch);
    // What nobody has kept is not kept here either.
    for (let i = 0; i < count; i++) this.#datagrams[i]!.bytes = NOTHING;
  }
}

class Arrived implements Datagram {
  bytes: Buffer = NOTHING;
  source: DatagramSource = { address: '', port: 0 };
}
