// What arrives of each source: packets, losses as RFC 3550 counts them, and the longest silence. It believes the
// sequence numbers only as far as RFC 3550 appendix A.1 does, and plays nothing.
import { parseRtcp, parseRtp } from '../wire/index.js';

export interface StreamSummary {
  readonly ssrc: number;
  readonly packets: number;
  /** Expected less received, by the extended sequence number (RFC 3550 appendix A.3); duplicates make up for losses. */
  readonly lost: number;
  /** The longest time without a packet: from the first one to the source's BYE, or to the time asked for. */
  readonly maxGapMs: number;
}

/** What a receiver report says of one source (RFC 3550 section 6.4.1). */
export interface Reception {
  readonly ssrc: number;
  /** Of 256, since the reception asked for before. */
  readonly fractionLost: number;
  readonly totalLost: number;
  readonly highestSequence: number;
  readonly jitter: number;
  /** The middle 32 bits of the last sender report's NTP time, and how long ago it came in 1/65536 s; 0 without one. */
  readonly lastReport: number;
  readonly sinceLastReport: number;
}

// RFC 3550 appendix A.1.
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
/** Reason: a room has fifty speakers; whoever changes its SSRC all the time shall not fill our memory. */
const MAX_SOURCES = 1024;
const SENDER_REPORT = 200;
const BYE = 203;

export class StreamStats {
  readonly #sources = new Map<number, Source>();
  #packets = 0;

  /** RTP packets of all sources. */
  get packets(): number {
    return this.#packets;
  }

  /** One RTP packet, as `classifyPacket` has it. `clockRate` is that of its payload type, for the jitter. */
  handleRtp(bytes: Uint8Array, nowMs: number, clockRate = 8000): void {
    const header = parseRtp(bytes);
    if (!header.ok) return;
    this.#packets++;
    const { ssrc, sequence, timestamp } = header.value;
    let source = this.#sources.get(ssrc);
    if (!source) {
      if (this.#sources.size >= MAX_SOURCES) return;
      this.#sources.set(ssrc, (source = new Source(ssrc, sequence, nowMs)));
    }
    source.handle(sequence, timestamp, nowMs, clockRate);
  }

  /** One RTCP compound: a source that says goodbye is silent from then on, and that is no gap. */
  handleRtcp(bytes: Uint8Array, nowMs: number): void {
    const headers = parseRtcp(bytes);
    if (!headers.ok) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const { payloadType, count, offset, sizeBytes } of headers.value) {
      if (payloadType === SENDER_REPORT && sizeBytes >= 28)
        this.#sources.get(view.getUint32(offset + 4))?.noteReport(view.getUint32(offset + 10), nowMs);
      if (payloadType !== BYE) continue;
      const end = Math.min(sizeBytes, 4 + 4 * count);
      for (let at = 4; at + 4 <= end; at += 4)
        this.#sources.get(view.getUint32(offset + at))?.noteGoodbye(nowMs);
    }
  }

