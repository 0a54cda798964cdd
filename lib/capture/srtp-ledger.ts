/*
 * The SRTP and SRTCP of a capture, judged by the keys that its signalling in clear shows (RFC 4568): each packet is authentic, a copy
 * of one that came before, or under none of the keys that were agreed on for where it comes from and goes to. What is authentic is
 * decrypted for those who look at it further. No key leaves it.
 */
import type { HeardBefore, PacketKind, SrtpCrypto, SrtpReceiver } from '../srtp/index.js';
import type { TransportAddress } from '../wire/address.js';
import { readRtcpSsrc } from '../wire/rtcp.js';
import { KeyTable } from './key-table.js';
import type { AgreedKey, SeenDescription } from './key-table.js';
import type { CapturedDatagram } from './traffic.js';

/** `wrongTag`: by no key that was agreed on, or no packet at all. `repeated`: its number has come before. */
export type SrtpJudgement = 'authentic' | 'wrongTag' | 'repeated';

/** What became of one packet. */
export interface JudgedSrtp {
  readonly judgement: SrtpJudgement;
  /** Of the key that it is under; of the newest where it is under none. */
  readonly suite: string;
  /** The packet in clear, of an authentic one. */
  readonly clear?: Uint8Array;
}

export interface SrtcpCount extends Record<SrtpJudgement, number> {
  /** With tags of 32 bits under a suite whose RTCP has 80 (RFC 4568 6.2.2): whoever keeps to it drops them. */
  shortTag: number;
}

/** protocol.md 8.2.6: so long an old key goes on after the first packet under the new. */
const FORMER_MS = 5000;
/** Reason: bounded memory. Whoever forges sources and destinations makes ways and names. */
const WAYS_MAX = 16_384;
const REPORTERS_MAX = 16_384;
/** Of one destination: more than those of any call that changes them, or of the calls that have had its port. */
const KEYS_MAX = 64;

/** What judges by one key at one destination, and when the first packet under it came there. */
interface KeyAtWork {
  readonly receivers: readonly SrtpReceiver[];
  readonly shortTags: readonly SrtpReceiver[];
  firstMs?: number;
}

/** All that goes to one destination: a packet that passes two of them is no copy. */
class Way implements HeardBefore {
  readonly #atWork = new Map<AgreedKey, KeyAtWork>();

  constructor(private readonly crypto: SrtpCrypto) {}

  judge(
    kind: PacketKind,
    packet: Uint8Array,
    keys: readonly AgreedKey[],
    nowMs: number,
  ): JudgedSrtp | 'shortTag' {
    const replaced = new Set<string>();
    let isShort = false;
    for (const agreed of keys) {
      const { key, origin } = agreed;
      if (replaced.has(origin)) continue;
      const work = this.#workOf(agreed);
      const judgement = judgeBy(work.receivers, kind, packet, nowMs);
      if (judgement) {
        work.firstMs ??= nowMs;
        return { ...judgement, suite: key.suite.name };
      }
      isShort ||= kind === 'rtcp' && judgeBy(work.shortTags, kind, packet, nowMs) !== undefined;
      if (work.firstMs !== undefined && nowMs > work.firstMs + FORMER_MS) replaced.add(origin);
    }
    return isShort ? 'shortTag' : { judgement: 'wrongTag', suite: keys[0]?.key.suite.name ?? '' };
  }

  highestOf(ssrc: number, kind: PacketKind): number {
    const highest = [...this.#atWork.values()].flatMap(({ receivers }) =>
      receivers.map((receiver) => receiver.highestOf(ssrc, kind)),
    );
    return Math.max(-1, ...highest);
  }

  #workOf(agreed: AgreedKey): KeyAtWork {
    let work = this.#atWork.get(agreed);
    if (!work) {
      const receivers = agreed.key.receivers(this.crypto, this);
      work = { receivers, shortTags: agreed.key.shortTagReceivers(this.crypto) };
      this.#atWork.set(agreed, work);
      const [oldest] = this.#atWork.keys();
      if (this.#atWork.size > KEYS_MAX && oldest) this.#atWork.delete(oldest);
    }
    return work;
  }
}

