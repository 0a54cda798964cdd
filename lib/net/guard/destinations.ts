// Which stream a packet is for, by the address that the application sends it to: the signalled one of exactly one
// stream, or where that stream's media goes now. Anything else is nobody's; two streams' is refused, not guessed.
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
    let found: Component | undefined;
    for (const component of this.#byPort.get(port) ?? NONE) {
      if (!isFor(component, port, address)) continue;
      if (found) return 'ambiguous';
      found = component;
    }
    return found ?? 'unknown';
  }

  #changed(): void {
    this.#only = this.#components.size === 1 ? this.#components.values().next().value : undefined;
    this.#indexEpoch = -1;
  }

  #index(): void {
    this.#byPort = new Map();
    this.#indexEpoch = this.loop.epoch;
    for (const component of this.#components) {
      const ports = new Set([component.signalled?.port, component.destination?.port]);
      for (const port of ports) {
        if (port === undefined) continue;
        const sharing = this.#byPort.get(port);
        if (sharing) sharing.push(component);
        else this.#byPort.set(port, [component]);
      }
    }
  }
}

const NONE: readonly Component[] = [];

/** Is this the address in the peer's SDP, or the one that its media goes to now? */
export function isFor(component: Component, port: number, address: string): boolean {
  const { signalled } = component;
  if (signalled !== undefined && signalled.port === port && signalled.address === address) return true;
  const { destination } = component;
  return destination !== undefined && destination.port === port && destination.address === address;
}
