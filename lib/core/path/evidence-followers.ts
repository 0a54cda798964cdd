// The sources that go on with the locked stream from elsewhere, and the one that it was at before (protocol.md 8.3.7), as they go. What becomes of one that goes on
// is decided in evidence-follow.ts.
import type { PacketClass } from '../../wire/index.js';
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import type { EvidenceFacts } from './evidence-facts.js';
import { decideFollow, followDueMs, type FollowState } from './evidence-follow.js';
import type { EvidenceHost } from './evidence-host.js';
import { FOLLOWER_RANK, type EvidenceSource } from './evidence-source.js';
import type { EvidenceSources } from './evidence-sources.js';
import { isLater, readPlace, type RtpPlace } from './stream-run.js';

/** After a conflict it takes longer to follow. */
const CAUTIOUS_MS = 60_000;
/** A source that was left takes the stream back within this time. */
const LEFT_MS = 30_000;
/** What is late from there is taken for so long (protocol.md 5.5). */
const LATE_MS = 5000;
/**
 * And so long what is late of a stream that the new source has not sent yet: one that moves has one of its streams there first. Only later does it mean that the
 * old source goes on (as in protocol.md 8.2.3).
 */
const OTHER_LATE_MS = 200;
/** Whoever copies each packet makes a conflict of each: told once a second. */
const CONFLICT_TOLD_MS = 1000;

/** The source before the one that is locked, and from where in its streams that one went on. */
interface LeftSource {
  readonly source: EvidenceSource;
  readonly firsts: ReadonlyMap<number, number>;
  readonly leftMs: number;
}

/** Whose stream is followed. */
export interface FollowedOwner {
  /** The source that the peer is taken for. */
  readonly active: EvidenceSource | undefined;
  /** The stream goes on there: media moves. */
  moveTo(source: EvidenceSource, nowMs: number): void;
  /** The stream goes on at the port that was asked for, which answers the question (protocol.md 8.3.6). */
  answersAt(source: EvidenceSource, nowMs: number): boolean;
  forget(source: EvidenceSource): void;
  /** There is something to decide then. */
  due(atMs: number): void;
}

export class Followers {
  #left: LeftSource | undefined;
  #cautiousUntilMs = -Infinity;
  #conflictToldMs = -Infinity;

  constructor(
    private readonly host: EvidenceHost,
    private readonly facts: EvidenceFacts,
    private readonly sources: EvidenceSources,
    private readonly owner: FollowedOwner,
  ) {}

  /**
   * A source that the stream has left speaks again: it takes the stream back, but for what is late from there. True where the packet is taken;
   * undefined where it is as any other.
   */
  handleLeft(
    place: RtpPlace,
    bytes: Uint8Array,
    kind: PacketClass,
    path: Path,
    nowMs: number,
  ): boolean | undefined {
    const left = this.#left;
    if (!left || !isSamePath(left.source, path)) return undefined;
    const first = left.firsts.get(place.ssrc);
    if (nowMs > left.leftMs + LEFT_MS) {
      this.#left = undefined;
      return undefined;
    }
    const isKnown = first !== undefined || left.source.streams.get(place.ssrc)?.isEstablished === true;
    if (!isKnown) return undefined;
    left.source.note(place, bytes.length, nowMs);
    const isLate =
      first === undefined ? nowMs <= left.leftMs + OTHER_LATE_MS : isLater(first, place.sequence);
    if (isLate && nowMs > left.leftMs + LATE_MS) {
      this.host.owner.drop('unverified');
      return false;
    }
    if (!isLate) this.#takeBack(left.source, nowMs);
    this.host.noteTaken(bytes, kind);
    return true;
  }

