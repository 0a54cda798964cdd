// Keys that another process holds: had by the application's `fetchKey` before the core is asked, since the core never waits
// (protocol.md 2: "a verifier that has to fetch it waits with the answer"). Who waits, and how many, is the signalling's to bound.
import { Secret } from '../core/index.js';
import { parseSdp } from '../wire/index.js';
import type { SdpLimits } from '../wire/index.js';
import type { FetchKey } from './options.js';
import type { Session } from './session.js';

/** What became of the keys that were asked for, since the start. */
export interface KeyFetches {
  readonly fetched: number;
  /** There is none of that name, or it has expired. */
  readonly unknown: number;
  /** `fetchKey` threw, rejected, or gave what is no key. */
  readonly failed: number;
  /** It took longer than `fetchKeyMs`. */
  readonly late: number;
}

/** A key could not be had: who named it is answered as one that nobody knows. */
export interface FetchFailure {
  readonly kid: string;
  readonly error: unknown;
}

/** Keys that were fetched, until somebody has them. */
export interface FetchedKeys {
  /** The session may use them from now on, as if `findKey` had found them. They are forgotten here. */
  giveTo(session: Session): void;
  /** Nobody wants them. Idempotent. */
  forget(): void;
}

/** Calls name one key; whoever writes 64 sections with a name each does not have 64 fetched. */
const NAMED_MAX = 4;
const KEY_BYTES = 32;

export interface KeyFetchOptions {
  readonly fetchKey: FetchKey;
  /** How long a key may take. */
  readonly fetchKeyMs: number;
  readonly sdpLimits: SdpLimits;
}

export class KeyFetch {
  readonly #options: KeyFetchOptions;
  readonly #onFailed: (failure: FetchFailure) => void;
  readonly #counts = { fetched: 0, unknown: 0, failed: 0, late: 0 };

  constructor(options: KeyFetchOptions, onFailed: (failure: FetchFailure) => void) {
    this.#options = options;
    this.#onFailed = onFailed;
  }

  get counts(): KeyFetches {
    return { ...this.#counts };
  }

  /** The names of keys in a description. */
  kidsIn(sdp: unknown): readonly string[] {
    // Most descriptions name none, and are read once only.
    if (typeof sdp !== 'string' || !sdp.includes(' kid=')) return [];
    const parsed = parseSdp(sdp, this.#options.sdpLimits);
    if (!parsed.ok) return [];
    const kids = parsed.value.media.map(({ latch, isRejected }) => (isRejected ? undefined : latch?.kid));
    return [...new Set(kids.filter((kid) => kid !== undefined))].slice(0, NAMED_MAX);
  }

  /**
   * Never rejects.
   *
   * @param give Hands a key on, which is the receiver's to copy.
   */
  async fetch(
    kids: readonly string[],
    give: (session: Session, kid: string, key: Uint8Array) => void,
  ): Promise<FetchedKeys> {
    const keys = new Map<string, Secret>();
    const forget = () => {
      for (const key of keys.values()) key.forget();
      keys.clear();
    };
    const giveTo = (session: Session) => {
      for (const [kid, key] of keys) give(session, kid, key.reveal());
      forget();
    };
    const fetchOne = async (kid: string) => {
      const key = await this.#fetch(kid);
      if (key) keys.set(kid, key);
    };
    await Promise.all(kids.map(fetchOne));
    return { giveTo, forget };
  }

  async #fetch(kid: string): Promise<Secret | undefined> {
    const { fetchKey, fetchKeyMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), fetchKeyMs);
    });
    try {
      const got = await Promise.race([fetchKey(kid), late]);
      if (got === 'late') return this.#fail(kid, 'late', new Error(`a key took more than ${fetchKeyMs} ms`));
      if (got === null || got === undefined) this.#counts.unknown++;
      else if (!(got instanceof Uint8Array) || got.length !== KEY_BYTES)
        return this.#fail(kid, 'failed', new TypeError(`fetchKey is to give ${KEY_BYTES} bytes`));
      else {
        this.#counts.fetched++;
        return new Secret(new Uint8Array(got));
      }
    } catch (error) {
      this.#fail(kid, 'failed', error);
    } finally {
      clearTimeout(timer);
    }
    return undefined;
  }

  #fail(kid: string, how: 'failed' | 'late', error: unknown): undefined {
    this.#counts[how]++;
    this.#onFailed({ kid, error });
  }
}
