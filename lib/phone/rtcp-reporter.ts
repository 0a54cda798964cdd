// What a caller tells by RTCP: sender or receiver reports with its CNAME every five seconds or so, and BYE in the end,
// written with rtp.js. It reads nothing: stream-stats.ts does that.
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type * as Packets from 'rtp.js/packets';
import { withPeers } from './optional-peer.js';
import type { PlayerState } from './player.js';
import type { Reception } from './stream-stats.js';

export interface RtcpReporterOptions {
  readonly send: (bytes: Uint8Array) => void;
  readonly player: () => PlayerState;
  readonly takeReceptions: (nowMs: number) => readonly Reception[];
  /** Of the RTP timestamps sent. */
  readonly clockRate: number;
}

/** RFC 3550 section 6.2: five seconds at least, the first after half of that; each times 0.5 to 1.5 at random. */
const INTERVAL_MS = 5000;
/** From 1900, where NTP begins, to 1970. */
const NTP_OFFSET_S = 2_208_988_800;
const CNAME = 1;

export class RtcpReporter {
  readonly #cname = randomBytes(12).toString('base64url');
  #timer: NodeJS.Timeout | undefined;
  #sentBefore = 0;

  /** Loads rtp.js. Throws a Failure where it is not installed. */
  static async load(options: RtcpReporterOptions): Promise<RtcpReporter> {
    return new RtcpReporter(await withPeers(() => import('rtp.js/packets')), options);
  }

  private constructor(
    private readonly packets: typeof Packets,
    private readonly options: RtcpReporterOptions,
  ) {}

  start(): void {
    this.#schedule(INTERVAL_MS / 2);
  }

  /** No more reports. */
  cancel(): void {
    clearTimeout(this.#timer);
  }

  /** Says goodbye, and nothing more. */
  stop(): void {
    this.cancel();
    const bye = new this.packets.ByePacket();
    bye.setSsrcs([this.options.player().ssrc]);
    this.#send([...this.#report(), bye]);
  }

  #schedule(intervalMs: number): void {
    // RFC 3550 section 6.3.1: so that reports of many do not fall together.
    const factor = 0.5 + Math.random();
    this.#timer = setTimeout(() => {
      this.#send(this.#report());
      this.#schedule(INTERVAL_MS);
    }, intervalMs * factor);
    this.#timer.unref();
  }

  #send(packets: Packets.RtcpPacket[]): void {
    const compound = new this.packets.CompoundPacket();
    compound.setPackets(packets);
    const view = compound.getView();
    this.options.send(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  /** SR or RR first, then SDES with the CNAME: RFC 3550 section 6.1 wants both in every compound. */
  #report(): Packets.RtcpPacket[] {
    const nowMs = performance.now();
    const state = this.options.player();
    const isSender = state.packets > this.#sentBefore;
    this.#sentBefore = state.packets;
    const report = isSender ? this.#senderReport(state, nowMs) : new this.packets.ReceiverReportPacket();
    report.setSsrc(state.ssrc);
    for (const reception of this.options.takeReceptions(nowMs)) report.addReport(this.#block(reception));
    const chunk = new this.packets.SdesChunk();
    chunk.setSsrc(state.ssrc);
    chunk.addItem(CNAME, this.#cname);
    const names = new this.packets.SdesPacket();
    names.addChunk(chunk);
    return [report, names];
  }

  #senderReport(state: PlayerState, nowMs: number): Packets.SenderReportPacket {
    const unixS = (performance.timeOrigin + nowMs) / 1000;
    const report = new this.packets.SenderReportPacket();
    report.setNtpSeconds(Math.floor(unixS) + NTP_OFFSET_S);
    report.setNtpFraction(Math.floor((unixS % 1) * 2 ** 32));
    const sinceMs = nowMs - state.lastMs;
    report.setRtpTimestamp((state.timestamp + Math.round((sinceMs * this.options.clockRate) / 1000)) >>> 0);
    report.setPacketCount(state.packets);
    report.setOctetCount(state.octets);
    return report;
  }

  #block(reception: Reception): Packets.ReceptionReport {
    const block = new this.packets.ReceptionReport();
    block.setSsrc(reception.ssrc);
    block.setFractionLost(reception.fractionLost);
    block.setTotalLost(reception.totalLost);
    block.setHighestSeqNumber(reception.highestSequence);
    block.setJitter(reception.jitter);
    block.setLastSRTimestamp(reception.lastReport);
    block.setDelaySinceLastSR(reception.sinceLastReport);
    return block;
  }
}
