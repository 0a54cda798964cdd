/**
 * Cuts a byte stream into RTSP messages (RFC 2326 section 4) and interleaved frames (10.12), and has the gate judge each message. It
 * holds one message or frame at most, looks at each byte once however the stream is cut, and reads nothing after an error.
 */
import { RtspHead } from './rtsp-head.js';
import type { RtspLimits, RtspRefusal, RtspVerdict } from './rtsp-head.js';

export interface RtspFramerListener {
  /** A whole message. What does not pass is left out; the stream goes on. */
  onVerdict(verdict: RtspVerdict): void;
  /** A packet on an interleaved channel, 0 to 255. */
  onFrame(channel: number, packet: Buffer): void;
  /** Where the message at hand ends cannot be known: nothing that follows will be read. */
  onBroken(refused: RtspRefusal): void;
}

/*
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |    '$' = 36   |    channel    |             length            |
 */
const DOLLAR = 0x24;
const FRAME_HEAD_BYTES = 4;
const CR = 0x0d;
const LF = 0x0a;
const EMPTY = Buffer.alloc(0);
const FIRST_BYTES = 512;
const HEAD_END = '\r\n\r\n';
/** RTSP methods and versions begin with a letter. */
const isLetter = (byte: number) => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

type Part =
  | { readonly is: 'between' }
  | { readonly is: 'frame' }
  | { readonly is: 'head' }
  | { readonly is: 'body'; readonly head: RtspHead };

const BETWEEN: Part = { is: 'between' };

export class RtspFramer {
  readonly #limits: RtspLimits;
  readonly #listener: RtspFramerListener;
  #part: Part = BETWEEN;
  /** What came of the part at hand: the first `#size` bytes. It grows by doubling, since a byte may come at a time. */
  #held = EMPTY;
  #size = 0;
  /** The last characters of a head so far: its end may lie across two pieces. */
  #tail = '';
  #isBroken = false;

  constructor(limits: RtspLimits, listener: RtspFramerListener) {
    this.#limits = limits;
    this.#listener = listener;
  }

  /** Something has begun that is not whole yet. */
  get isWaiting(): boolean {
    return this.#part.is !== 'between' && !this.#isBroken;
  }

  push(data: Buffer): void {
    let at = 0;
    while (at < data.length && !this.#isBroken) at = this.#take(data, at);
  }

  #take(data: Buffer, at: number): number {
    switch (this.#part.is) {
      case 'between':
        return this.#begin(data, at);
      case 'frame':
        return this.#takeFrame(data, at);
      case 'head':
        return this.#takeHead(data, at);
      case 'body':
        return this.#takeBody(this.#part.head, data, at);
    }
  }

  #begin(data: Buffer, at: number): number {
    const byte = data[at] ?? 0;
    // Some end a message with one line break too many.
    if (byte === CR || byte === LF) return at + 1;
    if (byte === DOLLAR) this.#part = { is: 'frame' };
    else if (isLetter(byte)) this.#part = { is: 'head' };
    else this.#break({ ok: false, reason: 'no-head', cseq: undefined });
    return at;
  }

  #takeFrame(data: Buffer, from: number): number {
    // A frame that is whole in what came is not copied.
    if (this.#size === 0 && data.length - from >= FRAME_HEAD_BYTES) {
      const end = from + FRAME_HEAD_BYTES + data.readUInt16BE(from + 2);
      if (end <= data.length) {
        this.#part = BETWEEN;
        this.#listener.onFrame(data[from + 1] ?? 0, data.subarray(from + FRAME_HEAD_BYTES, end));
        return end;
      }
    }
    let at = from;
    if (this.#size < FRAME_HEAD_BYTES) at = this.#keep(data, at, FRAME_HEAD_BYTES - this.#size);
    if (this.#size < FRAME_HEAD_BYTES) return at;
    const sizeBytes = FRAME_HEAD_BYTES + this.#held.readUInt16BE(2);
    at = this.#keep(data, at, sizeBytes - this.#size);
    if (this.#size < sizeBytes) return at;
    const frame = this.#join();
    this.#part = BETWEEN;
    this.#listener.onFrame(frame[1] ?? 0, frame.subarray(FRAME_HEAD_BYTES));
    return at;
  }

  #takeHead(data: Buffer, from: number): number {
    // More than a head can have is not looked through for its end.
    const limit = Math.min(data.length, from + this.#limits.maxHeadBytes - this.#size + HEAD_END.length);
    const searched = this.#tail + data.toString('latin1', from, limit);
    const end = searched.indexOf(HEAD_END);
    if (end === -1) {
      this.#keep(data, from, limit - from);
      this.#tail = searched.slice(-(HEAD_END.length - 1));
      if (this.#size > this.#limits.maxHeadBytes)
        this.#break({ ok: false, reason: 'head-size', cseq: undefined });
      return limit;
    }
    const next = this.#keep(data, from, end + HEAD_END.length - this.#tail.length);
    this.#tail = '';
    const text = this.#join().toString('latin1');
    const head = new RtspHead(text.slice(0, -HEAD_END.length), this.#limits);
    if (!head.hasKnownEnd) {
      this.#break(head.refuse());
    } else if (head.bodyBytes === 0) {
      this.#part = BETWEEN;
      this.#listener.onVerdict(head.judge(''));
    } else this.#part = { is: 'body', head };
    return next;
  }

  #takeBody(head: RtspHead, data: Buffer, at: number): number {
    const next = this.#keep(data, at, head.bodyBytes - this.#size);
    if (this.#size < head.bodyBytes) return next;
    this.#part = BETWEEN;
    this.#listener.onVerdict(head.judge(this.#join().toString('latin1')));
    return next;
  }

  /** Takes up to so many bytes to the part at hand; returns where the rest begins. */
  #keep(data: Buffer, at: number, most: number): number {
    const next = Math.min(data.length, at + most);
    const sizeBytes = this.#size + next - at;
    if (sizeBytes > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(sizeBytes, 2 * this.#held.length, FIRST_BYTES));
      this.#held.copy(grown, 0, 0, this.#size);
      this.#held = grown;
    }
    data.copy(this.#held, this.#size, at, next);
    this.#size = sizeBytes;
    return next;
  }

  /** The part that is whole now. */
  #join(): Buffer {
    const whole = this.#held.subarray(0, this.#size);
    this.#held = EMPTY;
    this.#size = 0;
    return whole;
  }

  #break(refused: RtspRefusal): void {
    this.#isBroken = true;
    this.#held = EMPTY;
    this.#size = 0;
    this.#tail = '';
    this.#listener.onBroken(refused);
  }
}
