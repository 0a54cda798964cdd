// The sockets of this process: where they are bound, and as what peers were told of them. Nothing is sent to one of them because
// an SDP names it (protocol.md 5.7): two of our own ports would send to each other for ever.
import { ipRange } from '../wire/index.js';
import { FewMap } from './few-map.js';
import { ipKey } from './ip-key.js';

export class OwnSockets {
  /** By port: its addresses, and how often each was added, since two streams may be told of as one. Nearly every question is about a port that is not here. */
  readonly #byPort = new Map<number, FewMap<string, number>>();

  add(address: string, port: number): void {
    let counts = this.#byPort.get(port);
    if (!counts) this.#byPort.set(port, (counts = new FewMap()));
    const ip = ipKey(address);
    counts.set(ip, (counts.get(ip) ?? 0) + 1);
  }

  remove(address: string, port: number): void {
    const counts = this.#byPort.get(port);
    const ip = ipKey(address);
    const count = (counts?.get(ip) ?? 0) - 1;
    if (count > 0) counts?.set(ip, count);
    else counts?.delete(ip);
    if (counts?.size === 0) this.#byPort.delete(port);
  }

  has(address: string, port: number): boolean {
    const counts = this.#byPort.get(port);
    if (!counts) return false;
    if (counts.has(ipKey(address))) return true;
    return ANY.some((any) => counts.has(any)) && ipRange(address).range === 'loopback';
  }
}

/** A socket bound to one of these is at each address of the machine, of which we know the loopback ones without asking. */
const ANY = ['0.0.0.0', '::'];
