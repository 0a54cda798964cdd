// Who may watch: whoever has the token, by a page of ours or by a program that is no page. It answers nobody.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export class Access {
  readonly #token: Buffer;
  readonly #origins: ReadonlySet<string>;

  /** @param origins The pages that may ask. */
  constructor(token: string, origins: readonly string[]) {
    this.#token = digest(token);
    this.#origins = new Set(origins);
  }

  /** Why this request is refused; undefined where it is not. A browser names the page that asks in `Origin`. */
  refusal({ headers }: IncomingMessage, token: string | undefined): 'origin' | 'token' | undefined {
    if (headers.origin !== undefined && !this.#origins.has(headers.origin)) return 'origin';
    // Browsers leave `Origin` out of some requests, and then say this.
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'origin';
    return token !== undefined && timingSafeEqual(digest(token), this.#token) ? undefined : 'token';
  }
}

/** Of one length whatever the token's: a comparison in constant time wants that. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
