// What a caller hears: whose packets, how many, how long nothing of the other caller, and what was put into the call by
// somebody else. It judges RTP by its SSRC and by the impostor's mark, and keeps no media.
import { classifyPacket, parseRtp } from '../../wire/index.js';
import { isMarked } from './attack.js';

export interface EarReport {
  /** Packets of the other caller. */
  readonly heard: number;
  /** Media that is not the other caller's speech: another SSRC, or the impostor's payload under the right one. */
  readonly injected: number;
  /** The longest time without a packet of the other caller since `measureFrom`, up to now. */
  readonly longestSilenceMs: number;
  /** Since the last packet of the other caller, or since `measureFrom`. */
  readonly silentMs: number;
  /** The last sequence number heard of the other caller. */
  readonly sequence: number;
  /** When the other caller was first heard through a mapping that the NAT made after so many rebindings. */
  readonly firstHeardMs: readonly (number | undefined)[];
}

export class Ear {
  #heard = 0;
  #injected = 0;
  #sequence = 0;
  #lastMs = -Infinity;
  #sinceMs = Infinity;
  #longestMs = 0;
  readonly #firstHeardMs: (number | undefined)[] = [];
  #expectedSsrc: number | undefined;

  constructor(private readonly nowMs: () => number) {}

  /** The other caller's stream. What is heard while there is none is nobody's, and injected. */
  expect(ssrc: number): void {
    this.#expectedSsrc = ssrc;
  }

  /** Silence counts from this moment on: both are in the call and have begun to speak. */
  measureFrom(ms: number): void {
    this.#sinceMs = ms;
    this.#longestMs = 0;
  }

  /** @param epoch how often the NAT had rebound when it made the mapping that the packet came through */
  handle(packet: Uint8Array, epoch: number): void {
    if (classifyPacket(packet) !== 'rtp') return;
    const header = parseRtp(packet);
    if (!header.ok || header.value.ssrc !== this.#expectedSsrc || isMarked(packet)) {
      this.#injected++;
      return;
    }
    const atMs = this.nowMs();
    this.#longestMs = Math.max(this.#longestMs, this.#silenceAt(atMs));
    this.#lastMs = atMs;
    this.#heard++;
    this.#sequence = header.value.sequence;
    this.#firstHeardMs[epoch] ??= atMs;
  }

  report(): EarReport {
    const silentMs = this.#silenceAt(this.nowMs());
    return {
      heard: this.#heard,
      injected: this.#injected,
      longestSilenceMs: Math.max(this.#longestMs, silentMs),
      silentMs,
      sequence: this.#sequence,
      firstHeardMs: this.#firstHeardMs,
    };
  }

  #silenceAt(ms: number): number {
    return Math.max(0, ms - Math.max(this.#lastMs, this.#sinceMs));
  }
}
