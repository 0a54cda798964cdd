// A second reading of protocol.md 8.3 for calls without a key, out of datagrams alone: which address may be taken for the peer's.
// It shares no line with the engine, and allows what the rules allow: it does not say when a lock has to be.
import { MixedViolation } from './mixed-rules.js';

/** A run: so many packets of one SSRC, each so little after the one before. */
const RUN_PACKETS = 3;
const RUN_STEP = 16;
const RUN_PAUSE_MS = 500;
/** More than the engine keeps of a source: not all that comes is of those. */
const MAX_KEPT = 400;
/** Who goes on with a stream from elsewhere has it when the source before has been silent for so long. */
const FOLLOW_SILENT_MS = 60;
/** A source that was left takes its stream back (8.3.7), and what is late from there is taken (5.5). */
const LEFT_MS = 30_000;
const LATE_MS = 5000;

interface Heard {
  sequence: number;
  atMs: number;
  count: number;
  hasRun: boolean;
  packets: number;
}

interface Source {
  readonly streams: Map<number, Heard>;
  /** What nobody has had at once, the newest last. */
  readonly kept: Uint8Array[];
  leftMs: number;
}

/** What the call's signalling has told of where its peer is. */
export interface ToldPlace {
  readonly signalledKey: string;
  /** The address in the SDP may be a target (5.7). */
  readonly isSignalledAllowed: boolean;
  /** IP addresses that are home (8). */
  readonly homes: readonly string[];
}

export class EvidenceReading {
  readonly #sources = new Map<string, Source>();
  /** Which address was taken last: after `expired` its stream may go on elsewhere as well (8.3.10). */
  #last: string | undefined;

  /** A datagram has come to the port, whoever has it. */
  note(key: string, bytes: Uint8Array, nowMs: number): void {
    const source = this.#source(key);
    source.kept.push(bytes);
    if (source.kept.length > MAX_KEPT) source.kept.shift();
    if (!isRtp(bytes)) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const ssrc = view.getUint32(8);
    const sequence = view.getUint16(2);
    const heard = source.streams.get(ssrc);
    if (!heard) {
      source.streams.set(ssrc, { sequence, atMs: nowMs, count: 1, hasRun: false, packets: 1 });
      return;
    }
    const step = (sequence - heard.sequence) & 0xffff;
    if (step === 0) return;
    // Behind: it begins anew, as a phone does that starts again, or one whose source address somebody has written before.
    const goesOn = step <= RUN_STEP && nowMs - heard.atMs <= RUN_PAUSE_MS;
    heard.count = goesOn ? heard.count + 1 : 1;
    heard.packets++;
    if (heard.count >= RUN_PACKETS) heard.hasRun = true;
    heard.sequence = sequence;
    heard.atMs = nowMs;
  }

  /** The engine takes another address for the peer's than before. */
  judgeLock(key: string, told: ToldPlace, nowMs: number): void {
    const before = this.#last;
    this.#last = key;
    if (key === before) return;
    const source = this.#source(key);
    const isBack = nowMs - source.leftMs <= LEFT_MS;
    source.leftMs = -Infinity;
    if (before !== undefined) this.#source(before).leftMs = nowMs;
    const ip = key.slice(0, key.indexOf('|'));
    const mayBe = (key === told.signalledKey && told.isSignalledAllowed) || told.homes.includes(ip);
    if (mayBe && [...source.streams.values()].some(({ hasRun }) => hasRun)) return;
    if (isBack || (before !== undefined && this.#follows(source, this.#source(before), nowMs))) return;
    throw new MixedViolation(`8.3: ${key} is taken for a peer's, which nothing says (before: ${before})`);
  }

  /** It has sent three packets of a stream that the source before has had a run of, and that one is silent. */
  #follows(source: Source, before: Source, nowMs: number): boolean {
    for (const [ssrc, heard] of source.streams) {
      const old = before.streams.get(ssrc);
      if (old?.hasRun === true && heard.packets >= RUN_PACKETS && nowMs - old.atMs >= FOLLOW_SILENT_MS)
        return true;
    }
    return false;
  }

  /** Payload from there was handed on later than it came: it has come, and is handed on once. */
  judgeHeld(key: string, bytes: Uint8Array): void {
    const { kept } = this.#source(key);
    const at = kept.findIndex((one) => Buffer.compare(one, bytes) === 0);
    if (at < 0) throw new MixedViolation(`8.3.4: payload from ${key} is handed on that did not come`);
    kept.splice(at, 1);
  }

  /** What is late from the address before may be taken. */
  mayBeLate(key: string, nowMs: number): boolean {
    return nowMs - (this.#sources.get(key)?.leftMs ?? -Infinity) <= LATE_MS;
  }

  #source(key: string): Source {
    let source = this.#sources.get(key);
    if (!source) this.#sources.set(key, (source = { streams: new Map(), kept: [], leftMs: -Infinity }));
    return source;
  }
}

function isRtp(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  return bytes.length >= 12 && first >> 6 === 2 && !(second >= 192 && second <= 223);
}
