/** Open connections by where their other end is, and how each is kept alive. It opens and closes nothing. */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { SipFlow } from '../../lib/sip/index.js';

export class OpenFlows {
  readonly #pings = new Map<string, () => void>();
  readonly #known = new WeakSet<EventEmitter>();

  /** Something has come over a connection, accepted or dialled: until it closes it can be written to. */
  note(
    connection: EventEmitter,
    { remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>,
    ping: () => void,
  ): void {
    if (this.#known.has(connection) || remoteAddress === undefined) return;
    this.#known.add(connection);
    const key = `${remoteAddress},${remotePort}`;
    this.#pings.set(key, ping);
    connection.once('close', () => {
      if (this.#pings.get(key) === ping) this.#pings.delete(key);
    });
  }

  /** False where there is no such connection. */
  ping({ address, port }: SipFlow): boolean {
    const ping = this.#pings.get(`${address},${port}`);
    ping?.();
    return ping !== undefined;
  }
}
