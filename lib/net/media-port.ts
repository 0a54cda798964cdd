// A media port on a socket that latchkey may have to itself: accepted packets in, packets out to wherever the
// peer has proved to be. Types only; the work is done in net-media-port.ts.
import type { EventEmitter } from 'node:events';
import type { PacketClass, TransportAddress } from '../wire/index.js';
import type { CountersSnapshot } from './counters.js';
import type { BindableSocket, DatagramSource } from './datagram-socket.js';

export interface MediaPortEvents {
  /**
   * An accepted packet of the peer, the address that it really came from, what its first bytes say that it is, and when it was
   * handed over, by `performance.now()`: one look at the clock for all that came in one batch.
   */
  packet: [bytes: Buffer, source: DatagramSource, kind: PacketClass, atMs: number];
  /**
   * Of a peer with SRTP, whose packets we protect: what is sent goes to another address than before from now on, or to the first. Send a sender
   * report of each stream: the peer's own reports then show that it receives there (docs/protocol.md, 8.2). A room does so by itself.
   */
  reportsDue: [];
  /** The port is closed: by `close()`, with its session, or because its socket was closed. */
  close: [];
}

/** The socket of one stream. Made by `session.bind(socket)`. */
export interface MediaPort extends EventEmitter<MediaPortEvents> {
  /** Index of the m= section. */
  readonly media: number;
  /** 1 for RTP, or RTP with RTCP; 2 for RTCP alone. */
  readonly component: 1 | 2;
  /** Where the socket is bound. */
  readonly local: TransportAddress;
  /** Packets of this stream: a copy. */
  readonly counters: CountersSnapshot;
  readonly isClosed: boolean;
  /** Neither latch, ICE nor SRTP proves the peer as things are agreed now. A room then keeps the numbers of its packets to itself. */
  readonly isKeyless: boolean;

  /**
   * Sends one packet to the peer. It takes no address. False: it was dropped and counted, because no address of the peer is
   * proved yet (as on a lossy line), the port is closed, or the socket refused it. The bytes must stay as they are until they
   * are out.
   * @throws LatchkeyError LATCHKEY_OPTION for what is no Uint8Array
   */
  send(bytes: Uint8Array): boolean;

  /**
   * The local address changed (a prover that went from Wi-Fi to mobile data): moves to another bound socket, says
   * hello from there at once, and lets go of the old socket, which stays open.
   * @throws LatchkeyError LATCHKEY_SOCKET where it is not bound, is connected, or is another latchkey's
   * @throws LatchkeyError LATCHKEY_CLOSED
   */
  rebind(socket: BindableSocket): void;

  /** Lets go of the socket, which stays open: it is the application's. Idempotent. */
  close(): void;
}
