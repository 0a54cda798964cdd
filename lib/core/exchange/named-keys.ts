// The keys that the two sides of one call may name by `kid`: had over HTTPS before, so that the secrets in SDP are only fresh
// random input and any hop will do, plain UDP included (protocol.md 2). A call goes on under a key that has expired since.
import { isKid } from '../../wire/index.js';
import type { FindKey } from '../context.js';
import { LatchkeyError } from '../errors.js';
import { FewMap } from '../few-map.js';
import { NAMED_KEY_BYTES } from '../proof/credentials.js';
import { Secret } from '../proof/secret.js';

/** A description has at most 64 sections, and each may name another. */
const KEYS_MAX = 64;

export class NamedKeys {
  #keys: FewMap<string, Secret> | undefined;
  /** What our own offers name. */
  #offered: string | undefined;

  constructor(private readonly findKey: FindKey) {}

  get offered(): string | undefined {
    return this.#offered;
  }

  /**
   * Our own offers name it from now on, and the peer may.
   * @throws LatchkeyError LATCHKEY_OPTION, without the key in its text
   */
  add(kid: string, key: Uint8Array): void {
    this.learn(kid, key);
    this.#offered = kid;
  }

  /**
   * The peer may name it from now on.
   * @throws LatchkeyError LATCHKEY_OPTION, without the key in its text
   */
  learn(kid: string, key: Uint8Array): void {
    this.#keep(kid, key);
  }

  /** The key of that name: of this call, else one that the owner finds, which is of this call from then on. */
  get(kid: string): Secret | undefined {
    const known = this.#keys?.get(kid);
    if (known) return known;
    const found = this.findKey(kid);
    return found && this.#keep(kid, found);
  }

  copy(): NamedKeys {
    const copy = new NamedKeys(this.findKey);
    for (const [kid, key] of this.#keys ?? []) copy.#keep(kid, key.reveal());
    copy.#offered = this.#offered;
    return copy;
  }

  forget(): void {
    for (const key of this.#keys?.values() ?? []) key.forget();
    this.#keys = undefined;
    this.#offered = undefined;
  }

  #keep(kid: string, key: Uint8Array): Secret {
    if (typeof kid !== 'string' || !isKid(kid))
      throw new LatchkeyError('LATCHKEY_OPTION', 'kid is 1 to 64 letters, digits, - and _');
    if (!(key instanceof Uint8Array) || key.length !== NAMED_KEY_BYTES)
      throw new LatchkeyError('LATCHKEY_OPTION', `the key that a kid names has ${NAMED_KEY_BYTES} bytes`);
    const keys = (this.#keys ??= new FewMap());
    this.#drop(kid);
    for (const oldest of keys.keys()) {
      if (keys.size < KEYS_MAX) break;
      this.#drop(oldest);
    }
    const secret = new Secret(new Uint8Array(key));
    keys.set(kid, secret);
    return secret;
  }

  #drop(kid: string): void {
    this.#keys?.get(kid)?.forget();
    this.#keys?.delete(kid);
  }
}
