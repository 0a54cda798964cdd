// A question that any phone answers (protocol.md 8.2.4). A sender report carries the time at which it went out, and the receiver's next report
// repeats the middle of it (LSR, RFC 3550 6.4.1). So the times in reports to each path are shifted by 32 random bits of its own: who repeats
// one has received what went only there. The shift is the same for all streams, which stay in step; where a time comes back, it is as the
// application sent it. Only for packets that are protected and opened here: in those of an application that does it itself nothing is seen.
import { readUint32, writeUint32 } from '../../wire/big-endian.js';
import { parseRtcp } from '../../wire/index.js';
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

interface ReportedPath {
  readonly path: Path;
  /** 16 bits of seconds and 16 of their fraction. */
  readonly shift: number;
  isReported: boolean;
}

interface SentReport {
  readonly lsr: number;
  readonly to: ReportedPath;
}

export class SentReports {
  #paths: ReportedPath[] = [];
  readonly #sent = new Map<number, SentReport[]>();

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
    for (const { payloadType, sizeBytes, offset, ssrc } of headers.value) {
      if (payloadType !== SENDER_REPORT || sizeBytes < SENDER_BLOCKS_AT || ssrc === undefined) continue;
      const to = this.#find(path) ?? this.#open(path);
      const at = offset + NTP_AT;
      const middle = (readUint32(bytes, at + 2) + to.shift) >>> 0;
      writeUint32(bytes, at + 2, middle);
      this.#note(ssrc, { lsr: middle, to });
    }
    return bytes;
  }

  /** Reads what is reported of our streams in a packet in clear, and puts the times there back. */
  handle(packet: Uint8Array, path: Path): void {
    const headers = parseRtcp(packet);
    if (!headers.ok) return;
    const read = new Set<number>();
    for (const { payloadType, count, sizeBytes, offset } of headers.value) {
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
    const sent = this.#sent.get(ssrc)?.find((report) => report.lsr === lsr);
    if (!sent) return;
    if (isSamePath(sent.to.path, path)) sent.to.isReported = true;
    writeUint32(packet, at + LSR_AT, (lsr - sent.to.shift) >>> 0);
  }

  #note(ssrc: number, report: SentReport): void {
    const reports = this.#sent.get(ssrc);
    if (reports) {
      if (reports.push(report) > MAX_REPORTS) reports.shift();
    } else if (this.#sent.size < MAX_STREAMS) this.#sent.set(ssrc, [report]);
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
