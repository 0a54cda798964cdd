/*
 * A key with which one side says that it protects its packets (`a=crypto`, RFC 4568). It gives itself to whoever judges packets
 * of the same capture, and to nobody who prints.
 */
import { usableLines } from '../core/exchange/crypto-lines.js';
import type { UsableLine } from '../core/exchange/crypto-lines.js';
import { SrtpReceiver } from '../srtp/index.js';
import type { HeardBefore, MasterKey, SrtpCrypto, SrtpSuite } from '../srtp/index.js';
import { isSameBytes } from '../wire/same-bytes.js';
import type { SdpMedia } from '../wire/sdp.js';

/** RFC 4568 6.2.2 has tags of 80 bits for RTCP under the suites of 32; ffmpeg 5.1 sends 32 there too. */
const SHORT_TAG_BYTES = 4;

/** One line of `a=crypto`; several master keys where each has an MKI of its own. */
export class SignalledKey {
  /** By which an answer names the line of the offer that it takes. */
  readonly tag: number;
  readonly suite: SrtpSuite;
  readonly #masters: readonly MasterKey[];

  constructor({ tag, suite, keys }: UsableLine) {
    this.tag = tag;
    this.suite = suite;
    this.#masters = keys.map(({ keyAndSalt, ...more }) => ({
      ...more,
      suite,
      key: keyAndSalt.subarray(0, suite.keySizeBytes),
      salt: keyAndSalt.subarray(suite.keySizeBytes),
    }));
  }

  isSame(other: SignalledKey): boolean {
    return (
      other.suite === this.suite &&
      other.#masters.length === this.#masters.length &&
      this.#masters.every((one, at) => isSameMaster(one, other.#masters[at]!))
    );
  }

  /** What judges packets by it. */
  receivers(crypto: SrtpCrypto, before: HeardBefore): SrtpReceiver[] {
    return this.#masters.map((master) => new SrtpReceiver(crypto, master, { decrypts: true, before }));
  }

  /** What judges RTCP by it whose tags are short; none where the suite has no short tags. */
  shortTagReceivers(crypto: SrtpCrypto): SrtpReceiver[] {
    if (this.suite.rtpTagSizeBytes !== SHORT_TAG_BYTES) return [];
    const suite = { ...this.suite, rtcpTagSizeBytes: SHORT_TAG_BYTES } as const;
    return this.#masters.map((master) => new SrtpReceiver(crypto, { ...master, suite }, { decrypts: true }));
  }
}

/** The lines of a section that can be used, whatever they came over: a capture shows what was in clear. */
export function signalledKeys(media: SdpMedia): SignalledKey[] {
  return usableLines({ isSecure: true, hasSrtp: true }, media).map((line) => new SignalledKey(line));
}

function isSameMaster(a: MasterKey, b: MasterKey): boolean {
  const { mki = NOTHING } = a;
  return isSameBytes(a.key, b.key) && isSameBytes(a.salt, b.salt) && isSameBytes(mki, b.mki ?? NOTHING);
}

const NOTHING: Uint8Array = new Uint8Array(0);
