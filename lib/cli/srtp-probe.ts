// A short call as a phone makes it that has SRTP with keys in its SDP (RFC 4568), and neither latch nor ICE: does the server answer with a
// key, is it moved or heard by packets under another key, and does it follow the phone to another port (protocol.md 8.2)? Whom it
// "attacks" is itself: all packets come from sockets of its own, in its own call.
import { randomBytes, randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Signalling } from '../index.js';
import { playTone } from '../capture/index.js';
import { nodeSrtpCrypto } from '../net/node-srtp-crypto.js';
import { Failure } from '../phone/failure.js';
import { createOffer } from '../room/offer.js';
import { SrtpReceiver, SrtpSender, srtpSuite } from '../srtp/index.js';
import type { MasterKey } from '../srtp/index.js';
import { classifyPacket, formatAddress, formatCrypto, parseSdp } from '../wire/index.js';
import type { TransportAddress } from '../wire/index.js';
import { withProbeCall } from './probe-call.js';
import type { CallTerms } from './terminal.js';

/** What a call with SRTP has shown. */
export interface SrtpProbe {
  readonly signalling: Signalling;
  /** Of the server's answer; undefined where it has no key for us. */
  readonly suite: string | undefined;
  readonly media: TransportAddress | undefined;
  readonly signalled: string;
  readonly sent: number;
  /** Packets under the server's key that came back to the phone, wherever it was. */
  readonly received: number;
  /** What was under another key came back, though it came from the phone's own address. */
  readonly isForgeryHeard: boolean;
  /** Something went to another port that had sent nothing under the phone's key. */
  readonly isStrangerFollowed: boolean;
  /** How long after the first packet from another port the server's media came there; null where it did not. */
  readonly followedMs: number | null;
  readonly roundTripsMs: readonly number[];
}

/** Every phone has it. */
const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const PACKET_MS = 20;
/** Of each of the three parts of the call. */
const PART_PACKETS = 40;
const FORGED_EVERY = 4;
const LINGER_MS = 200;

/** Calls. Throws a Failure where there was no call, and where `signal` gives it up. */
export function probeSrtp(terms: CallTerms, signal: AbortSignal): Promise<SrtpProbe> {
  return withProbeCall(terms, signal, async ({ client, sockets, local }) => {
    const { signalling } = client;
    if (signalling === 'clear')
      throw new Failure('SRTP needs TLS or WSS, or loopback: keys are told over encrypted signalling');
    const call = new ProbeCall(sockets, local);
    const answer = await client.invite(call.offer, () => ({ warning: 'the call is as it is' }));
    return { ...(await call.examine(answer)), signalling };
  });
}

class ProbeCall {
  readonly offer: string;
  readonly #phone: Socket;
  readonly #stranger: Socket;
  readonly #moved: Socket;
  readonly #own: MasterKey = drawKey();
  readonly #sender = new SrtpSender(nodeSrtpCrypto, this.#own);
  /** What is under it is nobody's. */
  readonly #forger = new SrtpSender(nodeSrtpCrypto, drawKey());
  readonly #media = playTone((3 * PART_PACKETS * PACKET_MS) / 1000);
  readonly #forgedSsrc = randomInt(2 ** 32);
  readonly #sentMs = new Map<number, number>();
  readonly #roundTripsMs: number[] = [];
  #receiver: SrtpReceiver | undefined;
  #sent = 0;
  #received = 0;
  #isForgeryHeard = false;
  #isStrangerFollowed = false;
  #movedMs = NaN;
  #followedMs: number | null = null;

