// The names under which messages may come to a component: the tags of its generations, or the user fragments of ICE,
// and the tag of an offer that awaits its answer. Keeps the port's table in step.
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
  #keys = new Set<string>();
  /** The tag of an offer of ours that is not answered yet. */
  awaiting: string | undefined;

  constructor(private readonly owner: Owner) {}

  /** `former`: generations whose prover still answers (protocol.md 5.10). */
  renew(protection: Protection, former: readonly Generation[], port: Port<Owner> | undefined): void {
    const generations = protection.kind === 'latch' ? [protection.generation, ...former] : former;
    const names = generations.map(({ ownTag, peerTag }) => ({ own: ownTag, peer: peerTag }));
    if (protection.kind === 'ice') {
      const { own, peer } = protection.generation;
      names.push({ own: ufragKey(own.ufrag), peer: ufragKey(peer.ufrag) });
    }
    this.move(port, undefined);
    this.#names = names;
    this.#keys = new Set(names.map(({ own }) => own));
    if (this.awaiting !== undefined) this.#keys.add(this.awaiting);
    this.move(undefined, port);
  }

  has(ownTag: string, peerTag: string): boolean {
    return this.#names.some(({ own, peer }) => own === ownTag && peer === peerTag);
  }

  move(from: Port<Owner> | undefined, to: Port<Owner> | undefined): void {
    for (const key of this.#keys) {
      from?.removeTag(key, this.owner);
      to?.addTag(key, this.owner);
    }
  }
}
