// The media of one call: what is played and what is heard, reports of both, and their recording. It goes through one port of
// latchkey's and only there; who may hear it is decided below, by the port, and above, by offer and answer.
import { performance } from 'node:perf_hooks';
import type { MediaPacket } from '../capture/index.js';
import type { DatagramSource, MediaPort } from '../index.js';
import type { Format } from '../room/formats.js';
import type { NegotiatedStream } from '../room/stream.js';
import { readRtpPayloadType } from '../wire/index.js';
import type { PacketClass, TransportAddress } from '../wire/index.js';
import { formatOf } from './media-file.js';
import { Player } from './player.js';
import type { Recorder } from './recorder.js';
import { RtcpReporter } from './rtcp-reporter.js';
import { StreamStats } from './stream-stats.js';
import type { StreamSummary } from './stream-stats.js';

export interface CallMediaOptions {
  /** What is played, over and over. */
  readonly packets: readonly MediaPacket[];
  readonly recorder: Recorder | undefined;
  /** Where the other side's media comes from and ours goes. */
  readonly remote: () => TransportAddress | undefined;
  readonly onRtp: (bytes: Uint8Array) => void;
  readonly onSent: (bytes: Uint8Array) => void;
  readonly onWarning: (text: string) => void;
}

export class CallMedia {
  /** Of what is played. */
  readonly format: Format;
  readonly player: Player;
  readonly #options: CallMediaOptions;
  readonly #stats = new StreamStats();
  #reporter: RtcpReporter | undefined;
  #port: MediaPort | undefined;
  #stream: NegotiatedStream | undefined;
  #isMuted = false;
  #isOver = false;

  /** Throws a Failure for packets that cannot be played. */
  constructor(options: CallMediaOptions) {
    this.#options = options;
    this.format = formatOf(options.packets);
    this.player = new Player({ packets: options.packets, send: (bytes) => this.#send(bytes) });
  }

  /** RTP packets heard. */
  get received(): number {
    return this.#stats.packets;
  }

  get streams(): StreamSummary[] {
    return this.#stats.summary(performance.now());
  }

  /** Loads what RTCP needs. A call without it is still a call: where rtp.js is missing, a warning says so. */
  async prepare(): Promise<void> {
    try {
      this.#reporter = await RtcpReporter.load({
        send: (bytes) => void this.#port?.send(bytes),
        player: () => this.player.state,
        takeReceptions: (nowMs) => this.#stats.takeReceptions(nowMs),
        clockRate: clockRateOf(this.format),
      });
    } catch (error) {
      this.#options.onWarning(`no RTCP: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  attach(port: MediaPort): void {
    this.#port = port;
    port.on('packet', this.#onPacket);
  }

  /** What was agreed on, at first or anew. Playing begins, or stops where nobody listens. */
  negotiate(stream: NegotiatedStream): void {
    const isFirst = this.#stream === undefined;
    this.#stream = stream;
    if (isFirst && stream.isRtcpMux) this.#reporter?.start();
    const { payloadType } = this.format;
    const isTaken = stream.accepts.some((format) => format.payloadType === payloadType);
    if (isFirst && stream.isListening && !isTaken)
      this.#options.onWarning(`the server does not take payload type ${payloadType}: nothing is played`);
    this.#playOrPause();
  }

  mute(isMuted: boolean): void {
    this.#isMuted = isMuted;
    this.#playOrPause();
  }

  /** No more is played. */
  hush(): void {
    this.#isOver = true;
    this.player.stop();
  }

  /** Says goodbye by RTCP. */
  leave(): void {
    if (this.#stream?.isRtcpMux === true) this.#reporter?.stop();
  }

  /** Hears no more. */
  close(): void {
    this.hush();
    this.#reporter?.cancel();
    this.#port?.off('packet', this.#onPacket);
    const { recorder } = this.#options;
    recorder?.close();
    if (recorder?.error) this.#options.onWarning(`the recording ended early: ${recorder.error.message}`);
  }

  #playOrPause(): void {
    const { payloadType } = this.format;
    const isTaken = this.#stream?.accepts.some((format) => format.payloadType === payloadType) === true;
    const mayPlay = this.#stream?.isListening === true && isTaken && !this.#isMuted && !this.#isOver;
    if (mayPlay) this.player.start();
    else this.player.stop();
  }

  #send(bytes: Uint8Array): boolean {
    const port = this.#port;
    if (!port?.send(bytes)) return false;
    const remote = this.#options.remote();
    if (remote) this.#options.recorder?.write(bytes, port.local, remote);
    this.#options.onSent(bytes);
    return true;
  }

  readonly #onPacket = (bytes: Buffer, _source: DatagramSource, kind: PacketClass): void => {
    const remote = this.#options.remote();
    if (remote && this.#port) this.#options.recorder?.write(bytes, remote, this.#port.local);
    const nowMs = performance.now();
    if (kind === 'rtcp') this.#stats.handleRtcp(bytes, nowMs);
    if (kind !== 'rtp') return;
    const payloadType = readRtpPayloadType(bytes);
    const format = this.#stream?.accepts.find((one) => one.payloadType === payloadType);
    this.#stats.handleRtp(bytes, nowMs, format && clockRateOf(format));
    this.#options.onRtp(bytes);
  };
}

function clockRateOf({ codec }: Format): number {
  return Number(codec.split('/')[1]);
}
