// Which signalled addresses may be challenged before anything came from them, and how often, for the whole
// process: protocol.md 5.7. This is what keeps an SDP from aiming our challenges at a victim.
import { ipRange } from '../../wire/index.js';
import type { DirectTargetRule } from '../context.js';

const DATAGRAMS_PER_MINUTE = 10;
const MINUTE_MS = 60_000;
/** Bounded memory: with more targets than this within a minute, further ones are refused (fail closed). */
const MAX_TARGETS = 4096;

/** The default of rule 5.7: global addresses, and private ones only in the range of the address we advertised. */
export const isDefaultDirectTarget: DirectTargetRule = (address, advertised) => {
  const target = ipRange(address);
  switch (target.range) {
    case 'global':
      return true;
    case 'private': {
      if (advertised === undefined) return false;
      const own = ipRange(advertised);
      return own.range === 'private' && own.block === target.block;
    }
    case 'unspecified':
    case 'loopback':
    case 'link-local':
    case 'multicast':
    case 'broadcast':
      return false;
  }
};

interface Target {
  /** Times of the datagrams of the last minute, at most ten. */
  sentMs: number[];
  holder: object | undefined;
}

export class DirectTargets {
  #targets = new Map<string, Target>();

  /** Claims the address for one candidate; false while another holds it. */
  claim(address: string, holder: object, nowMs: number): boolean {
    const target = this.#target(address, nowMs);
    if (!target || (target.holder && target.holder !== holder)) return false;
    target.holder = holder;
    return true;
  }

  release(address: string, holder: object): void {
    const target = this.#targets.get(address);
    if (target?.holder === holder) target.holder = undefined;
  }

  /** Takes one of the ten datagrams that may go to the address in a minute. */
  take(address: string, nowMs: number): boolean {
    const target = this.#target(address, nowMs);
    if (!target) return false;
    target.sentMs = target.sentMs.filter((sentMs) => nowMs - sentMs < MINUTE_MS);
    if (target.sentMs.length >= DATAGRAMS_PER_MINUTE) return false;
    target.sentMs.push(nowMs);
    return true;
  }

  #target(address: string, nowMs: number): Target | undefined {
    let target = this.#targets.get(address);
    if (target) return target;
    if (this.#targets.size >= MAX_TARGETS) this.#prune(nowMs);
    if (this.#targets.size >= MAX_TARGETS) return undefined;
    target = { sentMs: [], holder: undefined };
    this.#targets.set(address, target);
    return target;
  }

  #prune(nowMs: number): void {
    for (const [address, target] of this.#targets) {
      const isRecent = target.sentMs.some((sentMs) => nowMs - sentMs < MINUTE_MS);
      if (!target.holder && !isRecent) this.#targets.delete(address);
    }
  }
}
