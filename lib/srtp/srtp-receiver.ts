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
  readonly rtp: ReplayWindow;
  readonly rtcp: ReplayWindow;
  lastRtpMs: number;
}

/** protocol.md 8.2.1. */
const MAX_STREAMS = 64;
const SILENCE_MS = 5000;
const RTCP_HEADER_SIZE_BYTES = 8;
const RTCP_INDEX_SIZE_BYTES = 4;
/** MKI and tag. */
const NOTHING = new Uint8Array(0);

export class SrtpReceiver implements HeardBefore {
  readonly #transforms: { readonly [Kind in PacketKind]: Transform };
  readonly #tagSizes: { readonly [Kind in PacketKind]: number };
  readonly #mki: Uint8Array;
  readonly #streams = new Map<number, Stream>();
  /** So many packets may still be accepted. */
  readonly #left: { [Kind in PacketKind]: number };
  readonly #decrypts: boolean;
  #before: HeardBefore | undefined;

  /** The key's bytes are read here and not kept. */
  constructor(crypto: SrtpCrypto, master: MasterKey, { decrypts, before }: SrtpReceiverOptions) {
    const { suite, mki = NOTHING } = master;
    this.#transforms = {
      rtp: createTransform(crypto, master, 'rtp'),
      rtcp: createTransform(crypto, master, 'rtcp'),
    };
    this.#tagSizes = { rtp: suite.rtpTagSizeBytes, rtcp: suite.rtcpTagSizeBytes };
    this.#mki = Uint8Array.from(mki);
    this.#left = { rtp: lifetimeOf(master, 'rtp'), rtcp: lifetimeOf(master, 'rtcp') };
    this.#decrypts = decrypts;
    this.#before = before;
  }

  /** Judges an SRTP packet, and changes nothing. */
  checkRtp(packet: Uint8Array, nowMs: number): TaggedPacket | SrtpRefusal {
    const clearSizeBytes = rtpHeaderSize(packet);
    if (clearSizeBytes === undefined || packet.length < clearSizeBytes + this.#trailerSize('rtp'))
      return 'malformed';
    const ssrc = readRtpSsrc(packet);
    const stream = this.#streams.get(ssrc);
    const refusal = this.#refuse('rtp', packet, stream);
    if (refusal) return refusal;
    const sequence = readUint16(packet, 2);
    for (const rollOver of this.#rollOvers(ssrc, stream, sequence, nowMs)) {
      const tagged = this.#judge('rtp', packet, stream, {
        clearSizeBytes,
        ssrc,
        index: rollOver * SEQUENCES + sequence,
      });
      if (tagged) return tagged;
    }
    return 'tag';
  }

  /** Judges an SRTCP packet, and changes nothing. */
  checkRtcp(packet: Uint8Array): TaggedPacket | SrtpRefusal {
    const minSizeBytes = RTCP_HEADER_SIZE_BYTES + RTCP_INDEX_SIZE_BYTES + this.#trailerSize('rtcp');
    if (packet.length < minSizeBytes || packet[0]! >> 6 !== 2) return 'malformed';
    const ssrc = readRtcpSsrc(packet);
    const stream = this.#streams.get(ssrc);
    const refusal = this.#refuse('rtcp', packet, stream);
    if (refusal) return refusal;
    const indexAt = this.#transforms.rtcp.mkiAt(packet, this.#mki.length) - RTCP_INDEX_SIZE_BYTES;
    const index = readUint32(packet, indexAt) % ENCRYPTED;
    return (
      this.#judge('rtcp', packet, stream, { clearSizeBytes: RTCP_HEADER_SIZE_BYTES, ssrc, index }) ?? 'tag'
    );
  }

  /** The packet counts, and its number will not again. False where it has been accepted meanwhile: then it was a copy. */
  accept({ kind, ssrc, index }: TaggedPacket, nowMs: number): boolean {
    let stream = this.#streams.get(ssrc);
    if (this.#left[kind] <= 0 || stream?.[kind].has(index)) return false;
    if (!stream) {
      if (this.#streams.size === MAX_STREAMS) return false;
      stream = { rtp: new ReplayWindow(), rtcp: new ReplayWindow(), lastRtpMs: -Infinity };
      this.#streams.set(ssrc, stream);
    }
    stream[kind].add(index);
    if (kind === 'rtp') stream.lastRtpMs = nowMs;
    this.#left[kind]--;
    return true;
  }

  /** Overwrites the keys: nothing is authentic any more. */
  forget(): void {
    this.#transforms.rtp.forget();
    this.#transforms.rtcp.forget();
    this.#left.rtp = this.#left.rtcp = 0;
    this.#before = undefined;
  }

  #trailerSize(kind: PacketKind): number {
    return this.#mki.length + this.#tagSizes[kind];
  }

  #refuse(kind: PacketKind, packet: Uint8Array, stream: Stream | undefined): SrtpRefusal | undefined {
    if (this.#left[kind] <= 0) return 'expired';
    if (!stream && this.#streams.size === MAX_STREAMS) return 'streams';
    if (this.#mki.length === 0) return undefined;
    const at = this.#transforms[kind].mkiAt(packet, this.#mki.length);
    return isSameBytes(packet.subarray(at, at + this.#mki.length), this.#mki) ? undefined : 'mki';
  }

  #judge(
    kind: PacketKind,
    packet: Uint8Array,
    stream: Stream | undefined,
    place: PacketPlace,
  ): TaggedPacket | undefined {
    const { ssrc, index } = place;
    const transform = this.#transforms[kind];
    const isRepeated = stream?.[kind].has(index) === true;
    if (this.#decrypts && (kind === 'rtcp' || !isRepeated)) {
      const clear = transform.open(packet, place, this.#mki.length);
      return clear && { kind, ssrc, index, isRepeated, clear };
    }
    const isRight = transform.verify(packet, place, this.#mki.length);
    return isRight ? { kind, ssrc, index, isRepeated, clear: undefined } : undefined;
  }

  /** The roll-over counters that this packet may have, the likeliest first. */
  #rollOvers(ssrc: number, stream: Stream | undefined, sequence: number, nowMs: number): readonly number[] {
    const highest = stream?.rtp.highest ?? -1;
    if (stream && highest >= 0) {
      const guess = guessRollOver(sequence, highest);
      return nowMs - stream.lastRtpMs <= SILENCE_MS ? [guess] : [guess, guess + 1];
    }
    const before = this.#before?.highestOf(ssrc, 'rtp') ?? -1;
    const rollOvers = before < 0 ? [0, 1] : [guessRollOver(sequence, before), 0, 1];
    return [...new Set(rollOvers)];
  }

  /** The highest number of a stream that was accepted; -1 before the first. */
  highestOf(ssrc: number, kind: PacketKind): number {
    return this.#streams.get(ssrc)?.[kind].highest ?? -1;
  }
}
