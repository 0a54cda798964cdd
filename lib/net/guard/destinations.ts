// Which stream a packet is for, by the address that the application sends it to: where a stream's media goes now, or the
// one that its peer signalled. Anything else is nobody's. Peers behind different NATs may signal one private address:
// then the stream that has proved where its peer is comes first, and between two of those nothing is guessed.
import type { Component } from '../../core/index.js';
import type { Loop } from '../loop.js';
import { canonicalIp } from '../socket-address.js';

/** Why no stream was found. */
export type Miss = 'unknown' | 'ambiguous';

export function isMiss(found: Component | Miss): found is Miss {
  return typeof found === 'string';
}

export class Destinations {
  readonly #components = new Set<Component>();
  /** The only one, where there is only one. */
  #only: Component | undefined;
  /** Streams by the ports of their addresses, as of `#indexEpoch`; made anew when something may have changed. */
  #byPort = new Map<number, Component[]>();
  #indexEpoch = -1;
  #spelling = '';
  #canonical = '';

  constructor(private readonly loop: Loop) {}

  get size(): number {
    return this.#components.size;
  }

  get only(): Component | undefined {
    return this.#only;
  }

  add(component: Component): void {
    this.#components.add(component);
    this.#changed();
  }

  delete(component: Component): void {
    this.#components.delete(component);
    this.#changed();
  }

  /** The stream of this address; IP addresses in any spelling, names only as the peer signalled them. */
  find(port: number, address: string): Component | Miss {
    const found = this.#find(port, address);
    if (found !== 'unknown') return found;
    if (address !== this.#spelling) {
      this.#spelling = address;
      this.#canonical = canonicalIp(address) ?? address.toLowerCase();
    }
    return this.#canonical === address ? found : this.#find(port, this.#canonical);
  }

  #find(port: number, address: string): Component | Miss {
    if (this.#only) return isFor(this.#only, port, address) ? this.#only : 'unknown';
    if (this.#indexEpoch !== this.loop.epoch) this.#index();
    const sharing = this.#byPort.get(port);
    if (!sharing) return 'unknown';
    let found: Component | Miss = 'unknown';
    let best: Claim = 0;
    for (const component of sharing) {
      const claim = claimOf(component, port, address);
      if (claim > best) [found, best] = [component, claim];
      // Of streams without a proof the one that was there first has it: who comes later and proves nothing changes nothing.
      else if (claim === best && claim > 1) found = 'ambiguous';
    }
    return found;
  }

  #changed(): void {
    this.#only = this.#components.size === 1 ? this.#components.values().next().value : undefined;
    this.#indexEpoch = -1;
  }

  #index(): void {
    this.#byPort = new Map();
    this.#indexEpoch = this.loop.epoch;
    for (const component of this.#components) {
      const { signalled, destination } = component;
      const { guest } = component;
      const ports = new Set(
        [signalled, destination, guest?.signalled, guest?.destination].map((at) => at?.port),
      );
      for (const port of ports) {
        if (port === undefined) continue;
        const atPort = this.#byPort.get(port);
        if (atPort) atPort.push(component);
        else this.#byPort.set(port, [component]);
      }
    }
  }
}

/** What speaks for a stream: nothing; its peer signalled the address; and has proved where it is; the proof is of this address. */
type Claim = 0 | 1 | 2 | 3;

/** An unproven stream never takes an address from a proven one (protocol.md 5.1): anybody may signal any address. */
function claimOf(component: Component, port: number, address: string): Claim {
  const { mapping } = component;
  if (mapping !== undefined && mapping.port === port && mapping.address === address) return 3;
  if (!isFor(component, port, address)) return 0;
  return mapping === undefined ? 1 : 2;
}

/** Is this the address in the peer's SDP, or the one that its media goes to now? Of its RTCP too, where that has the same socket. */
export function isFor(component: Component, port: number, address: string): boolean {
  if (component.guest && isFor(component.guest, port, address)) return true;
  const { signalled } = component;
  if (signalled !== undefined && signalled.port === port && signalled.address === address) return true;
  const { destination } = component;
  return destination !== undefined && destination.port === port && destination.address === address;
}