  #takeBack(source: EvidenceSource, nowMs: number): void {
    this.#noteConflict(source, nowMs);
    // Whoever else has spoken from there since.
    const other = this.sources.find(source);
    if (other) this.owner.forget(other);
    this.owner.moveTo(source, nowMs);
    this.#left = undefined;
  }

  /** On a port of many calls: it goes on with the locked stream, comes from where others have that did, or from where the stream was before. */
  isSought(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): boolean {
    if (this.#left && isSamePath(this.#left.source, path)) return true;
    const present = this.sources.find(path);
    if (present?.following) return true;
    return kind === 'rtp' && this.follows(readPlace(bytes), path, present, nowMs);
  }

  /** Whether the packet goes on with the locked stream from elsewhere. */
  follows(place: RtpPlace, path: Path, present: EvidenceSource | undefined, nowMs: number): boolean {
    if (present?.following?.firsts.has(place.ssrc)) return true;
    const { active } = this.owner;
    const stream = active?.streams.get(place.ssrc);
    if (!active || stream?.isEstablished !== true || this.host.isSuspect(path.remote, place.ssrc))
      return false;
    return stream.isContinuedBy(place, active, this.facts.terms, nowMs);
  }

  /** A packet of this source does. */
  note(source: EvidenceSource, place: RtpPlace, isNew: boolean, nowMs: number): void {
    source.following ??= {
      ...{ firsts: new Map(), packets: 0, firstMs: nowMs },
      ...{ oldMs: -Infinity, isOldHeard: false },
    };
    const { following } = source;
    if (!following.firsts.has(place.ssrc)) following.firsts.set(place.ssrc, place.sequence);
    if (isNew) following.packets++;
    // Places are few, and it may have begun with a packet that told nothing.
    source.rank = FOLLOWER_RANK;
    for (const other of this.sources.all) {
      if (!other.following || other === source) continue;
      const first = other.following.firsts.get(place.ssrc);
      if (first !== undefined && !isLater(first, place.sequence)) other.following.isOldHeard = true;
      if (other.hasPassed(following.firsts)) following.isOldHeard = true;
    }
  }

  /** A packet of the locked source: who goes on with an earlier one of its streams is not alone. */
  noteLocked(active: EvidenceSource, { ssrc, sequence }: RtpPlace, nowMs: number): void {
    const isKnown = active.streams.get(ssrc)?.isEstablished === true;
    for (const { following } of this.sources.all) {
      if (!following) continue;
      const first = following.firsts.get(ssrc);
      if (first !== undefined) following.isOldHeard ||= !isLater(first, sequence);
      else if (isKnown && nowMs > following.firstMs + OTHER_LATE_MS) following.isOldHeard = true;
      else if (isKnown) following.oldMs = nowMs;
    }
  }

  settle(nowMs: number): void {
    const { active } = this.owner;
    if (!active) return;
    for (const source of this.sources.all) {
      const { following } = source;
      if (!following || !this.sources.has(source)) continue;
      const state: FollowState = {
        ...following,
        lastMs: source.lastMs,
        packetTimeMs: active.packetTime.ms,
        isCautious: nowMs < this.#cautiousUntilMs,
      };
      switch (decideFollow(state, nowMs)) {
        case 'wait':
          this.owner.due(followDueMs(state));
          break;
        case 'conflict':
          this.#noteConflict(source, nowMs);
          this.owner.forget(source);
          break;
        case 'forget':
          this.owner.forget(source);
          break;
        case 'switch':
          if (this.owner.answersAt(source, nowMs)) return;
          this.#left = { source: active, firsts: following.firsts, leftMs: nowMs };
          return this.owner.moveTo(source, nowMs);
      }
    }
  }

  /** Another source is locked, or none: nobody takes the stream back. */
  forgetLeft(): void {
    this.#left = undefined;
  }

  handlePortRemoved(port: LocalPort): void {
    if (this.#left?.source.port === port) this.#left = undefined;
  }

  #noteConflict(path: Path, nowMs: number): void {
    this.#cautiousUntilMs = nowMs + CAUTIOUS_MS;
    if (nowMs < this.#conflictToldMs + CONFLICT_TOLD_MS) return;
    this.#conflictToldMs = nowMs;
    this.host.owner.emit({ type: 'conflict' }, path);
  }
}
