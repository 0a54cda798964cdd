// The media half of a phone that brings SRTP by SDES (RFC 4568) and nothing else: its line of an offer, its packets under that key, and the
// key of the answer. It knows lib/srtp, and no session.
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpReceiver, SrtpSender, srtpSuite } from '../../lib/srtp/index.js';
import type { MasterKey, SrtpSuite } from '../../lib/srtp/index.js';
import { parseSdp } from '../../lib/wire/index.js';
import { makeRtp } from './media.js';
import { masterKey } from './srtp-bench.js';

const SUITE = 'AES_CM_128_HMAC_SHA1_80';

export class SdesPhone {
  readonly #master = masterKey(0x21, SUITE);
  readonly #sender = new SrtpSender(nodeSrtpCrypto, this.#master);
  #receiver: SrtpReceiver | undefined;
  #sequence = 100;

  /** Its line of an offer, without an end. */
  get line(): string {
    return `a=crypto:7 ${SUITE} inline:${Buffer.concat([this.#master.key, this.#master.salt]).toString('base64')}`;
  }

  /** The next packet of its voice: in clear, and as it goes out. */
  talk(): { readonly clear: Uint8Array; readonly sealed: Uint8Array } {
    const sequence = this.#sequence++;
    const clear = makeRtp({ ssrc: 0x1234, sequence, timestamp: 160 * sequence });
    const sealed = this.#sender.protectRtp(clear);
    if (typeof sealed === 'string') throw new Error(`not protected: ${sealed}`);
    return { clear, sealed };
  }

  /** Reads the answer: the one line that takes that of the offer. */
  readAnswer(sdp: string): void {
    const parsed = parseSdp(sdp);
    const lines = parsed.ok ? parsed.value.media.flatMap(({ cryptos }) => cryptos) : [];
    const [line, ...more] = lines;
    const key = line?.keys[0]?.keyAndSalt;
    if (!line || !key || more.length > 0 || line.tag !== 7 || line.suite !== SUITE)
      throw new Error(`the answer takes no key: ${lines.map(({ tag, suite }) => `${tag} ${suite}`).join()}`);
    this.#receiver = new SrtpReceiver(nodeSrtpCrypto, masterOf(srtpSuite(SUITE)!, key), { decrypts: true });
  }

  /** What came, in clear; undefined where it is not under the key of the answer. */
  hear(packet: Uint8Array): Uint8Array | undefined {
    const judged = this.#receiver?.checkRtp(packet, 0);
    return typeof judged === 'object' ? judged.clear : undefined;
  }
}

function masterOf(suite: SrtpSuite, keyAndSalt: Uint8Array): MasterKey {
  const { keySizeBytes } = suite;
  return { suite, key: keyAndSalt.slice(0, keySizeBytes), salt: keyAndSalt.slice(keySizeBytes) };
}
