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

/** Batches of one socket in one wake-up: the others wait for it. */
const BATCHES_MAX = 4;
/**
 * What arrives is copied into a block of this size, until it is full: 380 packets of voice. Larger ones, from 128 KB on, are had from the
 * system anew each time, and each of their pages costs a fault.
 */
const BLOCK_BYTES = 64 * 1024;

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
  readonly #datagrams = Array.from({ length: RECEIVED_MAX }, () => new Arrived());
  readonly #batch: Datagram[] = [];
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
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
    let taken = 0;
    for (let batches = 0; batches < BATCHES_MAX && socket.isReceiving; batches++) {
      const count = this.addon.receive(fd, this.#bytes, this.#blockAt);
      if (count < 0) socket.onRefused(-count);
      if (count <= 0) break;
      taken += count;
      this.#fill(count, socket.isIpv6);
      socket.onBatch(this.#batch);
      if (count < RECEIVED_MAX) break;
    }
    return taken;
  }

  #fill(count: number, isIpv6: boolean): void {
    const received = this.#received;
    let size = 0;
    for (let i = 0; i < count; i++) size += received[i * ENTRY_WORDS]!;
    if (this.#blockAt + size > this.#bytes.length) {
      // Not cleared: what is handed out of it has been written before.
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, size));
      this.#blockAt = 0;
      this.addon.copy(this.#bytes, count);
    }
    const block = this.#bytes.buffer;
    this.#batch.length = 0;
    for (let i = 0; i < count; i++) {
      const at = i * ENTRY_WORDS;
      const length = received[at]!;
      const datagram = this.#datagrams[i]!;
      datagram.bytes = Buffer.from(block, this.#blockAt, length);
      datagram.source = this.#sources.find(received, at + 1, isIpv6);
      this.#batch.push(datagram);
      this.#blockAt += length;
    }
  }
}

class Arrived implements Datagram {
  bytes = Buffer.alloc(0);
  source: DatagramSource = { address: '', port: 0 };
}
