// The names under which messages may come to a component: the tags of its generations, or the user fragments of ICE,
// and the tag of an offer that awaits its answer. Keeps the tables of its ports in step.
import type { Protection } from '../proof/protection.js';
import type { Generation } from '../proof/generation.js';
import { ufragKey } from '../proof/ice-generation.js';
import type { Port } from './port.js';

/** Ours and the peer's, as a message to us names them. */
interface Names {
  readonly own: string;
  readonly peer: string;
}

export class OwnTags<Owner> {
  #names: readonly Names[] = [];
  /** Each once. */
  #keys: readonly string[] = [];
  /** The tag of an offer of ours that is not answered yet. */
  awaiting: string | undefined;

  constructor(private readonly owner: Owner) {}

  /** `former`: generations whose prover still answers (protocol.md 5.10). */
  renew(protection: Protection, former: readonly Generation[], ports: readonly Port<Owner>[]): void {
    const generations = protection.kind === 'latch' ? [protection.generation, ...former] : former;
    const names = generations.map(({ ownTag, peerTag }) => ({ own: ownTag, peer: peerTag }));
    if (protection.kind === 'ice') {
      const { own, peer } = protection.generation;
      names.push({ own: ufragKey(own.ufrag), peer: ufragKey(peer.ufrag) });
    }
    for (const port of ports) this.leave(port);
    this.#names = names;
    const own = names.map((each) => each.own);
    this.#keys = [...new Set(this.awaiting === undefined ? own : own.concat(this.awaiting))];
    for (const port of ports) this.join(port);
  }

  has(ownTag: string, peerTag: string): boolean {
    return this.#names.some(({ own, peer }) => own === ownTag && peer === peerTag);
  }

  join(port: Port<Owner>): void {
    for (const key of this.#keys) port.addTag(key, this.owner);
  }

  leave(port: Port<Owner>): void {
    for (const key of this.#keys) port.removeTag(key, this.owner);
  }
}
