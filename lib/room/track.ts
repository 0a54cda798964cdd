/*
 * One m= section of a participant: what it sends there and what it takes, made ready for the packet path. It
 * knows numbers, not packets.
 */
import { alsoTaken, identityOf } from './codec-identity.js';
import { clockRateOf, isEvent, redundantType, TEXT } from './formats.js';
import type { Format } from './formats.js';
import { AS_IT_IS } from './rtp-copy.js';
import type { Spelling } from './rtp-copy.js';
import type { Source } from './sources.js';
import type { SsrcSwaps } from './ssrc-swaps.js';
import type { NegotiatedStream } from './stream.js';

/** What a track needs of the transport that it is on. */
interface Carrier {
  readonly swaps: SsrcSwaps;
}

/** What a payload type means when the participant sends it. */
export interface Sent<On extends Carrier> {
  readonly track: Track<On>;
  readonly format: Format;
  /** See `identityOf`. */
  readonly codec: string;
  /** Ticks a second of its timestamps; 0 for events, whose timestamp stands still (RFC 4733 section 2.2.2). */
  readonly clockRate: number;
  /** The number of T.140 inside redundant text. */
  readonly innerType: number | undefined;
}

export class Track<On extends Carrier> {
  readonly link: On;
  readonly stream: NegotiatedStream;
  /** The one participant whose media goes here; undefined: everybody's. */
  readonly speaker: unknown;
  /** By payload type. */
  readonly sends: ReadonlyMap<number, Sent<On>>;
  /** Packets of others were lost for lack of a path: whoever begins to see needs a key frame. */
  hasMissed = false;
  readonly #identities: ReadonlyMap<number, string>;
  readonly #numbers: ReadonlyMap<string, number>;

  constructor(link: On, stream: NegotiatedStream, speaker?: object) {
    const { sends, accepts } = stream;
    this.link = link;
    this.stream = stream;
    this.speaker = speaker;
    this.sends = byPayloadType(sends, (format) => ({
      track: this,
      format,
      codec: identityOf(format),
      clockRate: isEvent(format) ? 0 : clockRateOf(format),
      innerType: redundantType(format, sends),
    }));
    this.#identities = byPayloadType(accepts, identityOf);
    this.#numbers = numbersOf(accepts);
  }

  /** Whether what this participant sends can go here. */
  isOf(participant: unknown): boolean {
    return this.speaker === undefined || this.speaker === participant;
  }

  /**
   * How a packet that another sent under this payload type is to read for this participant: `AS_IT_IS` nearly always,
   * undefined where its codec is not taken.
   */
  spell(sent: Sent<On>, payloadType: number, source: Source<On>): Spelling | undefined {
    const { codec, innerType } = sent;
    let number = this.#identities.get(payloadType) === codec ? payloadType : this.#numbers.get(codec);
    const textType = innerType === undefined ? undefined : this.#numbers.get(TEXT);
    const isUnpacked = number === undefined && textType !== undefined;
    if (isUnpacked) number = textType;
    if (number === undefined) return undefined;
    const ssrc = this.link.swaps.swap(source.ssrc);
    const { audioLevelId: levelTo } = this.stream;
    // Where one of the two has none, the other's says nothing, and may stay.
    const levelFrom = levelTo === 0 ? 0 : sent.track.stream.audioLevelId || levelTo;
    const { shift } = source;
    const isSame = !shift && number === payloadType && ssrc === source.ownSsrc && levelFrom === levelTo;
    if (isSame && textType === innerType) return AS_IT_IS;
    return {
      payloadType: number,
      ssrc,
      shift,
      levelFrom,
      levelTo,
      innerType: isUnpacked ? undefined : textType,
      isUnpacked,
    };
  }
}

function byPayloadType<T>(formats: readonly Format[], of: (format: Format) => T): ReadonlyMap<number, T> {
  return new Map(formats.map((format) => [format.payloadType, of(format)]));
}

function numbersOf(formats: readonly Format[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  const add = (codec: string, payloadType: number) => {
    if (!numbers.has(codec)) numbers.set(codec, payloadType);
  };
  for (const format of formats) add(identityOf(format), format.payloadType);
  for (const format of formats) for (const codec of alsoTaken(format)) add(codec, format.payloadType);
  return numbers;
}