  constructor([phone, stranger, moved]: readonly [Socket, Socket, Socket], address: string) {
    [this.#phone, this.#stranger, this.#moved] = [phone, stranger, moved];
    const rtpPort = phone.address().port;
    const { suite, key, salt } = this.#own;
    const line = formatCrypto(1, suite.name, Uint8Array.from([...key, ...salt]));
    const sessionId = String(Date.now());
    const terms = { address, rtpPort, rtcpMux: true, sessionId, sessionVersion: 1, srtp: 'require' } as const;
    this.offer = `${createOffer(terms)}${line}\r\n`;
    phone.on('message', (bytes) => this.#onMedia(bytes));
    moved.on('message', (bytes) => {
      if (this.#onMedia(bytes)) this.#followedMs ??= performance.now() - this.#movedMs;
    });
    stranger.on('message', () => (this.#isStrangerFollowed = true));
  }

  /** Speaks; then with others beside it; then from another port. */
  async examine(answer: string): Promise<Omit<SrtpProbe, 'signalling'>> {
    const parsed = parseSdp(answer);
    const section = parsed.ok ? parsed.value.media[0] : undefined;
    const [taken] = section?.cryptos ?? [];
    const suite = taken && srtpSuite(taken.suite);
    const [key] = taken?.keys ?? [];
    const media = section && { address: section.address, port: section.port };
    if (media && key && suite?.name === SUITE) {
      const { keySizeBytes } = suite;
      const master = {
        suite,
        key: key.keyAndSalt.subarray(0, keySizeBytes),
        salt: key.keyAndSalt.subarray(keySizeBytes),
      };
      this.#receiver = new SrtpReceiver(nodeSrtpCrypto, master, { decrypts: true });
      await this.#speak(media);
    }
    return {
      ...{ suite: this.#receiver && SUITE, media, signalled: formatAddress(addressOf(this.#phone)) },
      ...{ sent: this.#sent, received: this.#received, roundTripsMs: this.#roundTripsMs },
      ...{ isForgeryHeard: this.#isForgeryHeard, isStrangerFollowed: this.#isStrangerFollowed },
      followedMs: this.#followedMs,
    };
  }

  async #speak(to: TransportAddress): Promise<void> {
    for (const [count, { bytes }] of this.#media.entries()) {
      const part = Math.floor(count / PART_PACKETS);
      if (part === 1 && count % FORGED_EVERY === 0) this.#forge(bytes, to);
      if (part === 2 && Number.isNaN(this.#movedMs)) this.#movedMs = performance.now();
      const sealed = this.#sender.protectRtp(bytes);
      if (typeof sealed === 'string') continue;
      this.#sentMs.set(sequenceOf(bytes), performance.now());
      this.#sent++;
      (part === 2 ? this.#moved : this.#phone).send(sealed, to.port, to.address);
      await pause(PACKET_MS);
    }
    await pause(LINGER_MS);
  }

  /** From the phone's own address under another SSRC, which an echo would show; and from a stranger's under the phone's. */
  #forge(bytes: Uint8Array, to: TransportAddress): void {
    const other = Uint8Array.from(bytes);
    new DataView(other.buffer).setUint32(8, this.#forgedSsrc);
    for (const [socket, clear] of [
      [this.#phone, other],
      [this.#stranger, bytes],
    ] as const) {
      const forged = this.#forger.protectRtp(clear);
      if (typeof forged !== 'string') socket.send(forged, to.port, to.address);
    }
  }

  /** True for a packet of the server's. */
  #onMedia(bytes: Uint8Array): boolean {
    if (classifyPacket(bytes) !== 'rtp' || !this.#receiver) return false;
    const tagged = this.#receiver.checkRtp(bytes, performance.now());
    if (typeof tagged === 'string' || !this.#receiver.accept(tagged, performance.now())) return false;
    this.#received++;
    if (tagged.ssrc === this.#forgedSsrc) this.#isForgeryHeard = true;
    const sentMs = this.#sentMs.get(sequenceOf(bytes));
    if (sentMs !== undefined) this.#roundTripsMs.push(performance.now() - sentMs);
    return true;
  }
}

function drawKey(): MasterKey {
  const suite = srtpSuite(SUITE)!;
  return { suite, key: randomBytes(suite.keySizeBytes), salt: randomBytes(suite.saltSizeBytes) };
}

function sequenceOf(bytes: Uint8Array): number {
  return (bytes[2]! << 8) | bytes[3]!;
}

function addressOf(socket: Socket): TransportAddress {
  const { address, port } = socket.address();
  return { address, port };
}
