// SRTP by itself, beside what node:crypto takes for the same bytes in the same run: a persistent cipher over as many blocks (AES in ECB), and
// createHmac over the packet.
import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { SrtpReceiver, SrtpSender, srtpSuite } from '../../lib/srtp/index.js';
import type { MasterKey, SrtpCrypto } from '../../lib/srtp/index.js';
import { median } from './statistics.js';

/** G.711 of 20 ms. */
const PACKET_BYTES = 172;
const HEADER_BYTES = 12;
const BLOCK_BYTES = 16;
const TAG_BYTES = 10;
const ROLL_OVER_BYTES = 4;
const PACKETS = 30_000;
const SEQUENCES = 0x1_0000;

export interface SrtpCost {
  readonly suite: string;
  /** CPU for a packet, in microseconds: of the cipher and createHmac together. */
  readonly plain: number;
  readonly protect: number;
  readonly unprotect: number;
  /** Of the rounds: what SRTP takes, of what those two take together. */
  readonly protectRatio: number;
  readonly unprotectRatio: number;
}

/** The middle of so many rounds, in each of which all take their turn. */
export function measureSrtp(name: string, crypto: SrtpCrypto, rounds: number): SrtpCost {
  const run = new SrtpRun(name, crypto);
  run.round();
  const seen = Array.from({ length: rounds }, () => run.round());
  const middle = (of: (one: Round) => number) => median(seen.map(of));
  return {
    suite: name,
    plain: middle(({ plain }) => plain),
    protect: middle(({ protect }) => protect),
    unprotect: middle(({ unprotect }) => unprotect),
    protectRatio: middle(({ plain, protect }) => protect / plain),
    unprotectRatio: middle(({ plain, unprotect }) => unprotect / plain),
  };
}

type Round = Pick<SrtpCost, 'plain' | 'protect' | 'unprotect'>;

class SrtpRun {
  readonly #master: MasterKey;
  readonly #sender: SrtpSender;
  readonly #receiver: SrtpReceiver;
  readonly #packet = randomBytes(PACKET_BYTES);
  #sequence = 0;

  constructor(name: string, crypto: SrtpCrypto) {
    const suite = srtpSuite(name);
    if (!suite) throw new Error(`no suite is called ${name}`);
    this.#master = { suite, key: randomBytes(suite.keySizeBytes), salt: randomBytes(suite.saltSizeBytes) };
    this.#sender = new SrtpSender(crypto, this.#master);
    this.#receiver = new SrtpReceiver(crypto, this.#master, { decrypts: true });
    this.#packet[0] = 0x80;
  }

  round(): Round {
    const plain = this.#plain();
    const sealed: Uint8Array[] = [];
    const protect = microsecondsOf(() => {
      for (let i = 0; i < PACKETS; i++) {
        this.#packet.writeUInt16BE(this.#sequence++ % SEQUENCES, 2);
        const bytes = this.#sender.protectRtp(this.#packet);
        if (typeof bytes === 'string') throw new Error(`not protected: ${bytes}`);
        sealed.push(bytes);
      }
    });
    const unprotect = microsecondsOf(() => {
      for (const bytes of sealed) {
        const packet = this.#receiver.checkRtp(bytes, 0);
        if (typeof packet === 'string' || !this.#receiver.accept(packet, 0)) throw new Error('not accepted');
      }
    });
    return { plain, protect, unprotect };
  }

  #plain(): number {
    const { key } = this.#master;
    const cipher = createCipheriv(`aes-${8 * key.length}-ecb`, key, null).setAutoPadding(false);
    const blocks = randomBytes(Math.ceil((PACKET_BYTES - HEADER_BYTES) / BLOCK_BYTES) * BLOCK_BYTES);
    const signed = randomBytes(PACKET_BYTES + ROLL_OVER_BYTES);
    const macKey = randomBytes(20);
    let sum = 0;
    const cost = microsecondsOf(() => {
      for (let i = 0; i < PACKETS; i++) {
        sum += cipher.update(blocks)[0]!;
        sum += createHmac('sha1', macKey).update(signed).digest().subarray(0, TAG_BYTES)[0]!;
      }
    });
    if (sum === 0) throw new Error('nothing was encrypted');
    return cost;
  }
}

/** What is collected in it is its own garbage: none is left of whoever came before. */
function microsecondsOf(work: () => void): number {
  globalThis.gc?.();
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / PACKETS;
}
