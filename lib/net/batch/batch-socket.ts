// A UDP socket whose datagrams come and go by the batch (addon.c). What it is given to send waits for `flush`; what the kernel has no
// room for waits until it has, as with node:dgram, and beyond a bound is refused, which its sender is told.
import { getSystemErrorName } from 'node:util';
import type { TransportAddress } from '../../wire/index.js';
import type { Datagram, DatagramReceiver, DatagramSocket, SendCallback } from '../datagram-socket.js';
import { ENTRY_WORDS, SENT_MAX } from './addon.js';
import { ARRIVALS, ROOM } from './batch-loop.js';
import type { BatchedSocket, BatchLoop } from './batch-loop.js';

/** Entries that a socket has room for at first: most calls on a port of their own never send more in a turn. */
const FIRST_ENTRIES = 16;
const RESULT_WORD = 7;
/** Of Linux, on every machine that the addon is made for. */
const EAGAIN = 11;
const ENOBUFS = 105;
const EAFNOSUPPORT = 97;

export class BatchSocket implements DatagramSocket, BatchedSocket {
  #local: TransportAddress | undefined;
  #receiver: DatagramReceiver | undefined;
  /** What waits to be sent: packets, each once in a row however many it goes to, and for each datagram an entry. */
  #packets: Uint8Array[] = [];
  #callbacks: SendCallback[] = [];
  #table = new Uint32Array(FIRST_ENTRIES * ENTRY_WORDS);
  /** In use while the other is given to the kernel: a callback may send. */
  #otherTable = this.#table.slice();
  #isGiving = false;
  #takesSegments: 0 | 1 = 1;
  /** The kernel has no room: the rest waits for it. */
  #isFull = false;

  constructor(
    private readonly loop: BatchLoop,
    private readonly fd: number,
    readonly isIpv6: boolean,
    address: string,
  ) {
    this.#local = { address, port: loop.addon.port(fd) };
    loop.add(fd, this);
  }

  get local(): TransportAddress | undefined {
    return this.#local;
  }

  get kernelDrops(): number {
    return this.#local === undefined ? 0 : this.loop.addon.drops(this.fd);
  }

  get isReceiving(): boolean {
    return this.#receiver !== undefined && this.#local !== undefined;
  }

  receive(receiver: DatagramReceiver | undefined): void {
    this.#receiver = receiver;
    this.#watch();
  }

  send(bytes: Uint8Array, port: number, address: string, callback: SendCallback): void {
    if (this.#local === undefined) throw systemError('send', 'EBADF');
    if (this.#callbacks.length === SENT_MAX) this.flush();
    const entry = this.#callbacks.length;
    if (entry === SENT_MAX) return refuse(callback, ENOBUFS);
    const at = entry * ENTRY_WORDS;
    if (at === this.#table.length) this.#grow();
    const table = this.#table;
    if (!this.loop.destinations.write(address, port, this.isIpv6, table, at + 2))
      return refuse(callback, EAFNOSUPPORT);
    if (this.#packets[this.#packets.length - 1] !== bytes) this.#packets.push(bytes);
    table[at] = this.#packets.length - 1;
    table[at + 1] = port;
    this.#callbacks.push(callback);
  }

  flush(): void {
    if (this.#isGiving) return;
    this.#isGiving = true;
    while (this.#callbacks.length > 0 && !this.#isFull && this.#local !== undefined) this.#give();
    this.#isGiving = false;
  }

  close(): void {
    if (this.#local === undefined) return;
    this.flush();
    this.#local = undefined;
    this.loop.remove(this.fd);
    this.loop.addon.close(this.fd);
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.#packets = [];
    for (const callback of this.#callbacks.splice(0)) refuse(callback, ENOBUFS);
    if (receiver) process.nextTick(() => receiver.onClose());
  }

  onBatch(batch: readonly Datagram[]): void {
    this.#receiver?.onBatch(batch);
  }

  onRefused(code: number): void {
    this.#receiver?.onError(errorOf(code, 'recvmmsg'));
  }

  onRoom(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.flush();
    if (!this.#isFull) this.#watch();
  }

  #give(): void {
    const [packets, callbacks, table] = [this.#packets, this.#callbacks, this.#table];
    const { length } = callbacks;
    this.#packets = [];
    this.#callbacks = [];
    this.#table = this.#otherTable;
    this.#otherTable = table;
    this.#takesSegments = this.loop.addon.send(
      this.fd,
      this.isIpv6 ? 1 : 0,
      table,
      length,
      this.#takesSegments,
      ...packets,
    )
      ? 1
      : 0;
    for (let entry = 0; entry < length; entry++)
      if (table[entry * ENTRY_WORDS + RESULT_WORD] === EAGAIN)
        this.#keep(table, entry, packets, callbacks[entry]!);
    if (this.#callbacks.length > 0) {
      this.#isFull = true;
      this.#watch();
    }
    for (let entry = 0; entry < length; entry++) {
      const code = table[entry * ENTRY_WORDS + RESULT_WORD]!;
      if (code !== EAGAIN) callbacks[entry]!(code === 0 ? null : errorOf(code, 'sendmmsg'));
    }
  }

  /** The entry goes out when there is room, before what is sent later. */
  #keep(from: Uint32Array, entry: number, packets: readonly Uint8Array[], callback: SendCallback): void {
    const packet = packets[from[entry * ENTRY_WORDS]!]!;
    if (this.#packets[this.#packets.length - 1] !== packet) this.#packets.push(packet);
    const at = this.#callbacks.length * ENTRY_WORDS;
    if (at === this.#table.length) this.#grow();
    this.#table.set(from.subarray(entry * ENTRY_WORDS, (entry + 1) * ENTRY_WORDS), at);
    this.#table[at] = this.#packets.length - 1;
    this.#callbacks.push(callback);
  }

  #watch(): void {
    if (this.#local === undefined) return;
    this.loop.addon.watch(this.fd, (this.#receiver ? ARRIVALS : 0) | (this.#isFull ? ROOM : 0));
  }

  #grow(): void {
    const table = new Uint32Array(Math.min(SENT_MAX * ENTRY_WORDS, 4 * this.#table.length));
    table.set(this.#table);
    this.#table = table;
  }
}

/** Told later than `send` returns. */
function refuse(callback: SendCallback, code: number): void {
  process.nextTick(() => callback(errorOf(code, 'send')));
}

export function errorOf(code: number, call: string): Error {
  return systemError(call, getSystemErrorName(-code));
}

function systemError(syscall: string, code: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}
