// The phone of a call with SRTP among mixed ones, and what is known of each packet that it has protected: whether it may still count, where it
// has come from, and whether it has been handed on (protocol.md 8.2). The judge knows a packet by its bytes and holds no key to judge it by.
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpReceiver, SrtpSender } from '../../lib/srtp/index.js';
import type { MasterKey } from '../../lib/srtp/index.js';
import { srtpSuite } from '../../lib/core/index.js';
import { parseSdp } from '../../lib/wire/index.js';
import { makeRtp, makeSenderReport } from './media.js';
import { MixedViolation } from './mixed-rules.js';
import type { Prng } from './prng.js';

const SUITES = ['AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32', 'AEAD_AES_256_GCM'] as const;
/** A path of which nothing authentic has come for so long has expired (protocol.md 8.2.5). */
const CONSENT_MS = 30_000;
const RECEIVER_REPORT = 201;
const REPORT_SIZE_BYTES = 32;
const LSR_AT = 24;

/** One packet that the phone has protected. */
export interface MadePacket {
  readonly wire: Uint8Array;
  /** As the application is to have it. */
  readonly expected: Uint8Array;
  /** Under which of its keys. */
  readonly generation: number;
  /** Addresses that it has come from, whoever sent it. */
  readonly sources: Set<string>;
  isHandedOn: boolean;
  /** It repeats a time of ours that went there alone. */
  readonly answers: string | undefined;
}

/** A report of ours that has reached the phone. */
interface HeardReport {
  readonly ssrc: number;
  readonly lsr: number;
  readonly at: string;
}

export class SrtpPeer {
  /** Keys so far. */
  generation = 0;
  /** The server has a key of its own: it opens and protects. Else packets pass as they are. */
  readonly terminates: boolean;
  /** When a packet of the phone's own making last came from an address, whoever sent it. */
  readonly heardFrom = new Map<string, number>();
  /** The last packet. */
  last: Uint8Array | undefined;
  readonly #suite: string;
  readonly #prng: Prng;
  #key!: Uint8Array;
  #sender!: SrtpSender;
  #ours: SrtpReceiver | undefined;
  #heard: HeardReport | undefined;
  #reports = 0;
  readonly #byWire = new Map<string, MadePacket>();
  readonly #byExpected = new Map<string, MadePacket>();

  constructor(
    prng: Prng,
    choices: { pick<T>(values: readonly T[]): T; chance(probability: number): boolean },
  ) {
    this.#prng = prng;
    this.terminates = choices.chance(0.5);
    this.#suite = choices.pick(SUITES);
    this.renew();
  }

  /** A source counts from its third packet only (protocol.md 8.2.1). */
  get hasShortTags(): boolean {
    return this.#suite.endsWith('_32');
  }

  /** A new key, for its next description. */
  renew(): void {
    this.generation++;
    this.#key = this.#prng.bytes(this.#keySizeBytes);
    this.#sender = new SrtpSender(nodeSrtpCrypto, this.#master(this.#key));
  }

