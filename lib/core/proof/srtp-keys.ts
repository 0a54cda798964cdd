// The SRTP keys of one transport at work (protocol.md 8.2.1, 8.2.6): the peer's judge what comes, on both components alike, and ours
// protects what goes. New keys count at once; the peer's old ones do until 5 s after the first packet under the new.
import type { PacketClass } from '../../wire/index.js';
import {
  SrtpReceiver,
  type HeardBefore,
  type PacketKind,
  type ProtectRefusal,
  type SrtpCrypto,
  type SrtpRefusal,
  type SrtpSender,
  type TaggedPacket,
} from '../../srtp/index.js';
import type { Crypto } from '../crypto.js';
import type { OwnSenders } from './own-senders.js';
import { copySrtpKey, isSameSrtpKey, masterKeyOf, type SrtpKey, type SrtpTerms } from './srtp-terms.js';

/** protocol.md 8.2.6. */
const FORMER_KEPT_MS = 5000;
/** Of an SSRC, its kind and its key one number is made, which says of which stream an index is. */
const SSRCS = 2 ** 32;
const MAX_RECEIVERS = 2 ** 18;

/** A packet with a right tag, and by which key. */
export class JudgedPacket {
  constructor(
    readonly tagged: TaggedPacket,
    readonly receiver: SrtpReceiver,
    /** Of the key. */
    readonly number: number,
    /** The tag has 32 bits only. */
    readonly isShort: boolean,
  ) {}

  /** Within one stream indices are compared: an SSRC, as RTP or as RTCP, under one key. */
  get stream(): number {
    const { kind, ssrc } = this.tagged;
    return (this.number * 2 + (kind === 'rtp' ? 0 : 1)) * SSRCS + ssrc;
  }
}

/** The keys that one description of the peer has named. */
class KeySet implements HeardBefore {
  readonly keys: readonly SrtpKey[];
  readonly #receivers: readonly SrtpReceiver[];
  #before: KeySet | undefined;

  constructor(
    crypto: SrtpCrypto,
    { peer, own }: SrtpTerms,
    before: KeySet | undefined,
    private readonly firstNumber: number,
  ) {
    this.keys = peer.map(copySrtpKey);
    this.#before = before;
    const options = { decrypts: own !== undefined, before: this };
    this.#receivers = this.keys.map((key) => new SrtpReceiver(crypto, masterKeyOf(key), options));
  }

  check(bytes: Uint8Array, kind: PacketKind, nowMs: number): JudgedPacket | SrtpRefusal {
    let refusal: SrtpRefusal = 'mki';
    const receivers = this.#receivers;
    for (let at = 0; at < receivers.length; at++) {
      const receiver = receivers[at]!;
      const tagged = kind === 'rtp' ? receiver.checkRtp(bytes, nowMs) : receiver.checkRtcp(bytes);
      if (typeof tagged !== 'string') {
        const isShort = kind === 'rtp' && receiver.hasShortTags;
        return new JudgedPacket(tagged, receiver, this.firstNumber + at, isShort);
      }
      // Of several keys it is one that it names.
      if (tagged !== 'mki') refusal = tagged;
    }
    return refusal;
  }

