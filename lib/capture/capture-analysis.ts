/*
 * Listens to a capture while it is read and finds its calls and media streams. It keeps counts and headers, never
 * packets, so that a capture of any size costs a bounded amount of memory; what goes beyond is counted as left out.
 */
import { classifyPacket } from '../wire/packet-class.js';
import type { Call } from './call.js';
import { CallLedger } from './call-ledger.js';
import type { CaptureReport } from './capture-report.js';
import { describeCall, StreamDescriber } from './finding.js';
import { findIntruders, groupStreams } from './intruders.js';
import { MediaLedger } from './media-ledger.js';
import type { MediaStream } from './media-stream.js';
import { ProofLedger } from './proof-ledger.js';
import { maybeSip, parseSipMessage } from './sip-message.js';
import type { SipMessage } from './sip-message.js';
import { StreamMatcher } from './stream-matcher.js';
import type { StreamMatch } from './stream-matcher.js';
import type { CapturedDatagram, CapturedSip, CaptureSink } from './traffic.js';

/** A report with the calls and messages that a ladder shows. */
export interface CaptureFindings {
  readonly report: CaptureReport;
  /** In the order of `report.calls`; times in milliseconds since 1970. */
  readonly calls: readonly Call[];
}

const FIRST_PRINTABLE = 0x20;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export class CaptureAnalysis implements CaptureSink {
  readonly #calls = new CallLedger();
  readonly #media = new MediaLedger();
  readonly #proofs = new ProofLedger((ufrag) => this.#calls.passwordOf(ufrag));
  readonly #kinds: Record<string, number> = {};
  #startedMs: number | undefined;
  #endedMs = 0;

  onDatagram(datagram: CapturedDatagram): void {
    this.#noteTime(datagram.timeMs);
    const { payload } = datagram;
    const kind = classifyPacket(payload);
    if (kind === 'rtp') {
      this.#count('rtp');
      this.#media.handleRtp(datagram);
      return;
    }
    if (kind === 'stun') this.#proofs.handleStun(datagram);
    const message = kind !== 'rtcp' && kind !== 'stun' ? readSip(payload) : undefined;
    this.#count(message ? 'sip' : kind);
    if (message) this.#calls.handle({ ...datagram, transport: 'udp', message });
  }

  onSip(captured: CapturedSip): void {
    this.#noteTime(captured.timeMs);
    const message = parseSipMessage(captured.text);
    this.#count(message ? 'sip' : 'other');
    if (message) this.#calls.handle({ ...captured, message });
  }

  /** What was found; to be asked once, when all is read. */
  finish(): CaptureFindings {
    const calls = this.#calls.calls();
    const matcher = new StreamMatcher(calls, this.#proofs.paths);
    const { streams, matches } = this.#chooseStreams(matcher);
    const startedMs = this.#startedMs ?? 0;
    const describer = new StreamDescriber(calls, streams, matches, this.#proofs, startedMs);
    for (const group of groupStreams(streams, matches))
      describer.note(group, findIntruders(group, this.#proofs));
    const own = new Map<Call, number[]>();
    for (const [index, stream] of streams.entries()) {
      const call = matches.get(stream)?.call;
      if (!call) continue;
      const indexes = own.get(call);
      if (indexes) indexes.push(index);
      else own.set(call, [index]);
    }
    const { messages, callIds, otherDialogs, unlistedMessages } = this.#calls;
    return {
      report: {
        startedMs: this.#startedMs ?? null,
        durationMs: this.#endedMs - startedMs,
        kinds: { ...this.#kinds },
        sip: { messages, callIds, otherDialogs },
        calls: calls.map((call) => describeCall(call, startedMs, own.get(call) ?? [], streams)),
        streams: streams.map((stream) => describer.describe(stream)),
        leftOut: {
          callMessages: unlistedMessages + calls.reduce((sum, call) => sum + call.unlistedMessages, 0),
          streams: this.#media.unlistedStreams,
          rtpPackets: this.#media.unlistedPackets,
          stunPackets: this.#proofs.unlisted,
        },
      },
      calls,
    };
  }

  /** RTP for certain is what goes to a signalled port, or between the ends of a call; the rest must behave as RTP. */
  #chooseStreams(matcher: StreamMatcher): {
    streams: MediaStream[];
    matches: ReadonlyMap<MediaStream, StreamMatch>;
  } {
    const all = this.#media.streams();
    for (const stream of all) stream.finish();
    const isNamed = (stream: MediaStream): boolean =>
      matcher.isSignalled(stream.destination.address) ||
      stream.sources.some(({ address }) => matcher.isSignalled(address));
    const matches = matcher.match(all.filter((stream) => stream.isSteady || isNamed(stream)));
    const destinations = new Set([...matches.keys()].map(({ destination }) => destination));
    const streams = all.filter(
      (stream) => stream.isSteady || isNamed(stream) || destinations.has(stream.destination),
    );
    return { streams, matches: matcher.match(streams, matches) };
  }

  #noteTime(timeMs: number): void {
    this.#startedMs ??= timeMs;
    if (timeMs > this.#endedMs) this.#endedMs = timeMs;
  }

  #count(kind: string): void {
    this.#kinds[kind] = (this.#kinds[kind] ?? 0) + 1;
  }
}

/** SIP begins with a letter, or with junk that some senders put before it; what DTLS and ZRTP begin with is not searched. */
function readSip(payload: Uint8Array): SipMessage | undefined {
  const first = payload[0] ?? 0;
  const mayBegin =
    first >= FIRST_PRINTABLE || first === LINE_FEED || first === CARRIAGE_RETURN || first === 0;
  if (!mayBegin) return undefined;
  return maybeSip(payload) ? parseSipMessage(payload) : undefined;
}