  get lines(): readonly string[] {
    return [this.#line(this.#key)];
  }

  /** What the server's application writes, where the keys are its own. */
  get applicationLines(): readonly string[] {
    return this.terminates ? [] : [this.#line(new Uint8Array(this.#keySizeBytes))];
  }

  /** The server's answer: its key, where it has one of its own making. Gives what nothing that is printed may hold. */
  readAnswer(sdp: string): string | undefined {
    const parsed = parseSdp(sdp);
    const keyAndSalt = parsed.ok ? parsed.value.media[0]?.cryptos[0]?.keys[0]?.keyAndSalt : undefined;
    if (!keyAndSalt || !this.terminates) return undefined;
    this.#ours = new SrtpReceiver(nodeSrtpCrypto, this.#master(keyAndSalt), { decrypts: true });
    return Buffer.from(keyAndSalt).toString('base64');
  }

  rtp(ssrc: number, sequence: number, payload: Uint8Array): MadePacket {
    const clear = makeRtp({ ssrc, sequence: sequence & 0xffff, timestamp: 160 * sequence, payload });
    return this.#note(clear, this.#sender.protectRtp(clear));
  }

  /** A sender report; or, where one of ours has reached it, the answer to that. */
  report(ssrc: number, nowMs: number): MadePacket {
    const heard = this.#heard;
    const number = ++this.#reports;
    const clear = heard ? makeReceiverReport(ssrc, heard, number) : makeSenderReport(ssrc, nowMs, number);
    return this.#note(clear, this.#sender.protectRtcp(clear), heard?.at);
  }

  /** What we have sent has reached the phone there. */
  hear(bytes: Uint8Array, at: string): void {
    const tagged = this.#ours?.checkRtcp(bytes);
    if (tagged === undefined || typeof tagged === 'string' || !tagged.clear) return;
    const view = new DataView(tagged.clear.buffer, tagged.clear.byteOffset);
    this.#heard = { ssrc: view.getUint32(4), lsr: view.getUint32(10), at };
  }

  /** The packet, if it is one of the phone's; from now on it has come from there. */
  noteCome(bytes: Uint8Array, source: string, nowMs: number): MadePacket | undefined {
    const made = this.#byWire.get(keyOf(bytes));
    if (!made) return undefined;
    made.sources.add(source);
    this.heardFrom.set(source, nowMs);
    return made;
  }

  /** protocol.md 8.2.1 and 8.2.6: what is handed on is authentic, came from there, and has not been handed on before. */
  judgeDelivered(bytes: Uint8Array, source: string): void {
    const made = this.#byExpected.get(keyOf(withoutTime(bytes)));
    if (!made) throw new MixedViolation(`8.2.1: what nobody has protected is handed on from ${source}`);
    if (!made.sources.has(source))
      throw new MixedViolation(`8.2.1: a packet is handed on as from ${source}, where it has not come from`);
    if (made.isHandedOn) throw new MixedViolation(`8.2.1: one packet is handed on twice, from ${source}`);
    if (made.generation < this.generation - 1)
      throw new MixedViolation(`8.2.6: a packet under a key of before the last is handed on`);
    made.isHandedOn = true;
  }

  /** protocol.md 8.2.2, 8.2.5: nothing goes to where nothing of the phone's has come from, or not for long. */
  judgeSent(bytes: Uint8Array, to: string, nowMs: number): void {
    const silentMs = nowMs - (this.heardFrom.get(to) ?? -Infinity);
    if (silentMs > CONSENT_MS)
      throw new MixedViolation(
        `8.2.2: payload goes to ${to}, of which nothing authentic has come within 30 s`,
      );
    if (this.terminates && bytes.subarray(12, 28).every((byte) => byte === bytes[12]))
      throw new MixedViolation(`8.2: payload goes to ${to} in clear`);
  }

  get #keySizeBytes(): number {
    const { keySizeBytes, saltSizeBytes } = suiteOf(this.#suite);
    return keySizeBytes + saltSizeBytes;
  }

  #line(keyAndSalt: Uint8Array): string {
    return `a=crypto:1 ${this.#suite} inline:${Buffer.from(keyAndSalt).toString('base64')}`;
  }

  #master(keyAndSalt: Uint8Array): MasterKey {
    const suite = suiteOf(this.#suite);
    const key = Uint8Array.from(keyAndSalt.subarray(0, suite.keySizeBytes));
    return { suite, key, salt: Uint8Array.from(keyAndSalt.subarray(suite.keySizeBytes)) };
  }

  #note(clear: Uint8Array, sealed: Uint8Array | string, answers?: string): MadePacket {
    if (typeof sealed === 'string') throw new Error(`not protected: ${sealed}`);
    const { generation, terminates } = this;
    const expected = terminates ? clear : sealed;
    const made = {
      wire: sealed,
      expected,
      generation,
      sources: new Set<string>(),
      isHandedOn: false,
      answers,
    };
    this.last = sealed;
    this.#byWire.set(keyOf(sealed), made);
    this.#byExpected.set(keyOf(withoutTime(expected)), made);
    return made;
  }
}

const keyOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

function suiteOf(name: string) {
  const suite = srtpSuite(name);
  if (!suite) throw new Error(`no suite is called ${name}`);
  return suite;
}

/** A report of the phone's in clear is handed on with our own time in it again (protocol.md 8.2.4). */
function withoutTime(bytes: Uint8Array): Uint8Array {
  return bytes[1] === RECEIVER_REPORT && bytes.length === REPORT_SIZE_BYTES
    ? Uint8Array.from([...bytes.subarray(0, LSR_AT), 0, 0, 0, 0, ...bytes.subarray(LSR_AT + 4)])
    : bytes;
}

/** One block; its number is where the jitter is. */
function makeReceiverReport(ssrc: number, { ssrc: about, lsr }: HeardReport, number: number): Uint8Array {
  const bytes = new Uint8Array(REPORT_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([0x81, RECEIVER_REPORT, 0, 7]);
  view.setUint32(4, ssrc);
  view.setUint32(8, about);
  view.setUint32(20, number);
  view.setUint32(LSR_AT, lsr);
  return bytes;
}
