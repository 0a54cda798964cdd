// The sockets of this process: where they are bound, and as what peers were told of them. Nothing is sent to one of them because
// an SDP names it (protocol.md 5.7): two of our own ports would send to each other for ever.
import { ipRange } from '../wire/index.js';
import { ipKey } from './ip-key.js';

export class OwnSockets {
  /** How often each was added: two streams may be told of as one address. */
  readonly #counts = new Map<string, number>();

  add(address: string, port: number): void {
    const key = keyOf(address, port);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  remove(address: string, port: number): void {
    const key = keyOf(address, port);
    const count = (this.#counts.get(key) ?? 0) - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }

  has(address: string, port: number): boolean {
    if (this.#counts.has(keyOf(address, port))) return true;
    const isLoopback = ipRange(address).range === 'loopback';
    return isLoopback && ANY.some((any) => this.#counts.has(keyOf(any, port)));
  }
}

/** A socket bound to one of these is at each address of the machine, of which we know the loopback ones without asking. */
const ANY = ['0.0.0.0', '::'];

function keyOf(address: string, port: number): string {
  return `${port}|${ipKey(address)}`;
}
