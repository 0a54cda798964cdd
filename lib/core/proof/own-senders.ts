// What one transport protects its packets with, by key. Forks of one offer have been told the same keys of ours, and under one key a number
// must not be used twice with other content (RFC 3711 9.1, RFC 7714 10.1): a key has one sender for all of them, whoever uses it and when,
// and it is wiped when the last that could use it is done with it.
import { SrtpSender, type SrtpCrypto } from '../../srtp/index.js';
import type { Crypto } from '../crypto.js';
import { copySrtpKey, isSameSrtpKey, masterKeyOf, type SrtpKey } from './srtp-terms.js';

/** A key of ours with its sender. */
class OwnSender {
  readonly key: SrtpKey;
  readonly sender: SrtpSender;
  #holders = 0;

  constructor(srtpCrypto: SrtpCrypto, key: SrtpKey) {
    this.key = copySrtpKey(key);
    this.sender = new SrtpSender(srtpCrypto, masterKeyOf(key));
  }

  hold(): void {
    this.#holders++;
    this.sender.isShared = this.#holders > 1;
  }

  release(): void {
    this.#holders--;
    this.sender.isShared = this.#holders > 1;
    if (this.#holders > 0) return;
    this.key.keyAndSalt.forget();
    this.sender.forget();
  }
}

export class OwnSenders {
  readonly #held = new Set<OwnSender>();

  constructor(
    private readonly crypto: Crypto,
    private readonly srtpCrypto: SrtpCrypto,
  ) {}

  /**
   * For another answer to an offer of ours: what each of the two sends under a key of it counts for both.
   *
   * @param offered all keys that the answer may take
   */
  fork(offered: readonly SrtpKey[]): OwnSenders {
    const fork = new OwnSenders(this.crypto, this.srtpCrypto);
    for (const key of offered) fork.#hold(this.#of(key));
    return fork;
  }

  /** The one that there is, with its numbers, or a new one; until `leave`. */
  use(key: SrtpKey): SrtpSender {
    return this.#of(key).sender;
  }

  /** This transport never comes back to the key. */
  leave(sender: SrtpSender): void {
    for (const own of this.#held) if (own.sender === sender) this.#release(own);
  }

  /** This transport protects nothing any more. */
  forget(): void {
    for (const own of this.#held) this.#release(own);
  }

  #of(key: SrtpKey): OwnSender {
    for (const own of this.#held) if (isSameSrtpKey(this.crypto, own.key, key)) return own;
    return this.#hold(new OwnSender(this.srtpCrypto, key));
  }

  #hold(own: OwnSender): OwnSender {
    this.#held.add(own);
    own.hold();
    return own;
  }

  #release(own: OwnSender): void {
    this.#held.delete(own);
    own.release();
  }
}