/** Between two addresses, while the table stays as it is. */
interface Crossing {
  readonly version: number;
  readonly keys: readonly AgreedKey[];
  readonly way: Way | undefined;
}

export class SrtpLedger {
  readonly #crypto: SrtpCrypto;
  readonly #table = new KeyTable();
  readonly #ways = new Map<string, Way>();
  /** By destination and source: nearly always the same objects for the same addresses. */
  readonly #crossings = new WeakMap<TransportAddress, WeakMap<TransportAddress, Crossing>>();
  readonly #reported = new Map<string, SrtcpCount>();

  constructor(crypto: SrtpCrypto) {
    this.#crypto = crypto;
  }

  noteDescription(seen: SeenDescription): void {
    this.#table.note(seen);
  }

  /** Undefined where no key was agreed on for it yet, or the capture did not keep the whole of it. */
  judgeRtp({ source, destination, payload, timeMs, cutBytes }: CapturedDatagram): JudgedSrtp | undefined {
    const { keys, way } = this.#crossing(source, destination);
    if (!way || cutBytes !== undefined) return undefined;
    const judged = way.judge('rtp', payload, keys, timeMs);
    return judged === 'shortTag' ? undefined : judged;
  }

  /** The datagram in clear, as it is where nothing protects it; undefined for one that is not to be believed or cannot be read. */
  openRtcp(datagram: CapturedDatagram): CapturedDatagram | undefined {
    const { source, destination, payload, timeMs, cutBytes } = datagram;
    const { keys, way } = this.#crossing(source, destination);
    if (!way) return datagram;
    if (cutBytes !== undefined) return undefined;
    const judged = way.judge('rtcp', payload, keys, timeMs);
    const count = this.#countOf(readRtcpSsrc(payload), destination);
    if (count) count[judged === 'shortTag' ? judged : judged.judgement]++;
    const clear = judged === 'shortTag' ? undefined : judged.clear;
    return clear && { ...datagram, payload: clear };
  }

  /** Of the SRTCP that the sender of this SSRC sent to that IP address. */
  reportsOf(ssrc: number, { address }: TransportAddress): SrtcpCount | undefined {
    return this.#reported.get(`${ssrc} ${address}`);
  }

  #crossing(source: TransportAddress, destination: TransportAddress): Crossing {
    const { version } = this.#table;
    if (version === 0) return NO_KEYS;
    let sources = this.#crossings.get(destination);
    if (!sources) this.#crossings.set(destination, (sources = new WeakMap()));
    const known = sources.get(source);
    if (known?.version === version) return known;
    const keys = this.#table.keysBetween(source, destination);
    const way = keys.length === 0 ? undefined : this.#wayTo(destination);
    const crossing = { version, keys, way };
    sources.set(source, crossing);
    return crossing;
  }

  #wayTo({ address, port }: TransportAddress): Way | undefined {
    const name = `${address} ${port}`;
    let way = this.#ways.get(name);
    if (!way && this.#ways.size < WAYS_MAX) this.#ways.set(name, (way = new Way(this.#crypto)));
    return way;
  }

  #countOf(ssrc: number, { address }: TransportAddress): SrtcpCount | undefined {
    const name = `${ssrc} ${address}`;
    const known = this.#reported.get(name);
    if (known || this.#reported.size === REPORTERS_MAX) return known;
    const count = { authentic: 0, wrongTag: 0, repeated: 0, shortTag: 0 };
    this.#reported.set(name, count);
    return count;
  }
}

const NO_KEYS: Crossing = { version: 0, keys: [], way: undefined };

/** Undefined where it is under none of these. */
function judgeBy(
  receivers: readonly SrtpReceiver[],
  kind: PacketKind,
  packet: Uint8Array,
  nowMs: number,
): Omit<JudgedSrtp, 'suite'> | undefined {
  for (const receiver of receivers) {
    const tagged = kind === 'rtp' ? receiver.checkRtp(packet, nowMs) : receiver.checkRtcp(packet);
    if (typeof tagged === 'string') continue;
    const { clear } = tagged;
    return clear && receiver.accept(tagged, nowMs)
      ? { judgement: 'authentic', clear }
      : { judgement: 'repeated' };
  }
  return undefined;
}
