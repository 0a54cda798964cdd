/*
 * One direction of a TCP connection, put in order: segments out of order wait, repeated data are left out, and what
 * the capture has lost is given up. It does not know what the data mean.
 */
import type { TransportAddress } from '../wire/address.js';
import { SignallingStream } from './signalling-stream.js';
import type { SkipCount } from './skip-count.js';
import type { TcpSegment } from './tcp-segment.js';
import type { CapturedSip, SkipReason } from './traffic.js';

/** Out of order: as many segments and bytes as a window of a usual connection holds. */
const MAX_WAITING = 256;
const MAX_WAITING_BYTES = 1 << 19;
/** A sender repeats a lost segment within a second or two (RFC 6298): later it is lost to the capture. */
const MAX_WAIT_MS = 3000;
/** Further from what is expected than any window: other data under the same ports. */
const FAR_BYTES = 1 << 24;

interface Waiting {
  readonly timeMs: number;
  readonly frame: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

interface TcpStreamOptions {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly onSip: (message: CapturedSip) => void;
  readonly skips: SkipCount;
}

export class TcpStream {
  readonly #options: TcpStreamOptions;
  #signalling: SignallingStream;
  /** The sequence number of the next byte; undefined before the first segment. */
  #next: number | undefined;
  /** That of the SYN, which may come more than once. */
  #opening: number | undefined;
  /** Sorted by sequence number, all after `#next`. */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;

  constructor(options: TcpStreamOptions) {
    this.#options = options;
    this.#signalling = new SignallingStream(options);
  }

  get heldBytes(): number {
    return this.#waitingBytes + this.#signalling.heldBytes;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(segment: TcpSegment): void {
    if (segment.isOpening) this.#open(segment.sequence);
    const sequence = (segment.sequence + (segment.isOpening ? 1 : 0)) >>> 0;
    const { timeMs, frame, bytes, start, end } = segment;
    if (start === end) {
      this.#options.skips.add('tcp-empty');
      return;
    }
    if (this.#next === undefined) this.#leap(sequence);
    else if (Math.abs(distance(this.#next, sequence)) > FAR_BYTES) {
      this.#giveUp();
      this.#leap(sequence);
    }
    const ahead = distance(this.#next ?? sequence, sequence);
    if (ahead > 0) this.#wait({ timeMs, frame, sequence, bytes: bytes.slice(start, end) });
    else this.#count(this.#deliver({ timeMs, frame, sequence, bytes }, start, end));
    this.#drain();
    const [first] = this.#waiting;
    if (first && !(Math.abs(timeMs - first.timeMs) <= MAX_WAIT_MS)) this.#giveUpGap();
  }

  /** The receiver has all up to here: what the capture lacks of it, it has lost. */
  acknowledge(sequence: number): void {
    for (;;) {
      const [first] = this.#waiting;
      if (!first || distance(first.sequence, sequence) <= 0) return;
      this.#giveUpGap();
    }
  }

  /** No more segments: what waits comes out with gaps. */
  end(): void {
    this.#giveUp();
  }

  #open(sequence: number): void {
    if (this.#opening === sequence) return;
    this.#giveUp();
    this.#opening = sequence;
    this.#next = (sequence + 1) >>> 0;
    this.#signalling = new SignallingStream(this.#options);
  }

  #wait(waiting: Waiting): void {
    const after = this.#waiting.findIndex(({ sequence }) => distance(waiting.sequence, sequence) >= 0);
    const index = after < 0 ? this.#waiting.length : after;
    const same = this.#waiting[index];
    if (same?.sequence === waiting.sequence && same.bytes.length >= waiting.bytes.length) {
      this.#options.skips.add('tcp-repeat');
      return;
    }
    this.#waiting.splice(index, 0, waiting);
    this.#waitingBytes += waiting.bytes.length;
    while (this.#waiting.length > MAX_WAITING || this.#waitingBytes > MAX_WAITING_BYTES) this.#giveUpGap();
  }

  /** Lets out what waited for the data that have come now. */
  #drain(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (!first || this.#next === undefined || distance(this.#next, first.sequence) > 0) return;
      this.#waiting.shift();
      this.#waitingBytes -= first.bytes.length;
      this.#count(this.#deliver(first, 0, first.bytes.length));
    }
  }

  #giveUp(): void {
    while (this.#waiting.length > 0) this.#giveUpGap();
  }

  #giveUpGap(): void {
    const [first] = this.#waiting;
    if (first) this.#leap(first.sequence);
    this.#drain();
  }

  #leap(sequence: number): void {
    this.#next = sequence;
    this.#signalling.lose();
  }

  /** The part of a segment that is new; why it gave nothing, if it did not. */
  #deliver({ timeMs, frame, sequence, bytes }: Waiting, start: number, end: number): SkipReason | undefined {
    const known = distance(sequence, this.#next ?? sequence);
    if (known >= end - start) return 'tcp-repeat';
    this.#next = (sequence + end - start) >>> 0;
    return this.#signalling.push(timeMs, bytes, start + known, end, frame);
  }

  #count(reason: SkipReason | undefined): void {
    if (reason) this.#options.skips.add(reason);
  }
}

/** How far `to` lies after `from`; sequence numbers begin again after 2^32. */
function distance(from: number, to: number): number {
  return (to - from) | 0;
}
