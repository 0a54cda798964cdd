// Protects what we send under one master key of ours: RTP and RTCP of any streams. A number of a stream is used once: the same number
// with other content would show both (RFC 3711 9.1) and, in GCM, the key of the tags (RFC 7714 10.1), so it is refused.
import { readUint16 } from '../wire/big-endian.js';
import { readRtcpSsrc } from '../wire/rtcp.js';
import { readRtpSsrc } from '../wire/rtp.js';
import { isSameBytes } from '../wire/same-bytes.js';
import { createTransform, lifetimeOf, type MasterKey } from './master-key.js';
import { guessRollOver, SEQUENCES } from './packet-index.js';
import { ReplayWindow } from './replay-window.js';
import { rtpHeaderSize } from './rtp-header.js';
import type { SrtpCrypto } from './srtp-crypto.js';
import type { PacketPlace, Transform } from './transform.js';

/**
 * Why a packet is not sent: it is no packet; its number was used before; the key has served its time, and a new one is needed; or there
 * are too many streams under it.
 */
export type ProtectRefusal = 'malformed' | 'repeated' | 'expired' | 'streams';

/** A stream that is forgotten could be begun again with the same numbers, so none is: new ones are refused. */
const MAX_STREAMS = 4096;
const RTCP_HEADER_SIZE_BYTES = 8;
/** Who sends to several takes it from one packet to the next, or from one batch to the next. */
const MAX_RECENT = 256;

/** In clear, as it was given. */
interface SentPacket {
  readonly packet: Uint8Array;
  readonly ssrc: number;
  readonly index: number;
}

interface Stream {
  /** As a signed number of 32 bits, which the engine keeps in the object itself. */
  readonly ssrc: number;
  readonly used: ReplayWindow;
}

export class SrtpSender {
  readonly #rtp: Transform;
  readonly #rtcp: Transform;
  readonly #mki: Uint8Array;
  #lifetimes: { readonly rtp: number; readonly rtcp: number };
  readonly #streams = new Map<number, Stream>();
  /** The one that was protected last: the next packet is mostly of it. */
  #last: Stream | undefined;
  /** The last of RTP that were protected while this was shared. */
  readonly #recent: SentPacket[] = [];
  #rtpCount = 0;
  /** The next number of RTCP: one count for all SSRCs does what RFC 3711 3.4 asks of each. */
  #rtcpIndex = 0;
  /**
   * Several peers have this key and get the same packets: one of RTP that was protected lately may be asked for again, as long as it is the
   * same byte for byte. What comes out is the same too, and shows nothing.
   */
  isShared = false;

  /** The key's bytes are read here and not kept. */
  constructor(crypto: SrtpCrypto, master: MasterKey) {
    this.#rtp = createTransform(crypto, master, 'rtp');
    this.#rtcp = createTransform(crypto, master, 'rtcp');
    this.#mki = Uint8Array.from(master.mki ?? []);
    this.#lifetimes = { rtp: lifetimeOf(master, 'rtp'), rtcp: lifetimeOf(master, 'rtcp') };
  }

  /** The packet protected, a new array. */
  protectRtp(packet: Uint8Array): Uint8Array | ProtectRefusal {
    const clearSizeBytes = rtpHeaderSize(packet);
    if (clearSizeBytes === undefined) return 'malformed';
    if (this.#rtpCount >= this.#lifetimes.rtp) return 'expired';
    const ssrc = readRtpSsrc(packet);
    const sequence = readUint16(packet, 2);
    const stream = this.#find(ssrc) ?? this.#open(ssrc);
    if (!stream) return 'streams';
    this.#last = stream;
    const { used } = stream;
    const rollOver = used.highest < 0 ? 0 : guessRollOver(sequence, used.highest);
    const place = { clearSizeBytes, ssrc, index: rollOver * SEQUENCES + sequence };
    if (used.take(place.index)) {
      this.#rtpCount++;
      if (this.isShared || this.#recent.length > 0) this.#note(packet, place);
    } else if (!this.#isRecent(packet, place)) return 'repeated';
    return this.#rtp.seal(packet, place, this.#mki);
  }

  /** The compound packet protected, a new array. */
  protectRtcp(packet: Uint8Array): Uint8Array | ProtectRefusal {
    if (packet.length < RTCP_HEADER_SIZE_BYTES) return 'malformed';
    if (this.#rtcpIndex >= this.#lifetimes.rtcp) return 'expired';
    const place = {
      clearSizeBytes: RTCP_HEADER_SIZE_BYTES,
      ssrc: readRtcpSsrc(packet),
      index: this.#rtcpIndex++,
    };
    return this.#rtcp.seal(packet, place, this.#mki);
  }

  /** Overwrites the keys: nothing can be protected any more. */
  forget(): void {
    this.#rtp.forget();
    this.#rtcp.forget();
    this.#lifetimes = { rtp: 0, rtcp: 0 };
    this.#recent.length = 0;
  }

  /** Whoever is left alone may still be behind the others: what is kept goes one by one then. */
  #note(packet: Uint8Array, { ssrc, index }: PacketPlace): void {
    if (this.isShared) this.#recent.push({ packet: new Uint8Array(packet), ssrc, index });
    if (!this.isShared || this.#recent.length > MAX_RECENT) this.#recent.shift();
  }

  #isRecent(packet: Uint8Array, { ssrc, index }: PacketPlace): boolean {
    const recent = this.#recent.findLast((one) => one.index === index && one.ssrc === ssrc);
    return recent !== undefined && isSameBytes(recent.packet, packet);
  }

  #find(ssrc: number): Stream | undefined {
    const last = this.#last;
    return last?.ssrc === (ssrc | 0) ? last : this.#streams.get(ssrc);
  }

  #open(ssrc: number): Stream | undefined {
    if (this.#streams.size === MAX_STREAMS) return undefined;
    const stream = { ssrc: ssrc | 0, used: new ReplayWindow() };
    this.#streams.set(ssrc, stream);
    return stream;
  }
}
