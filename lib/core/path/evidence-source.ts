// A source that may be the peer of a call without any key (protocol.md 8.3), and what has come from there: its streams, by their numbers. It remembers; it
// decides nothing.
import type { PacketClass, TransportAddress } from '../../wire/index.js';
import type { LocalPort, Path } from '../network-path.js';
import { PacketTime } from './packet-time.js';
import { isLater, liveMs, StreamRun, type RtpPlace } from './stream-run.js';
import { MAX_KEPT_PACKETS } from './trial.js';

/** A phone sends one stream; two cameras in three sizes each, with retransmissions, are twelve, and sections may be bundled. */
const MAX_STREAMS = 16;
/** Of a peer that need not send: so many datagrams, the first and the last so far apart, say that it is there. */
const QUIET_DATAGRAMS = 3;
const QUIET_MIN_MS = 500;
const QUIET_MAX_MS = 60_000;
const QUIET_LIVES_MS = 30_000;

/** By which right a source may be the peer, the best first (protocol.md 8.3.3). */
export const GROUNDS = ['ssrc', 'sdp', 'home'] as const;
export type Ground = (typeof GROUNDS)[number];

/** What came from a source before it is known whether it is the peer. */
export interface KeptPayload {
  readonly bytes: Uint8Array;
  readonly kind: PacketClass;
}

/** While a source goes on with the locked stream from elsewhere (protocol.md 8.3.7). */
export interface Following {
  /** Of each stream the first number that came from there. */
  readonly firsts: Map<number, number>;
  packets: number;
  readonly firstMs: number;
  /** When the old source last sent another of its streams; -Infinity: it has not since. */
  oldMs: number;
  /** The old source, or another, has sent a later packet of such a stream, or goes on with another. */
  isOldHeard: boolean;
}

/** Of who goes on with the locked stream, when places are few: the best. */
export const FOLLOWER_RANK = 3;

export class EvidenceSource implements Path {
  readonly port: LocalPort;
  readonly remote: TransportAddress;
  readonly packetTime = new PacketTime();
  readonly streams = new Map<number, StreamRun>();
  lastMs: number;
  receivedBytes = 0;
  sentBytes = 0;
  /** It goes on, at the port that was asked for, with what came to the port before (protocol.md 8.3.6). */
  hasMoved = false;
  /** And has not only begun there. */
  goesOn = false;
  /** With so many questions before. */
  movesBefore = 0;
  /** How good its right is when places are few: 0, it has none; `FOLLOWER_RANK`, it goes on with the locked stream. */
  rank = 0;
  following: Following | undefined;
  /** When the first run that it ever had was one, and when that run began. */
  firstRunMs = Infinity;
  runBeganMs = Infinity;
  #datagrams = 0;
  #arrived: KeptPayload[] = [];
  readonly #sent: Uint8Array[] = [];

  constructor(
    { port, remote }: Path,
    readonly firstMs: number,
  ) {
    this.port = port;
    this.remote = remote;
    this.lastMs = firstMs;
  }

  /** A datagram came from there; `place` of RTP of the call. True where it is new in its stream. */
  note(place: RtpPlace | undefined, sizeBytes: number, nowMs: number): boolean {
    this.#datagrams++;
    this.lastMs = nowMs;
    this.receivedBytes += sizeBytes;
    if (!place) return true;
    const stream = this.streams.get(place.ssrc);
    const isNew = stream ? stream.note(place, nowMs) : this.#open(place, nowMs);
    if (!isNew) return false;
    this.packetTime.note(nowMs);
    if (this.firstRunMs === Infinity) this.#noteRun(this.streams.get(place.ssrc)!);
    return true;
  }

  #open(place: RtpPlace, nowMs: number): true {
    if (this.streams.size === MAX_STREAMS) {
      const oldest = [...this.streams.values()].reduce((a, b) => (b.lastMs < a.lastMs ? b : a));
      this.streams.delete(oldest.ssrc);
    }
    this.streams.set(place.ssrc, new StreamRun(place.ssrc, place, nowMs));
    return true;
  }

  #noteRun({ runMs, beganMs }: StreamRun): void {
    if (runMs === Infinity) return;
    this.firstRunMs = runMs;
    this.runBeganMs = beganMs;
  }

  /** Until when one of its runs lives if nothing more comes; -Infinity where it has none. */
  get livesUntilMs(): number {
    let untilMs = -Infinity;
    for (const stream of this.streams.values())
      untilMs = Math.max(untilMs, stream.livesUntilMs(this.packetTime));
    return untilMs;
  }

  /** Likewise of a peer that need not send media, by datagrams of any kind. */
  get isThereUntilMs(): number {
    const spanMs = this.lastMs - this.firstMs;
    const isThere = this.#datagrams >= QUIET_DATAGRAMS && spanMs >= QUIET_MIN_MS && spanMs <= QUIET_MAX_MS;
    return isThere ? this.lastMs + QUIET_LIVES_MS : -Infinity;
  }

  /** Nothing has come from there for so long that it has stopped. */
  isSilent(nowMs: number): boolean {
    return nowMs - this.lastMs >= liveMs(this.packetTime);
  }

  /** A later packet of one of the streams that the other goes on with. */
  hasPassed(firsts: ReadonlyMap<number, number>): boolean {
    for (const [ssrc, first] of firsts) {
      const stream = this.streams.get(ssrc);
      if (stream && !isLater(first, stream.sequence)) return true;
    }
    return false;
  }

  keepArrived(payload: KeptPayload): boolean {
    if (this.#arrived.push(payload) <= MAX_KEPT_PACKETS) return true;
    this.#arrived.shift();
    return false;
  }

  keepSent(copy: Uint8Array): void {
    if (this.#sent.push(copy) > MAX_KEPT_PACKETS) this.#sent.shift();
  }

  takeArrived(): readonly KeptPayload[] {
    return this.#arrived.splice(0);
  }

  takeSent(): readonly Uint8Array[] {
    return this.#sent.splice(0);
  }

  get keptCount(): number {
    return this.#arrived.length;
  }
}
