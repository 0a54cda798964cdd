// A network in memory for DatagramSockets: what is sent is kept until the turn is over, arrives by the batch, and each
// socket tells how often it was flushed.
import type { Datagram, DatagramReceiver, DatagramSocket, SendCallback } from '../../lib/index.js';

interface Kept {
  readonly bytes: Buffer;
  readonly port: number;
  readonly address: string;
  readonly callback: SendCallback;
}

export class MemoryNetwork {
  readonly #sockets = new Map<string, MemorySocket>();
  /** Destinations that the system refuses to send to. */
  readonly unreachable = new Set<string>();

  open(address: string, port: number): MemorySocket {
    const socket = new MemorySocket(this, address, port);
    this.#sockets.set(`${address} ${port}`, socket);
    return socket;
  }

  forget({ address, port }: { address: string; port: number }): void {
    this.#sockets.delete(`${address} ${port}`);
  }

  find(address: string, port: number): MemorySocket | undefined {
    return this.#sockets.get(`${address} ${port}`);
  }

  /** Brings everything that is under way to its socket, each in one batch, until nothing is. Gives the number of batches. */
  deliver(): number {
    let batches = 0;
    for (let isQuiet = false; !isQuiet;) {
      isQuiet = true;
      for (const socket of this.#sockets.values())
        if (socket.arrive()) [isQuiet, batches] = [false, batches + 1];
    }
    return batches;
  }
}

export class MemorySocket implements DatagramSocket {
  readonly #network: MemoryNetwork;
  readonly #address: { readonly address: string; readonly port: number };
  readonly #kept: Kept[] = [];
  #inbox: Datagram[] = [];
  #receiver: DatagramReceiver | undefined;
  #isOpen = true;
  flushes = 0;
  /** Datagrams that went out, and how many at a time. */
  readonly bursts: number[] = [];

  constructor(network: MemoryNetwork, address: string, port: number) {
    this.#network = network;
    this.#address = { address, port };
  }

  get local(): { readonly address: string; readonly port: number } | undefined {
    return this.#isOpen ? this.#address : undefined;
  }

  get isHeard(): boolean {
    return this.#receiver !== undefined;
  }

  receive(receiver: DatagramReceiver | undefined): void {
    this.#receiver = receiver;
  }

  send(bytes: Uint8Array, port: number, address: string, callback: SendCallback): void {
    if (!this.#isOpen) throw new Error('closed');
    this.#kept.push({ bytes: Buffer.from(bytes), port, address, callback });
  }

  flush(): void {
    this.flushes++;
    if (!this.#isOpen) return;
    const kept = this.#kept.splice(0);
    if (kept.length > 0) this.bursts.push(kept.length);
    for (const { bytes, port, address, callback } of kept) {
      const isRefused = this.#network.unreachable.has(address);
      if (!isRefused) this.#network.find(address, port)?.put(bytes, this.#address);
      callback(isRefused ? new Error('EHOSTUNREACH') : null);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#network.forget(this.#address);
    this.#receiver?.onClose();
  }

  /** Something for this socket: it waits for `arrive`. */
  put(bytes: Buffer, source: { readonly address: string; readonly port: number }): void {
    this.#inbox.push({ bytes, source });
  }

  /** Hands all that waits to the receiver in one batch. False: there was nothing. */
  arrive(): boolean {
    const batch = this.#inbox;
    this.#inbox = [];
    if (batch.length > 0) this.#receiver?.onBatch(batch);
    return batch.length > 0;
  }

  fail(error: Error): void {
    this.#receiver?.onError(error);
  }
}
