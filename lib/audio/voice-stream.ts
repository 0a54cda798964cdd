/*
 * The audio of one call, once its codec is known: RTP in and out on one side, frames, digits and PCM on the other. It opens no socket
 * and reads no description.
 */
import { parseRtp } from '../wire/index.js';
import { Digits } from './digits.js';
import { SAMPLES_PER_MS, g711 } from './g711.js';
import type { G711, G711PayloadType } from './g711.js';
import { Grid } from './grid.js';
import { JitterBuffer } from './jitter-buffer.js';
import { PacedSender } from './paced-sender.js';

export interface VoiceStreamOptions {
  readonly payloadType: G711PayloadType;
  /** Sends one RTP packet; false where it did not go out, and what was to be heard then waits. */
  readonly send: (packet: Uint8Array) => boolean;
  readonly onFrame: (pcm: Buffer) => void;
  readonly onDigit: (digit: string) => void;
  readonly delayMs: number;
  /** Monotonic milliseconds. */
  readonly nowMs?: (() => number) | undefined;
}

/** In packets, unless told. */
export interface VoiceCounters {
  /** Of the voice. */
  readonly received: number;
  /** Of telephone events. */
  readonly events: number;
  /** Of neither, RTCP too, or malformed. */
  readonly foreign: number;
  /** Of `received`, too late to be heard whole. */
  readonly late: number;
  /** Times: hearing began anew, at another source, where its timestamps jumped, or where many packets were late. */
  readonly restarts: number;
  /** Times: some of the caller was passed over, since all of it waited too long. */
  readonly hurried: number;
  readonly sent: number;
  /** Milliseconds of the program's that found the queue full. */
  readonly refusedMs: number;
}

/** It beats at once, and until `close`. */
export class VoiceStream {
  /** Of telephone events; without it no digit is heard. */
  eventType: number | undefined;
  readonly #options: VoiceStreamOptions;
  readonly #codec: G711;
  readonly #buffer: JitterBuffer;
  readonly #sender: PacedSender;
  readonly #digits = new Digits();
  readonly #grid: Grid;
  #received = 0;
  #events = 0;
  #foreign = 0;

  constructor(options: VoiceStreamOptions) {
    const { payloadType, send, delayMs, nowMs } = options;
    this.#options = options;
    this.#codec = g711(payloadType);
    this.#buffer = new JitterBuffer({ delayMs, silence: this.#codec.silence });
    this.#sender = new PacedSender({ codec: this.#codec, send });
    this.#grid = new Grid({ onBeat: () => this.#beat(), onSkipped: (beats) => this.#skip(beats), nowMs });
  }

  get queuedMs(): number {
    return this.#sender.queuedMs;
  }

  get counters(): VoiceCounters {
    return {
      received: this.#received,
      events: this.#events,
      foreign: this.#foreign,
      late: this.#buffer.late,
      restarts: this.#buffer.restarts,
      hurried: this.#buffer.hurried,
      sent: this.#sender.sent,
      refusedMs: this.#sender.refused / SAMPLES_PER_MS,
    };
  }

  /** A packet of the call, whatever it is. */
  receive(packet: Uint8Array): void {
    const header = parseRtp(packet);
    const isEvent = header.ok && header.value.payloadType === this.eventType;
    if (!header.ok || (!isEvent && header.value.payloadType !== this.#codec.payloadType)) {
      this.#foreign++;
      return;
    }
    const { headerSizeBytes, paddingSizeBytes } = header.value;
    const payload = packet.subarray(headerSizeBytes, packet.length - paddingSizeBytes);
    if (!isEvent) {
      this.#received++;
      this.#buffer.put(header.value, payload);
      return;
    }
    this.#events++;
    const digit = this.#digits.take(header.value, payload);
    if (digit !== undefined) this.#options.onDigit(digit);
  }

  /** False: it is not taken, the queue is full. */
  play(pcm: Uint8Array): boolean {
    return this.#sender.queue(this.#codec.encode(pcm));
  }

  clear(): void {
    this.#sender.clear();
  }

  close(): void {
    this.#grid.stop();
  }

  #beat(): void {
    // First what is due on the wire: who hears the frame takes its time.
    this.#sender.beat();
    const frame = this.#buffer.take();
    if (frame) this.#options.onFrame(this.#codec.decode(frame));
  }

  #skip(beats: number): void {
    this.#sender.skip(beats);
    this.#buffer.skip(beats);
  }
}