  /** In the order in which the sources were first heard. */
  summary(nowMs: number): StreamSummary[] {
    return [...this.#sources.values()].map((source) => source.summary(nowMs));
  }

  /** For a report of ours: the sources heard since the last one, 31 at most as a report can hold. */
  takeReceptions(nowMs: number): Reception[] {
    const heard = [...this.#sources.values()].filter((source) => source.isFresh);
    return heard.slice(0, 31).map((source) => source.takeReception(nowMs));
  }
}

class Source {
  isFresh = false;
  #packets = 0;
  /** Since `#base`; what was lost before a restart is in `#lostBefore`. */
  #received = 0;
  #lostBefore = 0;
  #base: number;
  #highest: number;
  #cycles = 0;
  #expectedRestart = -1;
  #lastArrivalMs: number;
  #maxGapMs = 0;
  #hasLeft = false;
  #transit: number | undefined;
  #jitter = 0;
  #report: { readonly ntp: number; readonly atMs: number } | undefined;
  #lastExpected = 0;
  #lastLost = 0;

  constructor(
    private readonly ssrc: number,
    sequence: number,
    nowMs: number,
  ) {
    this.#base = this.#highest = sequence;
    this.#lastArrivalMs = nowMs;
  }

  handle(sequence: number, timestamp: number, nowMs: number, clockRate: number): void {
    this.#packets++;
    this.isFresh = true;
    // One that left and came back was not silent in between: it was not there.
    if (!this.#hasLeft) this.#maxGapMs = Math.max(this.#maxGapMs, nowMs - this.#lastArrivalMs);
    this.#hasLeft = false;
    this.#lastArrivalMs = nowMs;
    this.#noteSequence(sequence);
    this.#noteTransit((nowMs * clockRate) / 1000 - timestamp);
  }

  noteReport(ntp: number, atMs: number): void {
    this.#report = { ntp, atMs };
  }

  noteGoodbye(nowMs: number): void {
    if (this.#hasLeft) return;
    this.#maxGapMs = Math.max(this.#maxGapMs, nowMs - this.#lastArrivalMs);
    this.#hasLeft = true;
  }

  summary(nowMs: number): StreamSummary {
    const tailMs = this.#hasLeft ? 0 : nowMs - this.#lastArrivalMs;
    const maxGapMs = Math.round(Math.max(this.#maxGapMs, tailMs));
    return { ssrc: this.ssrc, packets: this.#packets, lost: this.#lost, maxGapMs };
  }

  takeReception(nowMs: number): Reception {
    this.isFresh = false;
    const expected = this.#lostBefore + this.#expected;
    const [expectedNow, lostNow] = [expected - this.#lastExpected, this.#lost - this.#lastLost];
    this.#lastExpected = expected;
    this.#lastLost = this.#lost;
    const fraction = expectedNow > 0 && lostNow > 0 ? Math.floor((lostNow * 256) / expectedNow) : 0;
    return {
      ssrc: this.ssrc,
      fractionLost: Math.min(fraction, 255),
      totalLost: Math.min(this.#lost, 0x7fffff),
      highestSequence: (this.#cycles + this.#highest) >>> 0,
      jitter: Math.floor(this.#jitter) >>> 0,
      lastReport: this.#report?.ntp ?? 0,
      sinceLastReport: this.#report ? Math.round((nowMs - this.#report.atMs) * 65.536) >>> 0 : 0,
    };
  }

  get #expected(): number {
    return this.#cycles + this.#highest - this.#base + 1;
  }

  get #lost(): number {
    return this.#lostBefore + Math.max(0, this.#expected - this.#received);
  }

  /** RFC 3550 appendix A.1, without the probation: the path is proved, so there is nothing to wait for. */
  #noteSequence(sequence: number): void {
    const step = (sequence - this.#highest) & 0xffff;
    if (step < MAX_DROPOUT) {
      if (sequence < this.#highest) this.#cycles += 0x10000;
      this.#highest = sequence;
    } else if (step <= 0x10000 - MAX_MISORDER) {
      // Two in a row from elsewhere: the source began anew. One alone says nothing.
      if (sequence !== this.#expectedRestart) {
        this.#expectedRestart = (sequence + 1) & 0xffff;
        return;
      }
      this.#restart(sequence);
    }
    this.#received++;
  }

  #restart(sequence: number): void {
    this.#lostBefore = this.#lost;
    this.#base = this.#highest = sequence;
    this.#cycles = this.#received = 0;
    this.#expectedRestart = -1;
  }

  /** RFC 3550 appendix A.8. */
  #noteTransit(transit: number): void {
    const difference = this.#transit === undefined ? 0 : Math.abs(transit - this.#transit);
    this.#transit = transit;
    // A timestamp that wrapped or began anew is no jitter.
    if (difference < 0x10000) this.#jitter += (difference - this.#jitter) / 16;
  }
}
