// Judges what a peer has protected under one master key of its own (protocol.md 8.2.1). It says of a packet whether its tag is right and
// whether it has come before, and decrypts it. It is accepted by a second call, so that a packet which only a candidate has sent can wait
// for the judgement on its path. What has no right tag changes nothing, and costs four tags at most.
import { readUint16, readUint32 } from '../wire/big-endian.js';
import { readRtcpSsrc } from '../wire/rtcp.js';
import { readRtpSsrc } from '../wire/rtp.js';
import { isSameBytes } from '../wire/same-bytes.js';
import { createTransform, lifetimeOf, type MasterKey } from './master-key.js';
import { guessRollOver, SEQUENCES } from './packet-index.js';
import { ReplayWindow } from './replay-window.js';
import { rtpHeaderSize } from './rtp-header.js';
import type { SrtpCrypto } from './srtp-crypto.js';
import { ENCRYPTED, type PacketKind, type PacketPlace, type Transform } from './transform.js';

/** A packet with a right tag: the peer, or somebody who has copied it from the peer, has sent it. */
export interface TaggedPacket {
  readonly kind: PacketKind;
  readonly ssrc: number;
  /** RTP: roll-over counter and sequence number. RTCP: its own count. Each is compared within itself only. */
  readonly index: number;
  /** Its number has been accepted before, or lies so far back that nobody knows: then it is not authentic. */
  readonly isRepeated: boolean;
  /** In clear, a new array; undefined where it is media that is repeated, and where the receiver only verifies. A copy of a report says what the report does. */
  readonly clear: Uint8Array | undefined;
}

/**
 * Why a packet is not the peer's: it is no packet of its kind or too short; it names another key; its tag is wrong; there are 64
 * streams under the key already; or the key has served its time.
 */
export type SrtpRefusal = 'malformed' | 'mki' | 'tag' | 'streams' | 'expired';

export interface SrtpReceiverOptions {
  /** False: the application decrypts with the same key itself, and we only verify. */
  readonly decrypts: boolean;
  /** What was heard under other keys before: its roll-over counters are tried too. */
  readonly before?: HeardBefore;
}

/** A receiver, or several. */
export interface HeardBefore {
  /** The highest number of a stream that was accepted; -1 before the first. */
  highestOf(ssrc: number, kind: PacketKind): number;
}

interface Stream {
  /** As a signed number of 32 bits, which the engine keeps in the object itself. */
  readonly ssrc: number;
  readonly rtp: ReplayWindow;
  readonly rtcp: ReplayWindow;
  /** Whole milliseconds, likewise. */
  lastRtpMs: number;
}

/** Packets of one kind under the key. */
interface Lane {
  readonly kind: PacketKind;
  readonly transform: Transform;
  /** MKI and tag. */
  readonly trailerSizeBytes: number;
  /** So many may still be accepted. */
  left: number;
}

/** protocol.md 8.2.1. */
const MAX_STREAMS = 64;
const SILENCE_MS = 5000;
/** Before the first packet. */
const NEVER_MS = -(2 ** 30);
const RTCP_HEADER_SIZE_BYTES = 8;
const RTCP_INDEX_SIZE_BYTES = 4;
const NOTHING = new Uint8Array(0);

export class SrtpReceiver implements HeardBefore {
  readonly #rtp: Lane;
  readonly #rtcp: Lane;
  readonly #mki: Uint8Array;
  readonly #streams = new Map<number, Stream>();
  /** The one that was heard last: the next packet is mostly of it. */
  #last: Stream | undefined;
  readonly #decrypts: boolean;
  /** Those of its RTP have 32 bits only. */
  readonly hasShortTags: boolean;
  #before: HeardBefore | undefined;

  /** The key's bytes are read here and not kept. */
  constructor(crypto: SrtpCrypto, master: MasterKey, { decrypts, before }: SrtpReceiverOptions) {
    this.#rtp = laneOf(crypto, master, 'rtp');
    this.#rtcp = laneOf(crypto, master, 'rtcp');
    this.#mki = Uint8Array.from(master.mki ?? NOTHING);
    this.#decrypts = decrypts;
    this.hasShortTags = master.suite.rtpTagSizeBytes === 4;
    this.#before = before;
  }

  /** Judges an SRTP packet, and changes nothing. */
  checkRtp(packet: Uint8Array, nowMs: number): TaggedPacket | SrtpRefusal {
    const lane = this.#rtp;
    const clearSizeBytes = rtpHeaderSize(packet);
    if (clearSizeBytes === undefined || packet.length < clearSizeBytes + lane.trailerSizeBytes)
      return 'malformed';
    const ssrc = readRtpSsrc(packet);
    const stream = this.#find(ssrc);
    const refusal = this.#refuse(lane, packet, stream);
    if (refusal) return refusal;
    const sequence = readUint16(packet, 2);
    const highest = stream?.rtp.highest ?? -1;
    if (stream === undefined || highest < 0) {
      for (const rollOver of this.#firstRollOvers(ssrc, sequence)) {
        const index = rollOver * SEQUENCES + sequence;
        const tagged = this.#judge(lane, packet, stream, { clearSizeBytes, ssrc, index });
        if (tagged) return tagged;
      }
      return 'tag';
    }
    const index = guessRollOver(sequence, highest) * SEQUENCES + sequence;
    const tagged = this.#judge(lane, packet, stream, { clearSizeBytes, ssrc, index });
    if (tagged) return tagged;
    if (nowMs - stream.lastRtpMs <= SILENCE_MS) return 'tag';
    return this.#judge(lane, packet, stream, { clearSizeBytes, ssrc, index: index + SEQUENCES }) ?? 'tag';
  }

