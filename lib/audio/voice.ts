/*
 * The audio of one call for a program that listens and speaks: put it on the call's media port, let it answer the offer, and there are
 * frames of PCM and digits. It decides nothing about addresses: the port does. It judges no sound, so it does not know when the caller
 * speaks: whoever does calls `clear`.
 */
import { checkOptions, option } from '../core/index.js';
import type { OptionRules } from '../core/index.js';
import { SteadyEmitter } from '../index.js';
import type { TransportAddress } from '../wire/index.js';
import { FRAME_MS } from './g711.js';
import { answerVoice } from './voice-answer.js';
import type { VoiceAnswer } from './voice-answer.js';
import { VoiceStream } from './voice-stream.js';
import type { VoiceCounters } from './voice-stream.js';

export type { VoiceCounters } from './voice-stream.js';

/** What it needs of a media port: what `session.bind` gives. */
export interface VoicePort {
  readonly local: TransportAddress;
  /** False: it did not go out. */
  send(bytes: Uint8Array): boolean;
  on(event: 'packet', listener: (bytes: Buffer) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

export interface VoiceOptions {
  /** The IP address that the caller is told; that of the port unless told. */
  readonly address?: string | undefined;
  /** How long what is heard waits for packets that are late, 20 to 500 ms; 60 unless told. */
  readonly delayMs?: number | undefined;
  /** For tests: monotonic milliseconds. */
  readonly nowMs?: (() => number) | undefined;
}

export interface VoiceEvents {
  /**
   * 20 ms of the caller, each 20 ms from the first packet on: 320 bytes of PCM, mono, 8000 samples a second of 16 bits,
   * little-endian. Silence where nothing came.
   */
  frame: [pcm: Buffer];
  /** A key of the phone was pressed: `0` to `9`, `*`, `#`, `A` to `D`; `!` for a hook flash. */
  digit: [digit: string];
  /** It is over: by `close()`, or because the port is closed. */
  close: [];
}

const RULES: OptionRules<VoiceOptions> = {
  address: option.ipAddress,
  delayMs: option.wholeNumber(FRAME_MS, 500),
  nowMs: option.callback('() => number'),
};
const DELAY_MS = 60;

/** Made by `createVoice`. */
export class Voice extends SteadyEmitter<VoiceEvents> {
  readonly #port: VoicePort;
  readonly #options: VoiceOptions;
  #agreed: VoiceAnswer | undefined;
  #stream: VoiceStream | undefined;
  #isClosed = false;

  /** Made by `createVoice`, not by hand. */
  constructor(port: VoicePort, options: VoiceOptions) {
    super();
    this.#port = port;
    this.#options = options;
    port.on('packet', (packet) => this.#stream?.receive(packet));
    port.on('close', () => this.close());
  }

  /** What was queued by `play` and has not been sent, in milliseconds. */
  get queuedMs(): number {
    return this.#stream?.queuedMs ?? 0;
  }

  /** Undefined before the first answer. */
  get counters(): VoiceCounters | undefined {
    return this.#stream?.counters;
  }

  /**
   * The answer to an SDP offer, the call's first or a later one: one stream of PCMU or PCMA, and telephone events where they are
   * offered. From the first answer on it speaks and listens; while the caller has put the call on hold, what is queued waits.
   * Undefined where the offer cannot be read or has no G.711 in RTP/AVP: that is a 488, and all stays as it was.
   */
  answer(offer: string): string | undefined {
    const { local } = this.#port;
    const { address = local.address, delayMs = DELAY_MS, nowMs } = this.#options;
    const agreed = this.#isClosed ? undefined : answerVoice(offer, { ...local, address }, this.#agreed);
    if (!agreed) return undefined;
    this.#agreed = agreed;
    this.#stream ??= new VoiceStream({
      payloadType: agreed.payloadType,
      send: (packet) => this.#agreed?.isListening === true && this.#port.send(packet),
      onFrame: (pcm) => this.tell('frame', pcm),
      onDigit: (digit) => this.tell('digit', digit),
      ...{ delayMs, nowMs },
    });
    this.#stream.eventType = agreed.eventType;
    return agreed.sdp;
  }

  /**
   * Speaks this behind what is queued: PCM as in `frame`, of any length; an odd byte at the end is left out. It goes out in packets
   * of 20 ms, from when the caller's address is verified on. False: it is not taken, since ten minutes are queued already, or
   * nothing was answered yet.
   */
  play(pcm: Uint8Array): boolean {
    return this.#stream?.play(pcm) ?? false;
  }

  /** Barge-in: what is queued is not spoken any more, from the next 20 ms on. */
  clear(): void {
    this.#stream?.clear();
  }

  /** No more is sent, and no more frames come. The port stays as it is. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream?.close();
    this.tell('close');
  }

  /** There is no event for it: it becomes an uncaught exception, and the voice goes on. */
  protected override tellFailure(): boolean {
    return false;
  }
}

/**
 * The audio of the call whose media goes through this port, which it reads and writes from now on.
 *
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function createVoice(port: VoicePort, options: VoiceOptions = {}): Voice {
  checkOptions('createVoice', options, RULES);
  return new Voice(port, options);
}
