// The names under which messages may come to a component: the tags of its generations, or the user fragments of ICE,
// and the tag of an offer that awaits its answer. Keeps the tables of its ports in step.
import type { Protection } from '../proof/protection.js';
import type { Generation } from '../proof/generation.js';
import { ufragKey } from '../proof/ice-generation.js';
import type { Port } from './port.js';

const NONE: readonly string[] = [];

export class OwnTags<Owner> {
  /** Ours and the peer's by turns, as a message to us names them. */
  #names = NONE;
  /** The tag of an offer of ours that is not answered yet. */
  awaiting: string | undefined;
  /** It as the ports know it. */
  #joined: string | undefined;

  constructor(private readonly owner: Owner) {}

  /** `former`: generations whose prover still answers (protocol.md 5.10). */
  renew(protection: Protection, former: readonly Generation[], ports: readonly Port<Owner>[]): void {
    for (const port of ports) this.leave(port);
    this.#names = namesOf(protection, former);
    this.#joined = this.awaiting;
    for (const port of ports) this.join(port);
  }

  has(ownTag: string, peerTag: string): boolean {
    const names = this.#names;
    for (let at = 0; at < names.length; at += 2)
      if (names[at] === ownTag && names[at + 1] === peerTag) return true;
    return false;
  }

  join(port: Port<Owner>): void {
    for (const key of this.#keys) port.addTag(key, this.owner);
  }

  leave(port: Port<Owner>): void {
    for (const key of this.#keys) port.removeTag(key, this.owner);
  }

  /** Each once. */
  get #keys(): Iterable<string> {
    const own = this.#names.filter((_, at) => at % 2 === 0);
    return new Set(this.#joined === undefined ? own : own.concat(this.#joined));
  }
}

function namesOf(protection: Protection, former: readonly Generation[]): readonly string[] {
  const generations = protection.kind === 'latch' ? [protection.generation, ...former] : former;
  const names = generations.flatMap(({ ownTag, peerTag }) => [ownTag, peerTag]);
  if (protection.kind === 'ice') {
    const { own, peer } = protection.generation;
    names.push(ufragKey(own.ufrag), ufragKey(peer.ufrag));
  }
  // Of exactly this length: one that has grown keeps room for more.
  return names.length === 0 ? NONE : names.slice();
}