  /** Judges an SRTCP packet, and changes nothing. */
  checkRtcp(packet: Uint8Array): TaggedPacket | SrtpRefusal {
    const lane = this.#rtcp;
    const minSizeBytes = RTCP_HEADER_SIZE_BYTES + RTCP_INDEX_SIZE_BYTES + lane.trailerSizeBytes;
    if (packet.length < minSizeBytes || packet[0]! >> 6 !== 2) return 'malformed';
    const ssrc = readRtcpSsrc(packet);
    const stream = this.#find(ssrc);
    const refusal = this.#refuse(lane, packet, stream);
    if (refusal) return refusal;
    const indexAt = lane.transform.mkiAt(packet, this.#mki.length) - RTCP_INDEX_SIZE_BYTES;
    const index = readUint32(packet, indexAt) % ENCRYPTED;
    return (
      this.#judge(lane, packet, stream, { clearSizeBytes: RTCP_HEADER_SIZE_BYTES, ssrc, index }) ?? 'tag'
    );
  }

  /** The packet counts, and its number will not again. False where it has been accepted meanwhile: then it was a copy. */
  accept({ kind, ssrc, index }: TaggedPacket, nowMs: number): boolean {
    const lane = kind === 'rtp' ? this.#rtp : this.#rtcp;
    if (lane.left <= 0) return false;
    const stream = this.#find(ssrc) ?? this.#begin(ssrc);
    if (!stream || !(kind === 'rtp' ? stream.rtp : stream.rtcp).take(index)) return false;
    if (kind === 'rtp') {
      stream.lastRtpMs = Math.floor(nowMs);
      this.#last = stream;
    }
    lane.left--;
    return true;
  }

  /** Overwrites the keys: nothing is authentic any more. */
  forget(): void {
    for (const lane of [this.#rtp, this.#rtcp]) {
      lane.transform.forget();
      lane.left = 0;
    }
    this.#before = undefined;
  }

  #find(ssrc: number): Stream | undefined {
    const last = this.#last;
    return last?.ssrc === (ssrc | 0) ? last : this.#streams.get(ssrc);
  }

  #begin(ssrc: number): Stream | undefined {
    if (this.#streams.size === MAX_STREAMS) return undefined;
    const stream = { ssrc: ssrc | 0, rtp: new ReplayWindow(), rtcp: new ReplayWindow(), lastRtpMs: NEVER_MS };
    this.#streams.set(ssrc, stream);
    return stream;
  }

  #refuse(lane: Lane, packet: Uint8Array, stream: Stream | undefined): SrtpRefusal | undefined {
    if (lane.left <= 0) return 'expired';
    if (!stream && this.#streams.size === MAX_STREAMS) return 'streams';
    if (this.#mki.length === 0) return undefined;
    const at = lane.transform.mkiAt(packet, this.#mki.length);
    return isSameBytes(packet.subarray(at, at + this.#mki.length), this.#mki) ? undefined : 'mki';
  }

  #judge(
    { kind, transform }: Lane,
    packet: Uint8Array,
    stream: Stream | undefined,
    place: PacketPlace,
  ): TaggedPacket | undefined {
    const { ssrc, index } = place;
    const isRepeated = stream !== undefined && (kind === 'rtp' ? stream.rtp : stream.rtcp).has(index);
    if (this.#decrypts && (kind === 'rtcp' || !isRepeated)) {
      const clear = transform.open(packet, place, this.#mki.length);
      return clear && { kind, ssrc, index, isRepeated, clear };
    }
    const isRight = transform.verify(packet, place, this.#mki.length);
    return isRight ? { kind, ssrc, index, isRepeated, clear: undefined } : undefined;
  }

  /** The roll-over counters that a packet of a stream may have of which none has been accepted, the likeliest first. */
  #firstRollOvers(ssrc: number, sequence: number): readonly number[] {
    const before = this.#before?.highestOf(ssrc, 'rtp') ?? -1;
    const rollOvers = before < 0 ? [0, 1] : [guessRollOver(sequence, before), 0, 1];
    return [...new Set(rollOvers)];
  }

  /** The highest number of a stream that was accepted; -1 before the first. */
  highestOf(ssrc: number, kind: PacketKind): number {
    return this.#streams.get(ssrc)?.[kind].highest ?? -1;
  }
}

function laneOf(crypto: SrtpCrypto, master: MasterKey, kind: PacketKind): Lane {
  const { suite, mki = NOTHING } = master;
  const tagSizeBytes = kind === 'rtp' ? suite.rtpTagSizeBytes : suite.rtcpTagSizeBytes;
  return {
    kind,
    transform: createTransform(crypto, master, kind),
    trailerSizeBytes: mki.length + tagSizeBytes,
    left: lifetimeOf(master, kind),
  };
}
