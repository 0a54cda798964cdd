// The names under which messages may come to a component: the tags of its generations, or the user fragments of ICE,
// and the tag of an offer that awaits its answer. Keeps the tables of its ports in step.
import type { Protection } from '../proof/protection.js';
import type { Generation } from '../proof/generation.js';
import { ufragKey } from '../proof/ice-generation.js';
import type { Port } from './port.js';

const CLOSED: Protection = { kind: 'closed' };
/** Of all who have left no generation, which is nearly everybody. */
const NONE: readonly Generation[] = [];

/** As a message to us names them. */
type Names = readonly [own: string, peer: string];

export class OwnTags<Owner> {
  #protection = CLOSED;
  /** Those whose prover still answers (protocol.md 5.10). */
  #former = NONE;
  /** The tag of an offer of ours that is not answered yet. */
  awaiting: string | undefined;
  /** It as the ports know it. */
  #joined: string | undefined;

  constructor(private readonly owner: Owner) {}

  renew(protection: Protection, former: readonly Generation[], ports: readonly Port<Owner>[]): void {
    for (const port of ports) this.leave(port);
    this.#protection = protection;
    this.#former = former.length === 0 ? NONE : former;
    this.#joined = this.awaiting;
    for (const port of ports) this.join(port);
  }

  has(ownTag: string, peerTag: string): boolean {
    return this.#names.some(([own, peer]) => own === ownTag && peer === peerTag);
  }

  join(port: Port<Owner>): void {
    for (const key of this.#keys) port.addTag(key, this.owner);
  }

  leave(port: Port<Owner>): void {
    for (const key of this.#keys) port.removeTag(key, this.owner);
  }

  /** Each once. */
  get #keys(): Iterable<string> {
    const own = this.#names.map(([tag]) => tag);
    return new Set(this.#joined === undefined ? own : own.concat(this.#joined));
  }

  get #names(): readonly Names[] {
    const protection = this.#protection;
    const former = this.#former.map(latchNames);
    switch (protection.kind) {
      case 'latch':
        return [latchNames(protection.generation), ...former];
      case 'ice': {
        const { own, peer } = protection.generation;
        return [...former, [ufragKey(own.ufrag), ufragKey(peer.ufrag)]];
      }
      case 'srtp':
      case 'evidence':
      case 'none':
      case 'legacy':
      case 'closed':
        return former;
    }
  }
}

function latchNames({ ownTag, peerTag }: Generation): Names {
  return [ownTag, peerTag];
}
