// An address from which packets under the peer's key come: the path in use, one that was left, or a candidate (protocol.md 8.2). It
// remembers what came from there. It decides nothing.
import type { PacketClass, TransportAddress } from '../../wire/index.js';
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import type { JudgedPacket } from '../proof/srtp-keys.js';
import { isWithinLimit } from './amplification.js';
import { PacketTime } from './packet-time.js';
import { COUNTED_WITHIN_MS, isCounted } from './srtp-trial.js';
import { MAX_KEPT_PACKETS } from './trial.js';

const MAX_RIVALS = 4;
/** A peer that has had a report of ours repeats it in what it sends so much later. */
const REPEATED_AFTER_MS = 1000;
/** One that is not repeated may have been lost. */
const MAX_UNREPEATED = 2;

/** What came from a candidate, until it is known whether it counts. */
export interface KeptPacket {
  readonly judged: JudgedPacket;
  /** In clear where we decrypt, else as it came. */
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  readonly kind: PacketClass;
}

export class SrtpSource implements Path {
  readonly port: LocalPort;
  readonly remote: TransportAddress;
  readonly packetTime = new PacketTime();
  /** Of each stream the index that it sent first: what comes with that one or a later from elsewhere is a copy, or this is. */
  readonly firsts = new Map<number, number>();
  /** And the highest, but of the stream of the last packet. */
  readonly #lasts = new Map<number, number>();
  /** The stream of the last packet, what it is known by without a look-up, and its highest index. */
  #stream: number | undefined;
  #receiver: JudgedPacket['receiver'] | undefined;
  #kind: PacketClass = 'rtp';
  #ssrc = 0;
  #highest = 0;
  receivedBytes = 0;
  sentBytes = 0;
  lastMs: number;
  /** Somebody receives at its IP address: a report has said so (8.2.4), or the signalling knows it (8). */
  isShown = false;
  /** Its packets are enough: one, or three with short tags (8.2.1). */
  isCounted = false;
  /** It has sent something new, and not only what came from the path in use before. */
  isNew = false;
  /** The path in use goes on: after this one began it has sent the same, or later packets. */
  isOldHeard = false;
  /** Others that came together with this one and have as good a claim: they are asked where it, in use, does not answer (8.2.2). */
  readonly rivals: SrtpSource[] = [];
  /** Since when reports of ours go there, and how many of the peer's have come since that should have repeated one. */
  #reportedMs: number | undefined;
  #unrepeated = 0;
  #arrived: KeptPacket[] = [];
  readonly #sent: Uint8Array[] = [];
  #shortMs: number[] = [];

  constructor(
    path: Path,
    /** Since when it has been the peer's. */
    public rankMs: number,
    public firstMs: number,
    /** A conflict was seen within the last minute (protocol.md 5.11). */
    readonly isCautious: boolean,
  ) {
    ({ port: this.port, remote: this.remote } = path);
    this.lastMs = firstMs;
  }

  /** Something new comes from there, from now on: copies of before do not count, nor give it a rank. */
  beginAnew(rankMs: number, nowMs: number): void {
    this.isNew = true;
    this.firsts.clear();
    // So that the next packet is a first one.
    this.#receiver = undefined;
    this.firstMs = nowMs;
    this.rankMs = rankMs;
  }

  /** A packet with a right tag came from there. */
  note(judged: JudgedPacket, nowMs: number): void {
    const { tagged, isShort } = judged;
    const isSame =
      judged.receiver === this.#receiver && (tagged.ssrc | 0) === this.#ssrc && tagged.kind === this.#kind;
    if (!isSame) this.#noteStream(judged);
    else if (tagged.index > this.#highest) this.#highest = tagged.index;
    this.lastMs = nowMs;
    if (tagged.kind === 'rtp') this.packetTime.note(nowMs);
    if (this.isCounted) return;
    if (isShort)
      this.#shortMs = [...this.#shortMs.filter((atMs) => nowMs - atMs <= COUNTED_WITHIN_MS), nowMs];
    this.isCounted = !isShort || isCounted(this.#shortMs, nowMs);
    if (this.isCounted) this.#shortMs = [];
  }

  #noteStream(judged: JudgedPacket): void {
    const { stream, tagged, receiver } = judged;
    this.#keepHighest();
    if (!this.firsts.has(stream)) this.firsts.set(stream, tagged.index);
    this.#stream = stream;
    this.#receiver = receiver;
    this.#kind = tagged.kind;
    this.#ssrc = tagged.ssrc | 0;
    this.#highest = Math.max(tagged.index, this.#lasts.get(stream) ?? tagged.index);
  }

  #keepHighest(): void {
    if (this.#stream !== undefined) this.#lasts.set(this.#stream, this.#highest);
  }

  /** Elsewhere came a packet that this one has sent too, or a later one of a stream of its own. */
  isMetBy({ stream, tagged }: JudgedPacket): boolean {
    const first = this.firsts.get(stream);
    return first !== undefined && tagged.index >= first;
  }

  /** The other one has sent such a packet. */
  hasMet(other: SrtpSource): boolean {
    this.#keepHighest();
    for (const [stream, index] of this.#lasts)
      if (index >= (other.firsts.get(stream) ?? Infinity)) return true;
    return false;
  }

  noteRival(source: SrtpSource): void {
    if (this.rivals.length === MAX_RIVALS || this.rivals.some((rival) => isSamePath(rival, source))) return;
    source.takeSent();
    this.rivals.push(source);
  }

  /** A report of ours goes there, now. */
  noteReportSent(): void {
    this.#reportedMs ??= this.lastMs;
  }

  /** A report of the peer's came, from wherever, and none has repeated what went there. */
  noteUnrepeated(nowMs: number): void {
    if (this.#reportedMs !== undefined && nowMs - this.#reportedMs >= REPEATED_AFTER_MS) this.#unrepeated++;
  }

  /** The peer has had the time to repeat a report that went there, and did not: it may be elsewhere. */
  get isDoubted(): boolean {
    return this.#unrepeated >= MAX_UNREPEATED;
  }

  keepArrived(packet: KeptPacket): boolean {
    if (this.isCautious || this.#arrived.length === MAX_KEPT_PACKETS) return false;
    this.#arrived.push(packet);
    return true;
  }

  /** Payload that went to the path in use meanwhile: it goes again to this one if that is gone. */
  keepSent(copy: Uint8Array): void {
    if (this.#sent.push(copy) > MAX_KEPT_PACKETS) this.#sent.shift();
  }

  takeArrived(): readonly KeptPacket[] {
    return this.#arrived.splice(0);
  }

  takeSent(): readonly Uint8Array[] {
    return this.#sent.splice(0);
  }

  /** Whether so many bytes may go there. Where they may, they count as sent. */
  takeBudget(sizeBytes: number): boolean {
    if (!this.isShown && !isWithinLimit(this, sizeBytes)) return false;
    this.sentBytes += sizeBytes;
    return true;
  }
}
