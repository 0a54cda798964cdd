/*
 * One RTP stream: one SSRC on its way to one destination, from one source or, where a NAT rebinds or somebody
 * injects, from several. It finds out which source carried the stream at what time by who fell silent: who is an intruder
 * is judged later, when it is known what the signalling says (see intruders.ts).
 */
import type { TransportAddress } from '../wire/address.js';
import type { MediaEndpoint } from './media-endpoint.js';
import type { MediaSource } from './media-source.js';
import { SequenceCount } from './sequence-count.js';

/** The stream went on from another source. */
export interface SourceChange {
  readonly atMs: number;
  readonly source: MediaSource;
  /** RTP packets that had left the stream's destination by then. */
  readonly sentBefore: number;
}

/** Two sources that sent the same SSRC at the same time: a NAT does not do that. */
export interface SourceConflict {
  readonly holder: MediaSource;
  readonly rival: MediaSource;
}

/** Reason: a flood from forged addresses shall not fill our memory. */
export const SOURCES_MAX = 64;
const CHANGES_MAX = 256;
/** Packets that were under way when the source changed arrive within this. */
const REORDER_MS = 60;
/** A source that has been silent for so long, while another spoke, has left. */
const SILENCE_MS = 500;

export class MediaStream {
  readonly sources: MediaSource[] = [];
  readonly changes: SourceChange[] = [];
  readonly conflicts: SourceConflict[] = [];
  /** Sequence numbers of all sources together. */
  readonly count = new SequenceCount();
  readonly firstMs: number;
  lastMs: number;
  /** Packets of sources above the limit; they count in `count` and nowhere else. */
  unlistedPackets = 0;
  #last: MediaSource | undefined;
  #holder: MediaSource | undefined;
  #rival: MediaSource | undefined;
  #rivalSinceMs = 0;
  #rivalSentBefore = 0;

  constructor(
    readonly ssrc: number,
    readonly destination: MediaEndpoint,
    nowMs: number,
  ) {
    this.firstMs = nowMs;
    this.lastMs = nowMs;
  }

  get packets(): number {
    return this.count.packets;
  }

  /** True where the sequence numbers go up as those of a stream do: three packets of one source, in order. */
  get isSteady(): boolean {
    return this.sources.some(({ count }) => count.packets >= 3 && count.advances >= 2);
  }

  /** The source with this address, if it has sent before. */
  find(address: TransportAddress): MediaSource | undefined {
    const last = this.#last;
    if (last && last.address.port === address.port && last.address.address === address.address) return last;
    return this.sources.find(
      (one) => one.address.port === address.port && one.address.address === address.address,
    );
  }

  /** Takes one packet; `source` is one that `find` gave, or a new one, or undefined where there are too many. */
  add(source: MediaSource | undefined, sequence: number, payloadType: number, nowMs: number): void {
    this.count.add(sequence);
    this.lastMs = nowMs;
    if (!source) {
      this.unlistedPackets++;
      return;
    }
    source.add(sequence, payloadType, nowMs);
    this.#last = source;
    if (source === this.#holder) {
      if (this.#rival && nowMs > this.#rivalSinceMs + REORDER_MS) this.#contest(source, this.#rival);
    } else if (!this.#holder) {
      this.#holder = source;
    } else if (!this.#rival || this.#rival.lastMs < nowMs - 2 * SILENCE_MS) {
      this.#rival = source;
      this.#rivalSinceMs = nowMs;
      this.#rivalSentBefore = this.destination.sent;
    } else if (source === this.#rival && nowMs >= this.#rivalSinceMs + SILENCE_MS) {
      this.#move(source);
    }
  }

  /** At the end of the capture: a source that took over just before it. */
  finish(): void {
    const [holder, rival] = [this.#holder, this.#rival];
    if (rival && holder && rival.lastMs > holder.lastMs) this.#move(rival);
  }

  #contest(holder: MediaSource, rival: MediaSource): void {
    this.#rival = undefined;
    const isKnown = this.conflicts.some((one) => one.holder === holder && one.rival === rival);
    if (!isKnown && this.conflicts.length < SOURCES_MAX) this.conflicts.push({ holder, rival });
  }

  #move(source: MediaSource): void {
    this.#holder = source;
    this.#rival = undefined;
    if (this.changes.length < CHANGES_MAX)
      this.changes.push({ atMs: this.#rivalSinceMs, source, sentBefore: this.#rivalSentBefore });
  }
}
