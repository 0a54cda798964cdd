/*
 * One RTP stream: one SSRC on its way to one destination, from one source or, where a NAT rebinds or somebody
 * injects, from several. It counts and measures; what is judged is judged elsewhere.
 */
import type { TransportAddress } from '../wire/address.js';
import { readUint16, readUint32 } from '../wire/big-endian.js';
import { ArrivalTimes } from './arrival-times.js';
import type { MediaEndpoint } from './media-endpoint.js';
import { MediaSource } from './media-source.js';
import { payloadOffset } from './rtp-payload.js';
import { SequenceCount } from './sequence-count.js';
import { SourceHistory } from './source-history.js';
import { isTelephoneEvent, staticCodec } from './static-codecs.js';
import { TelephoneEvents } from './telephone-events.js';
import type { JudgedSrtp } from './srtp-ledger.js';
import type { CapturedDatagram } from './traffic.js';

/** Where a type means what the signalling of this destination or source says. */
export type CodecLookup = (
  payloadType: number,
  destination: TransportAddress,
  source: TransportAddress,
) => string | undefined;

/** Reason: a flood from forged addresses shall not fill our memory. */
export const SOURCES_MAX = 64;
const RESTARTS_MAX = 64;
const FIRST_DYNAMIC_TYPE = 96;
const EVENT_BYTES = 4;

export class MediaStream {
  readonly sources: MediaSource[] = [];
  readonly history = new SourceHistory();
  readonly arrivals = new ArrivalTimes();
  events: TelephoneEvents | undefined;
  /** When its sender began to count anew. */
  readonly restarts: number[] = [];
  /** Sequence numbers of all sources together. */
  count = new SequenceCount();
  firstMs: number;
  lastMs: number;
  readonly firstFrame: number;
  lastFrame: number;
  /** Packets of sources above the limit; they count in `count` and nowhere else. */
  unlistedPackets = 0;
  #last: MediaSource | undefined;
  #codecs: Map<number, string | undefined> | undefined;
  readonly #lookup: CodecLookup;
  readonly #codecOf = (type: number): string | undefined => this.#codec(type);

  constructor(
    readonly ssrc: number,
    readonly destination: MediaEndpoint,
    { timeMs, frame = 0 }: CapturedDatagram,
    lookup: CodecLookup,
  ) {
    this.firstMs = timeMs;
    this.lastMs = timeMs;
    this.firstFrame = frame;
    this.lastFrame = frame;
    this.#lookup = lookup;
  }

  get packets(): number {
    return this.count.packets;
  }

  /** True where the sequence numbers go up as those of a stream do: three packets of one source, in order. */
  get isSteady(): boolean {
    return this.sources.some(({ count }) => count.packets >= 3 && count.advances >= 2);
  }

  /** The source with this address, if it has sent before. */
  find(address: TransportAddress): MediaSource | undefined {
    const last = this.#last;
    if (last && last.address.port === address.port && last.address.address === address.address) return last;
    return this.sources.find(
      (one) => one.address.port === address.port && one.address.address === address.address,
    );
  }

  /** A source that has not sent before; undefined where there are too many. */
  begin(from: MediaEndpoint, { timeMs, frame = 0 }: CapturedDatagram): MediaSource | undefined {
    if (this.sources.length === SOURCES_MAX) return undefined;
    this.#countApart();
    const isOnly = this.packets === 0;
    const target = this.destination.targetOf(from.address);
    const source = new MediaSource(
      from.address,
      timeMs,
      frame,
      from,
      target,
      isOnly ? this.count : new SequenceCount(),
    );
    this.sources.push(source);
    return source;
  }

  /**
   * Takes one packet; `source` is one that `find` or `begin` gave, or undefined where there are too many. False for one that had
   * come from there before. Of SRTP that was opened the datagram is in clear.
   */
  add(source: MediaSource | undefined, datagram: CapturedDatagram, judged?: JudgedSrtp): boolean {
    const { payload, timeMs, frame = 0 } = datagram;
    const sequence = readUint16(payload, 2);
    if (timeMs > this.lastMs) this.lastMs = timeMs;
    else if (timeMs < this.firstMs) this.firstMs = timeMs;
    this.lastFrame = frame;
    if (!source) {
      this.#countApart();
      this.count.add(sequence, timeMs);
      this.unlistedPackets++;
      return true;
    }
    if (judged) source.noteJudged(judged);
    const { history, count } = this;
    if (source !== history.current || this.sources.length > 1)
      history.take(sequence, { atMs: timeMs, frame, source, sentBefore: this.destination.sent }, count);
    const type = payload[1]! & 0x7f;
    const missing = count.lost;
    const step = source.add(sequence, type, timeMs);
    const isShared = source.count === count;
    const isRestart = step === 'restart' && (isShared || count.add(sequence, timeMs) === 'restart');
    if (!isShared && step !== 'restart') count.add(sequence, timeMs);
    source.lastOfStream = count.packets;
    this.#last = source;
    if (isRestart) {
      this.arrivals.begin();
      if (this.restarts.length < RESTARTS_MAX) this.restarts.push(source.count.restartMs);
    }
    if (step === 'again') return false;
    if (source !== history.current || step === 'stray') return true;
    this.arrivals.noteArrival(timeMs, Math.max(0, count.lost - missing));
    this.#measure(datagram, type, timeMs, judged?.clear !== undefined || !judged);
    return true;
  }

  /** At the end of the capture. */
  finish(): void {
    this.history.finish();
    this.arrivals.finish();
  }

  /** Events of keys last longer than their packets are apart: they say nothing of the network. */
  #measure(
    { payload, cutBytes = 0 }: CapturedDatagram,
    type: number,
    timeMs: number,
    isClear: boolean,
  ): void {
    const timestamp = readUint32(payload, 4);
    if (type >= FIRST_DYNAMIC_TYPE) {
      const codec = this.#codec(type);
      const isSignalled = isTelephoneEvent(codec);
      if (isSignalled || codec === undefined) {
        const at = payloadOffset(payload);
        const isEvent = isSignalled || payload.length + cutBytes - at === EVENT_BYTES;
        if (isEvent && isClear)
          (this.events ??= new TelephoneEvents()).take(type, payload, at, timestamp, timeMs);
        if (isEvent) return;
      }
    }
    this.arrivals.measure(timeMs, timestamp, type, this.#codecOf);
  }

  #codec(type: number): string | undefined {
    if (type < FIRST_DYNAMIC_TYPE) return staticCodec(type);
    const known = this.#codecs?.get(type);
    if (known !== undefined || this.#codecs?.has(type)) return known;
    const source = this.#last?.address ?? this.destination.address;
    const codec = this.#lookup(type, this.destination.address, source);
    (this.#codecs ??= new Map()).set(type, codec);
    return codec;
  }

  /** A stream of one source counts its numbers once. */
  #countApart(): void {
    if (this.packets > 0 && this.sources[0]?.count === this.count) this.count = this.count.copy();
  }
}