  highestOf(ssrc: number, kind: PacketKind): number {
    const highest = this.#receivers.map((receiver) => receiver.highestOf(ssrc, kind));
    return Math.max(this.#before?.highestOf(ssrc, kind) ?? -1, ...highest);
  }

  has(receiver: SrtpReceiver): boolean {
    return this.#receivers.includes(receiver);
  }

  forgetBefore(): void {
    this.#before?.forget();
    this.#before = undefined;
  }

  forget(): void {
    this.#before = undefined;
    for (const { keyAndSalt } of this.keys) keyAndSalt.forget();
    for (const receiver of this.#receivers) receiver.forget();
  }
}

export class SrtpKeys {
  #peer: KeySet | undefined;
  #former: KeySet | undefined;
  #formerUntilMs = Infinity;
  #own: SrtpSender | undefined;
  #decrypts: boolean | undefined;
  #receiverCount = 0;
  /** Where the last packet that counted came from, on either component, and when, in whole milliseconds. */
  #heardAt: string | undefined;
  #heardMs = 0;
  /** Of a component, at which IP address a report of the peer's last said that what we sent there is received. */
  readonly #reported = new Map<number, string>();

  constructor(
    private readonly crypto: Crypto,
    private readonly srtpCrypto: SrtpCrypto,
    private readonly senders: OwnSenders,
  ) {}

  /** We protect and decrypt; else the application does. */
  get isSealing(): boolean {
    return this.#own !== undefined;
  }

  /** Another description: keys that are as before go on, with all that was heard and sent under them. */
  agree(terms: SrtpTerms): void {
    this.#agreeOwn(terms.own);
    const decrypts = terms.own !== undefined;
    if (this.#peer && this.#decrypts === decrypts && this.#isSame(this.#peer, terms)) return;
    const former = this.#former;
    if (former && this.#decrypts === decrypts && this.#isSame(former, terms)) return this.#returnTo(former);
    this.#peer?.forgetBefore();
    this.#former = this.#peer;
    this.#formerUntilMs = Infinity;
    const firstNumber = this.#receiverCount;
    this.#receiverCount = (this.#receiverCount + terms.peer.length) % MAX_RECEIVERS;
    this.#peer = new KeySet(this.srtpCrypto, terms, this.#former, firstNumber);
    this.#decrypts = decrypts;
  }

  /** Judges a packet, and changes nothing. */
  check(bytes: Uint8Array, kind: PacketClass, nowMs: number): JudgedPacket | SrtpRefusal {
    if (kind !== 'rtp' && kind !== 'rtcp') return 'malformed';
    if (nowMs > this.#formerUntilMs) this.#forgetFormer();
    const judged = this.#peer?.check(bytes, kind, nowMs) ?? 'expired';
    if (typeof judged !== 'string' || !this.#former) return judged;
    const byFormer = this.#former.check(bytes, kind, nowMs);
    return typeof byFormer === 'string' ? judged : byFormer;
  }

  /** It counts from now on. False where it has meanwhile: then it was a copy. */
  accept({ tagged, receiver }: JudgedPacket, nowMs: number): boolean {
    if (!receiver.accept(tagged, nowMs)) return false;
    if (this.#former && this.#formerUntilMs === Infinity && this.#peer?.has(receiver))
      this.#formerUntilMs = nowMs + FORMER_KEPT_MS;
    return true;
  }

  /** A packet that counts has come from this IP address. */
  noteHeard(address: string, atMs: number): void {
    this.#heardAt = address;
    this.#heardMs = Math.floor(atMs);
  }

  /** When one last came from there: RTCP on its own port says of the other that the peer is there still (protocol.md 8.2.5). */
  heardMs(address: string): number {
    return this.#heardAt === address ? this.#heardMs : -Infinity;
  }

  /** A report has shown the IP address (protocol.md 8.2.4). */
  noteReported(component: number, address: string): void {
    this.#reported.set(component, address);
  }

  /** Another component's reports have shown it last: where RTCP has its own port, no report ever comes from where RTP does. */
  isReportedBeside(component: number, address: string): boolean {
    return [...this.#reported].some(([other, reported]) => other !== component && reported === address);
  }

  /** The packet as it goes out: a new array. */
  seal(bytes: Uint8Array, kind: PacketClass): Uint8Array | ProtectRefusal {
    if (!this.#own) return 'expired';
    if (kind === 'rtp') return this.#own.protectRtp(bytes);
    return kind === 'rtcp' ? this.#own.protectRtcp(bytes) : 'malformed';
  }

  /** Nothing is authentic any more, and nothing can be protected. */
  forget(): void {
    this.#forgetFormer();
    this.#peer?.forget();
    this.#forgetOwn();
    this.#peer = undefined;
  }

  /** The same key of ours goes on where it was: its numbers must not be used twice (RFC 3711 9.1). */
  #agreeOwn(own: SrtpKey | undefined): void {
    const sender = own && this.senders.use(own);
    if (sender === this.#own) return;
    this.#forgetOwn();
    this.#own = sender;
  }

  /** The peer has gone back: what it has sent under that key before is known still. */
  #returnTo(former: KeySet): void {
    this.#peer?.forget();
    this.#peer = former;
    this.#former = undefined;
    this.#formerUntilMs = Infinity;
  }

  #forgetFormer(): void {
    this.#peer?.forgetBefore();
    this.#former = undefined;
    this.#formerUntilMs = Infinity;
  }

  #forgetOwn(): void {
    if (this.#own) this.senders.leave(this.#own);
    this.#own = undefined;
  }

  #isSame({ keys }: KeySet, { peer }: SrtpTerms): boolean {
    return keys.length === peer.length && keys.every((key, at) => isSameSrtpKey(this.crypto, key, peer[at]!));
  }
}
