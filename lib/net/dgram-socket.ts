// node:dgram as a DatagramSocket. What is sent goes out at once: dgram has no way to do more at a time.
import { Socket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import type { TransportAddress } from '../wire/index.js';
import type { BindableSocket, DatagramReceiver, DatagramSocket, SendCallback } from './datagram-socket.js';
import { dgramTurns } from './dgram-turns.js';
import { isIpv6Socket, localAddress, MAPPED } from './socket-address.js';

/** One adapter for one socket, so that everybody who has the socket has the same. */
const adapters = new WeakMap<Socket, DgramSocket>();

export class DgramSocket implements DatagramSocket {
  readonly #isIpv6: boolean;
  #receiver: DatagramReceiver | undefined;
  /** The last destination as it was given, and as the socket wants it written. */
  #given = '';
  #written = '';

  static of(socket: Socket): DgramSocket {
    const present = adapters.get(socket);
    if (present) return present;
    const adapter = new DgramSocket(socket);
    adapters.set(socket, adapter);
    return adapter;
  }

  private constructor(readonly socket: Socket) {
    this.#isIpv6 = isIpv6Socket(socket);
  }

  get local(): TransportAddress | undefined {
    return localAddress(this.socket);
  }

  receive(receiver: DatagramReceiver | undefined): void {
    const { socket } = this;
    if (this.#receiver && !receiver)
      socket.off('message', this.#onMessage).off('error', this.#onError).off('close', this.#onClose);
    if (receiver && !this.#receiver)
      socket.on('message', this.#onMessage).on('error', this.#onError).on('close', this.#onClose);
    this.#receiver = receiver;
  }

  send(bytes: Uint8Array, port: number, address: string, callback: SendCallback): void {
    this.socket.send(bytes, port, this.written(address), callback);
  }

  flush(): void {
    // Nothing is ever kept.
  }

  close(): void {
    this.socket.close();
  }

  /** A destination as the socket wants it: one of IPv6 sends to IPv4 only by `::ffff:`. */
  written(address: string): string {
    if (!this.#isIpv6 || address.includes(':')) return address;
    if (address === this.#given) return this.#written;
    this.#given = address;
    this.#written = MAPPED + address;
    return this.#written;
  }

  /** To whoever receives now, even where it is somebody else when the turn comes: a guard that is laid meanwhile costs no packet. */
  readonly #onMessage = (bytes: Buffer, source: RemoteInfo): void => {
    if (this.#receiver) dgramTurns.add(this.#receiver, bytes, source);
  };

  readonly #onError = (error: Error): void => this.#receiver?.onError(error);

  readonly #onClose = (): void => this.#receiver?.onClose();
}

/** The one DatagramSocket of what a caller gave; undefined where that is no socket. */
export function datagramSocketOf(given: BindableSocket): DatagramSocket | undefined {
  if (given instanceof Socket) return DgramSocket.of(given);
  return isDatagramSocket(given) ? given : undefined;
}

function isDatagramSocket(value: unknown): value is DatagramSocket {
  if (typeof value !== 'object' || value === null) return false;
  const methods = ['receive', 'send', 'flush', 'close'];
  return 'local' in value && methods.every((name) => typeof Reflect.get(value, name) === 'function');
}
