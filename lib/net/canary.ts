// A socket that no call uses: whoever sends there has been told of it by nobody, and guesses ports. What is sent by such a source afterwards, to
// any call, counts for less (protocol.md 8.3.2). The sockets of a range that are idle anyway are made canaries.
import type { SharedSocket, SharedSockets } from './shared-socket.js';
import type { BindableSocket } from './datagram-socket.js';

/** Made by `latchkey.canary`. */
export interface Canary {
  /** When it was last hit, by `performance.now()`; -Infinity before the first time. */
  readonly hitMs: number;
  /** Lets go of the socket, which stays open. Idempotent. */
  close(): void;
}

export class NetCanary implements Canary {
  readonly #shared: SharedSocket;

  constructor(sockets: SharedSockets, socket: BindableSocket) {
    this.#shared = sockets.of(socket);
    this.#shared.watch();
  }

  get hitMs(): number {
    return this.#shared.port.hitMs;
  }

  close(): void {
    this.#shared.unwatch();
  }
}
