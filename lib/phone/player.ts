// Plays RTP at its own pace, over and over: the packets of a capture or a WAV under an SSRC of ours, with sequence
// numbers and timestamps that never jump. It drifts not: every packet has its time since the start. Opens no socket.
import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { repeatMedia } from '../capture/media-packet.js';
import type { MediaPacket } from '../capture/media-packet.js';

export interface PlayerOptions {
  /** The stream, at its own times; repeated without end. */
  readonly packets: readonly MediaPacket[];
  /** True where the packet went out. */
  readonly send: (bytes: Uint8Array) => boolean;
  readonly ssrc?: number;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

/** Where the stream stands, for a sender report. */
export interface PlayerState {
  readonly ssrc: number;
  /** RTP timestamp of the last packet, and when it was due: it may have gone out later. */
  readonly timestamp: number;
  readonly lastMs: number;
  readonly packets: number;
  /** Payload only, as RFC 3550 section 6.4.1 counts. */
  readonly octets: number;
}

/** Later than this, the process was asleep: what was due meanwhile is not sent in one burst. */
const MAX_LATE_MS = 200;
const RTP_HEADER_BYTES = 12;

export class Player {
  readonly ssrc: number;
  /** Packets that went out. */
  sent = 0;
  readonly #options: PlayerOptions;
  readonly #nowMs: () => number;
  readonly #media: Iterator<MediaPacket>;
  readonly #firstSequence = randomInt(2 ** 16);
  readonly #timestampOffset = randomInt(2 ** 32);
  #next: MediaPacket | undefined;
  #startMs = 0;
  #count = 0;
  #octets = 0;
  #timestamp = 0;
  #lastMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isPlaying = false;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.ssrc = options.ssrc ?? randomInt(2 ** 32);
    this.#media = repeatMedia(options.packets, { ssrc: this.ssrc });
    this.#next = this.#take();
  }

  get isPlaying(): boolean {
    return this.#isPlaying;
  }

  get state(): PlayerState {
    const { ssrc, sent: packets } = this;
    return { ssrc, packets, octets: this.#octets, timestamp: this.#timestamp, lastMs: this.#lastMs };
  }

  /** Sends the first packet now, or goes on where `stop` left off. */
  start(): void {
    if (this.#isPlaying || !this.#next) return;
    this.#isPlaying = true;
    this.#startMs = this.#nowMs() - this.#next.offsetMs;
    this.#play();
  }

  stop(): void {
    this.#isPlaying = false;
    clearTimeout(this.#timer);
  }

  readonly #play = (): void => {
    while (this.#isPlaying && this.#next) {
      const lateMs = this.#nowMs() - (this.#startMs + this.#next.offsetMs);
      if (lateMs < 0) {
        this.#timer = setTimeout(this.#play, Math.ceil(-lateMs));
        return;
      }
      if (lateMs > MAX_LATE_MS) this.#startMs += lateMs;
      this.#send(this.#next.bytes, this.#startMs + this.#next.offsetMs);
      this.#next = this.#take();
    }
  };

  #send(bytes: Uint8Array, dueMs: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // A capture may have holes, and these are not ours to repeat: the numbers are counted here.
    view.setUint16(2, this.#firstSequence + this.#count++);
    view.setUint32(4, view.getUint32(4) + this.#timestampOffset);
    if (!this.#options.send(bytes)) return;
    this.sent++;
    this.#octets += bytes.length - RTP_HEADER_BYTES;
    this.#timestamp = view.getUint32(4);
    this.#lastMs = dueMs;
  }

  #take(): MediaPacket | undefined {
    const next = this.#media.next();
    return next.done === true ? undefined : next.value;
  }
}
