/*
 * Chance as it fell in a capture: it yields the server's credentials when the core makes its own, and for each challenge that the
 * core makes the transaction and word of the captured one that went the same way at nearly the same time. Then the captured
 * answer fits. Everything else comes from a seeded generator. No security rests on it: nothing that it makes leaves the process.
 */
import type { Crypto, Random } from '../core/index.js';
import { formatAddress, isSameAddress } from '../wire/address.js';
import type { TransportAddress } from '../wire/address.js';
import { asciiText } from '../wire/ascii.js';
import { decodeBase64url } from '../wire/base64url.js';
import type { SdpMedia } from '../wire/sdp.js';
import type { CapturedChallenge } from './challenge-survey.js';

/** What the core may be asking while it is called. */
export interface Asking {
  /** As the capture counts it: milliseconds since 1970. */
  readonly timeMs: number;
  readonly locals: readonly TransportAddress[];
  /** All addresses where it is not known whom. */
  readonly remotes: readonly TransportAddress[] | undefined;
}

const TAG_BYTES = 24;
const TAG_CHARACTERS = 16;
const UFRAG_BYTES = 12;
const PWD_BYTES = 24;
const TRANSACTION_BYTES = 12;
const WORD_BYTES = 16;
/** Consent is asked at random every 4 to 6 seconds (protocol.md 5.8): further apart are other questions. */
const MATCH_MS = 3000;

export class CapturedRandom implements Random {
  /** What the next call of the core is about; undefined where it asks nobody. */
  asking: Asking | undefined;
  /** Challenges that the core made and the capture has no counterpart for. */
  unmatched = 0;
  /** Made by the core, by transaction; to be sent for the first time. */
  readonly #unsent = new Map<string, CapturedChallenge>();
  readonly #made = new Set<CapturedChallenge>();
  readonly #credentials = new Map<number, Uint8Array[]>();
  readonly #left = new Map<string, CapturedChallenge[]>();
  #word: Uint8Array | undefined;
  #count = 0;

  constructor(
    challenges: Iterable<CapturedChallenge>,
    private readonly crypto: Pick<Crypto, 'sha256'>,
  ) {
    for (const challenge of challenges) {
      const key = formatAddress(challenge.local);
      const list = this.#left.get(key);
      if (list) list.push(challenge);
      else this.#left.set(key, [challenge]);
    }
  }

  fill(bytes: Uint8Array): void {
    bytes.set(this.#take(bytes.length));
  }

  isMade(challenge: CapturedChallenge): boolean {
    return this.#made.has(challenge);
  }

  /** The challenge of this transaction, if it is one of the capture; only once. */
  takeMade(transaction: string): CapturedChallenge | undefined {
    const challenge = this.#unsent.get(transaction);
    this.#unsent.delete(transaction);
    return challenge;
  }

  /**
   * During `action` the core makes its own halves: those of these sections, as the server signalled them. False where one has
   * not the shape of ours, so that the core makes another.
   */
  yielding(sections: readonly SdpMedia[], isOffer: boolean, action: () => void): boolean {
    const wanted = sections.flatMap((section) => credentialsOf(section, isOffer));
    for (const { sizeBytes, bytes = this.#seeded(sizeBytes) } of wanted) {
      const list = this.#credentials.get(sizeBytes);
      if (list) list.push(bytes);
      else this.#credentials.set(sizeBytes, [bytes]);
    }
    try {
      action();
    } finally {
      this.#credentials.clear();
    }
    return wanted.every(({ bytes, isMissing }) => bytes !== undefined || isMissing === true);
  }

  #take(sizeBytes: number): Uint8Array {
    const word = this.#word;
    this.#word = undefined;
    const credential = this.#credentials.get(sizeBytes)?.shift();
    if (credential) return credential;
    if (sizeBytes === WORD_BYTES && word) return word;
    const challenge = sizeBytes === TRANSACTION_BYTES ? this.#match() : undefined;
    this.#word = challenge?.word;
    return challenge?.transaction ?? this.#seeded(sizeBytes);
  }

  /** Of the challenges not used yet that went from and to where the core may be asking, the nearest in time. */
  #match(): CapturedChallenge | undefined {
    const { asking } = this;
    let best: CapturedChallenge | undefined;
    const distanceMs = ({ firstMs }: CapturedChallenge) => Math.abs(firstMs - (asking?.timeMs ?? 0));
    for (const local of asking?.locals ?? []) {
      for (const challenge of this.#left.get(formatAddress(local)) ?? []) {
        const isFitting = asking?.remotes?.some((remote) => isSameAddress(remote, challenge.remote)) ?? true;
        if (!isFitting || distanceMs(challenge) > MATCH_MS) continue;
        if (!best || distanceMs(challenge) < distanceMs(best)) best = challenge;
      }
    }
    if (!best) {
      this.unmatched++;
      return undefined;
    }
    const list = this.#left.get(formatAddress(best.local));
    list?.splice(list.indexOf(best), 1);
    this.#unsent.set(asciiText(best.transaction), best);
    this.#made.add(best);
    return best;
  }

  #seeded(sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes; at += 32) {
      const block = this.crypto.sha256(new TextEncoder().encode(`replay ${this.#count++}`));
      bytes.set(block.subarray(0, Math.min(32, sizeBytes - at)), at);
    }
    return bytes;
  }
}

interface Credential {
  readonly sizeBytes: number;
  /** Undefined for what the core cannot have drawn. */
  readonly bytes?: Uint8Array | undefined;
  /** The server signalled none, and the core makes one nevertheless. */
  readonly isMissing?: true;
}

/** In the order in which the core draws what has the same size. It never offers without ICE. */
function credentialsOf({ latch, challenge, ice }: SdpMedia, isOffer: boolean): Credential[] {
  const drawn: Credential[] = [];
  if (latch) {
    drawn.push({ sizeBytes: TAG_BYTES, bytes: paddedTag(latch.tag) });
    drawn.push({ sizeBytes: latch.secret.length, bytes: latch.secret });
    if (challenge) drawn.push({ sizeBytes: WORD_BYTES, bytes: challenge });
  }
  if (ice) {
    drawn.push({ sizeBytes: UFRAG_BYTES, bytes: decodedBase64(ice.ufrag, UFRAG_BYTES) });
    drawn.push({ sizeBytes: PWD_BYTES, bytes: decodedBase64(ice.pwd, PWD_BYTES) });
  } else if (isOffer) {
    drawn.push({ sizeBytes: UFRAG_BYTES, isMissing: true }, { sizeBytes: PWD_BYTES, isMissing: true });
  }
  return drawn;
}

function paddedTag(tag: string): Uint8Array | undefined {
  const start = tag.length === TAG_CHARACTERS ? decodeBase64url(tag) : undefined;
  if (!start) return undefined;
  const bytes = new Uint8Array(TAG_BYTES);
  bytes.set(start);
  return bytes;
}

function decodedBase64(text: string, sizeBytes: number): Uint8Array | undefined {
  const bytes = decodeBase64url(text.replaceAll('+', '-').replaceAll('/', '_'));
  return bytes?.length === sizeBytes ? bytes : undefined;
}
