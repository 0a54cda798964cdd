/*
 * What a source's last sender report says of its timestamps, for who comes before the next: the same line from timestamps to
 * wall-clock time (RFC 3550 section 6.4.1), read off at another point of it. It corrects nothing: a clock that drifts is right
 * again with the source's own next report.
 */
import { SdesChunk, SdesPacket } from 'rtp.js/packets';
import { readUint32 } from '../wire/big-endian.js';
import { CNAME } from './rtcp-goodbye.js';
import { bytesOf } from './rtcp-packet.js';
import type { Reception } from './reception.js';

/** Of whom it is. */
export interface ClockOwner {
  readonly ssrc: number;
  readonly cname?: string;
  readonly reception: Reception;
}

const REPORT_BYTES = 28;
/** Length 6 (words less one), no report blocks. */
const SENDER_REPORT = 0x80c80006;
const UINT32 = 2 ** 32;

export class SenderClock {
  readonly #report: Uint8Array;
  readonly #atMs: number;

  /** @param report A sender report that has been measured: the blocks are not looked at. */
  constructor(report: Uint8Array, nowMs: number) {
    this.#report = report.slice(0, REPORT_BYTES);
    this.#atMs = nowMs;
  }

  /** A compound with the report of this moment; undefined where the source has no clock, or its rate is not known. */
  encode({ ssrc, cname, reception: { clockRate } }: ClockOwner, nowMs: number): Uint8Array | undefined {
    const [seconds, fraction] = [readUint32(this.#report, 8), readUint32(this.#report, 12)];
    if ((seconds === 0 && fraction === 0) || clockRate === 0 || cname === undefined) return undefined;
    const passedS = (nowMs - this.#atMs) / 1000;
    const ntp = seconds + fraction / UINT32 + passedS;
    const bytes = new Uint8Array(REPORT_BYTES);
    bytes.set(this.#report.subarray(8), 8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, SENDER_REPORT);
    view.setUint32(4, ssrc);
    view.setUint32(8, Math.floor(ntp) % UINT32);
    view.setUint32(12, Math.floor((ntp % 1) * UINT32));
    view.setUint32(16, (readUint32(this.#report, 16) + Math.round(passedS * clockRate)) % UINT32);
    const chunk = new SdesChunk();
    chunk.setSsrc(ssrc);
    chunk.addItem(CNAME, cname);
    const names = new SdesPacket();
    names.addChunk(chunk);
    return Uint8Array.from([...bytes, ...bytesOf(names)]);
  }
}
