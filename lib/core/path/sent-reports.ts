// A question that any phone answers (protocol.md 8.2.4). A sender report carries the time at which it went out, and the receiver's next report
// repeats the middle of it (LSR, RFC 3550 6.4.1). So the times in reports to each path are shifted by 32 random bits of its own: who repeats
// one has received what went only there. The shift is the same for all streams, which stay in step; where a time comes back, it is as the
// application sent it. A receiver's own time (RFC 3611 4.4), which comes back as LRR (4.5), is of the same clock and is shifted too, but shows nothing.
// Only for packets that are protected and opened here: in those of an application that does it itself nothing is seen.
import { readUint32, writeUint32 } from '../../wire/big-endian.js';
import { EXTENDED_REPORT, extendedBlocks } from '../../wire/extended-report.js';
import { parseRtcp, type RtcpHeader } from '../../wire/index.js';
import { randomBytes, type Random } from '../crypto.js';
import { isSamePath, type Path } from '../network-path.js';

/** Of each stream of ours, the newest: eight of a receiver's reports may be on their way. */
const MAX_REPORTS = 8;
const MAX_STREAMS = 64;
const MAX_PATHS = 8;

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const NTP_AT = 8;
const SENDER_BLOCKS_AT = 28;
const RECEIVER_BLOCKS_AT = 8;
const BLOCK_SIZE_BYTES = 24;
const LSR_AT = 16;

/** Blocks of an extended report: a receiver's time, and what was heard of such times. */
const RECEIVER_TIME = 4;
const RECEIVER_TIME_BYTES = 12;
const TIMES_HEARD = 5;
const BLOCK_NTP_AT = 4;
const TIMES_HEARD_AT = 4;
const TIME_HEARD_BYTES = 12;
const LRR_AT = 4;

interface ReportedPath {
  readonly path: Path;
  /** 16 bits of seconds and 16 of their fraction. */
  readonly shift: number;
  isReported: boolean;
}

interface SentTime {
  /** The middle of the NTP time as it went out. */
  readonly middle: number;
  readonly to: ReportedPath;
}

/** Of each SSRC of ours the last times that went out in its name. */
class SentTimes {
  readonly #sent = new Map<number, SentTime[]>();

  /** Streams come and go: of too many the one goes that was reported longest ago. */
  note(ssrc: number, time: SentTime): void {
    const times = this.#sent.get(ssrc) ?? [];
    this.#sent.delete(ssrc);
    this.#sent.set(ssrc, times);
    if (times.push(time) > MAX_REPORTS) times.shift();
    const [oldest] = this.#sent.size > MAX_STREAMS ? this.#sent.keys() : [];
    if (oldest !== undefined) this.#sent.delete(oldest);
  }

  find(ssrc: number, middle: number): SentTime | undefined {
    return this.#sent.get(ssrc)?.find((time) => time.middle === middle);
  }
}

export class SentReports {
  #paths: ReportedPath[] = [];
  readonly #reports = new SentTimes();
  readonly #receiverTimes = new SentTimes();

  constructor(private readonly random: Random) {}

  /** A report has shown that what went to the path was received there. */
  isReported(path: Path): boolean {
    return this.#find(path)?.isReported === true;
  }

  /** The compound packet as it goes to the path: a new array. */
  shifted(packet: Uint8Array, path: Path): Uint8Array {
    const bytes = new Uint8Array(packet);
    const headers = parseRtcp(bytes);
    if (!headers.ok) return bytes;
    for (const header of headers.value) {
      const { payloadType, sizeBytes, offset, ssrc } = header;
      if (ssrc === undefined) continue;
      if (payloadType === SENDER_REPORT && sizeBytes >= SENDER_BLOCKS_AT)
        this.#reports.note(ssrc, this.#shift(bytes, offset + NTP_AT, path));
      else if (payloadType === EXTENDED_REPORT)
        for (const at of receiverTimesIn(bytes, header))
          this.#receiverTimes.note(ssrc, this.#shift(bytes, at, path));
    }
    return bytes;
  }

  /** Reads what is reported of our streams in a packet in clear, and puts the times there back. */
  handle(packet: Uint8Array, path: Path): void {
    const headers = parseRtcp(packet);
    if (!headers.ok) return;
    const read = new Set<number>();
    for (const header of headers.value) {
      const { payloadType, count, sizeBytes, offset } = header;
      if (payloadType === EXTENDED_REPORT) this.#handleTimesHeard(packet, header);
      if (payloadType !== SENDER_REPORT && payloadType !== RECEIVER_REPORT) continue;
      const first = payloadType === SENDER_REPORT ? SENDER_BLOCKS_AT : RECEIVER_BLOCKS_AT;
      for (
        let at = first, left = count;
        left > 0 && at + BLOCK_SIZE_BYTES <= sizeBytes;
        at += BLOCK_SIZE_BYTES, left--
      ) {
        const ssrc = readUint32(packet, offset + at);
        // Only the first block about a stream counts: more of them would be more guesses.
        if (!read.has(ssrc)) this.#handleBlock(packet, offset + at, ssrc, path);
        read.add(ssrc);
      }
    }
  }

  #handleBlock(packet: Uint8Array, at: number, ssrc: number, path: Path): void {
    const lsr = readUint32(packet, at + LSR_AT);
    const sent = this.#reports.find(ssrc, lsr);
    if (!sent) return;
    if (isSamePath(sent.to.path, path)) sent.to.isReported = true;
    writeUint32(packet, at + LSR_AT, (lsr - sent.to.shift) >>> 0);
  }

  #handleTimesHeard(packet: Uint8Array, header: RtcpHeader): void {
    for (const { type, offset, sizeBytes } of extendedBlocks(packet, header)) {
      if (type !== TIMES_HEARD) continue;
      const end = offset + sizeBytes;
      for (let at = offset + TIMES_HEARD_AT; at + TIME_HEARD_BYTES <= end; at += TIME_HEARD_BYTES) {
        const lrr = readUint32(packet, at + LRR_AT);
        const sent = this.#receiverTimes.find(readUint32(packet, at), lrr);
        if (sent) writeUint32(packet, at + LRR_AT, (lrr - sent.to.shift) >>> 0);
      }
    }
  }

  /** The NTP time that stands there goes to the path. */
  #shift(bytes: Uint8Array, ntpAt: number, path: Path): SentTime {
    const to = this.#find(path) ?? this.#open(path);
    const middle = (readUint32(bytes, ntpAt + 2) + to.shift) >>> 0;
    writeUint32(bytes, ntpAt + 2, middle);
    return { middle, to };
  }

  #find(path: Path): ReportedPath | undefined {
    return this.#paths.find((one) => isSamePath(one.path, path));
  }

  #open({ port, remote }: Path): ReportedPath {
    const opened = {
      path: { port, remote },
      shift: readUint32(randomBytes(this.random, 4), 0),
      isReported: false,
    };
    if (this.#paths.push(opened) > MAX_PATHS) this.#paths.shift();
    return opened;
  }
}

/** Where the NTP times in the receiver reference time blocks of one packet are. */
function receiverTimesIn(bytes: Uint8Array, header: RtcpHeader): number[] {
  return extendedBlocks(bytes, header).flatMap(({ type, offset, sizeBytes }) =>
    type === RECEIVER_TIME && sizeBytes >= RECEIVER_TIME_BYTES ? [offset + BLOCK_NTP_AT] : [],
  );
}
