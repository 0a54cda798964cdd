// The UDP socket that latchkey asks for: datagrams in by the batch, datagrams out, and one word when a turn is over. It is
// made so that recvmmsg and sendmmsg can be behind it; dgram-socket.ts puts node:dgram behind it, a batch of one each time.
import type { Socket } from 'node:dgram';
import type { TransportAddress } from '../wire/index.js';

/** Where a datagram came from, as the system writes it: IPv4 may be `::ffff:192.0.2.1`, a link-local address has its `%zone`. */
export interface DatagramSource {
  readonly address: string;
  readonly port: number;
}

/** One datagram that arrived. */
export interface Datagram {
  /**
   * What UDP carried. It is the receiver's from now on, which may keep it: the socket never writes to it again. A socket that
   * receives into a ring copies what a batch brought into one block first (32 packets of voice are 6 KB).
   */
  readonly bytes: Buffer;
  readonly source: DatagramSource;
}

/** Who takes what a socket receives. It does not throw. */
export interface DatagramReceiver {
  /**
   * What has arrived, in order. The list and the objects in it are the socket's, which may use them again once this has
   * returned; the bytes and the sources in them are not. A batch is a turn: it is handled at one time, and `flush` is called
   * when all of it is.
   */
  onBatch(batch: readonly Datagram[]): void;
  /** A datagram could not be received or sent (ECONNREFUSED and the like); the socket goes on. */
  onError(error: Error): void;
  /** The socket is closed: nothing more comes in, nothing goes out. */
  onClose(): void;
}

/** Null: the system has taken it. */
export type SendCallback = (error: Error | null) => void;

/** A bound UDP socket. */
export interface DatagramSocket {
  /** Where it is bound; undefined before that and once it is closed. */
  readonly local: TransportAddress | undefined;

  /**
   * Datagrams that the kernel has thrown away since the socket was opened, because nobody took them in time; 0 once it is closed.
   * Left out where it cannot be known, as with node:dgram.
   */
  readonly kernelDrops?: number;

  /** Hands what arrives to this receiver in place of the one before; undefined: to nobody, as it was at first. */
  receive(receiver: DatagramReceiver | undefined): void;

  /**
   * Sends one datagram, or keeps it for `flush()`. `address` is IPv4 or IPv6, the latter with a `%zone` where one was heard; a
   * socket of both families maps IPv4 itself. The bytes stay as they are until `callback` is called, which is always later than
   * this returns. May throw where it cannot send at all.
   */
  send(bytes: Uint8Array, port: number, address: string, callback: SendCallback): void;

  /** The turn is over: what `send` has kept goes out now. Does not throw; does nothing where there is nothing, or once closed. */
  flush(): void;

  /** For whoever opened the socket: latchkey closes none. */
  close(): void;
}

/** What can be put under a stream: one of `node:dgram`, or another that does the same. */
export type BindableSocket = DatagramSocket | Socket;
