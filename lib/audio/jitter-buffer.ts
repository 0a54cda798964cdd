/*
 * A fixed jitter buffer for G.711: packets in as they come, a frame of 20 ms out at each beat. As an octet is a sample, each has its
 * place by the timestamp of its packet: reordered packets fall into place, duplicates onto it, what is lost stays silence, and packets
 * may be of any length. It has no clock: time goes by with `take`. It never waits, and it keeps a second at most.
 */
import type { RtpHeader } from '../wire/index.js';
import { FRAME_OCTETS, SAMPLES_PER_MS } from './g711.js';

export interface JitterBufferOptions {
  /** How long a packet waits before it is heard. */
  readonly delayMs: number;
  /** The octet that is heard where nothing came. */
  readonly silence: number;
}

/** One second, about; a power of two, so that places go on where timestamps wrap. */
const PLACES = 8192;
/** Half a second of packets of 20 ms. */
const WINDOW_PACKETS = 25;
/** If so many of a window come too late, it is not chance: the sender's clock is slower than ours, or has moved. */
const LATE_MAX = 5;

export class JitterBuffer {
  /** Packets that came too late to be heard, or to be heard whole. */
  late = 0;
  /** How often hearing began anew: at another source, where timestamps jumped, or where many packets were late. */
  restarts = 0;
  /** How often hearing went ahead, since all packets waited longer than they need to. */
  hurried = 0;
  readonly #delay: number;
  readonly #silence: number;
  readonly #octets: Uint8Array;
  #ssrc: number | undefined;
  /** The timestamp of the next octet to be heard. */
  #next = 0;
  #lateInWindow = 0;
  #windowPackets = 0;
  /** In this window, in octets: how far before its time the latest packet came. */
  #leastAhead = Infinity;

  constructor({ delayMs, silence }: JitterBufferOptions) {
    this.#delay = delayMs * SAMPLES_PER_MS;
    this.#silence = silence;
    this.#octets = new Uint8Array(PLACES).fill(silence);
  }

  /** A packet of the codec: its header and what it carries. */
  put({ ssrc, timestamp }: Pick<RtpHeader, 'ssrc' | 'timestamp'>, payload: Uint8Array): void {
    if (ssrc !== this.#ssrc) this.#restart(ssrc, timestamp);
    let ahead = (timestamp - this.#next) | 0;
    if (ahead < 0) {
      this.late++;
      this.#lateInWindow++;
    }
    if (this.#lateInWindow >= LATE_MAX || ahead + payload.length > PLACES) {
      this.#restart(ssrc, timestamp);
      ahead = this.#delay;
    }
    // Of a packet that is longer than the buffer the rest is lost.
    const end = Math.min(ahead + payload.length, PLACES);
    for (let i = Math.max(ahead, 0); i < end; i++)
      this.#octets[(this.#next + i) % PLACES] = payload[i - ahead]!;
    this.#hurry(ahead);
  }

  /** The frame that is due; it is the caller's. Undefined before the first packet. */
  take(): Uint8Array | undefined {
    if (this.#ssrc === undefined) return undefined;
    const frame = new Uint8Array(FRAME_OCTETS);
    for (let i = 0; i < FRAME_OCTETS; i++) frame[i] = this.#octets[(this.#next + i) % PLACES]!;
    this.skip(1);
    return frame;
  }

  /** So many frames are not heard. */
  skip(frames: number): void {
    if (this.#ssrc === undefined) return;
    // All that there is lies within the places.
    const end = Math.min(frames * FRAME_OCTETS, PLACES);
    for (let i = 0; i < end; i++) this.#octets[(this.#next + i) % PLACES] = this.#silence;
    this.#next = (this.#next + frames * FRAME_OCTETS) >>> 0;
  }

  /** The packet with this timestamp is heard after the whole delay. */
  #restart(ssrc: number, timestamp: number): void {
    if (this.#ssrc !== undefined) this.restarts++;
    this.#ssrc = ssrc;
    this.#next = (timestamp - this.#delay) >>> 0;
    this.#openWindow();
    this.#octets.fill(this.#silence);
  }

  #openWindow(): void {
    this.#windowPackets = this.#lateInWindow = 0;
    this.#leastAhead = Infinity;
  }

  /** Where the first packet was held up on its way, all others wait too long: what they wait too much is passed over. */
  #hurry(ahead: number): void {
    this.#leastAhead = Math.min(this.#leastAhead, ahead);
    if (++this.#windowPackets < WINDOW_PACKETS) return;
    const surplus = this.#leastAhead - this.#delay;
    this.#openWindow();
    if (surplus <= FRAME_OCTETS) return;
    this.hurried++;
    this.skip(Math.floor(surplus / FRAME_OCTETS));
  }
}
