/*
 * The TCP connections of a capture, each direction a stream of its own, within bounds of memory. It judges no
 * handshake and no window: what was captured was sent.
 */
import type { TransportAddress } from '../wire/address.js';
import { formatAddress } from '../wire/address.js';
import type { SkipCount } from './skip-count.js';
import type { TcpSegment } from './tcp-segment.js';
import { TcpStream } from './tcp-stream.js';
import type { CapturedSip } from './traffic.js';

/** Directions; the one that was silent longest goes first. */
const MAX_STREAMS = 8192;
/** What all of them together may hold of data that waits for more. */
const MAX_HELD_BYTES = 32 << 20;

export class TcpConnections {
  readonly #onSip: (message: CapturedSip) => void;
  readonly #skips: SkipCount;
  /** In the order of their last data. */
  readonly #streams = new Map<string, TcpStream>();
  #heldBytes = 0;
  /** Streams that wait for a segment out of order: only for these an acknowledgement tells something. */
  readonly #waiting = new Set<TcpStream>();

  constructor(onSip: (message: CapturedSip) => void, skips: SkipCount) {
    this.#onSip = onSip;
    this.#skips = skips;
  }

  add(segment: TcpSegment): void {
    const { source, destination, acknowledged } = segment;
    if (acknowledged !== undefined && this.#waiting.size > 0) {
      const other = this.#streams.get(keyOf(destination, source));
      if (other) this.#change(other, () => other.acknowledge(acknowledged));
    }
    if (segment.start === segment.end && !segment.isOpening) {
      this.#skips.add('tcp-empty');
      return;
    }
    const key = keyOf(source, destination);
    let stream = this.#streams.get(key);
    if (stream) this.#streams.delete(key);
    else {
      this.#makeRoom();
      stream = new TcpStream({ source, destination, onSip: this.#onSip, skips: this.#skips });
    }
    this.#streams.set(key, stream);
    const found = stream;
    this.#change(found, () => found.add(segment));
    while (this.#heldBytes > MAX_HELD_BYTES) this.#removeOldest();
  }

  /** No more segments: what waits for a lost one waits no longer. */
  end(): void {
    for (const stream of this.#streams.values()) stream.end();
    this.#streams.clear();
  }

  #change(stream: TcpStream, change: () => void): void {
    const before = stream.heldBytes;
    change();
    this.#heldBytes += stream.heldBytes - before;
    if (stream.isWaiting) this.#waiting.add(stream);
    else this.#waiting.delete(stream);
  }

  #makeRoom(): void {
    if (this.#streams.size >= MAX_STREAMS) this.#removeOldest();
  }

  #removeOldest(): void {
    for (const [key, stream] of this.#streams) {
      this.#heldBytes -= stream.heldBytes;
      this.#waiting.delete(stream);
      this.#streams.delete(key);
      stream.end();
      return;
    }
  }
}

function keyOf(source: TransportAddress, destination: TransportAddress): string {
  return `${formatAddress(source)} ${formatAddress(destination)}`;
}
