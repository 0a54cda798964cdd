/*
 * Listens to a capture while it is read and finds its calls and media streams. It keeps counts and headers, never
 * packets, so that a capture of any size costs a bounded amount of memory; what goes beyond is counted as left out.
 */
import { classifyPacket } from '../wire/packet-class.js';
import type { SrtpCrypto } from '../srtp/index.js';
import type { Call, SeenSip } from './call.js';
import { CallLedger } from './call-ledger.js';
import type { CaptureReport } from './capture-report.js';
import { EvidenceForecast } from './evidence-forecast.js';
import { describeCall, describeCopies, StreamDescriber } from './finding.js';
import { findIntruders, groupStreams } from './intruders.js';
import { MediaLedger } from './media-ledger.js';
import type { MediaStream } from './media-stream.js';
import { ProofLedger } from './proof-ledger.js';
import { RtcpLedger } from './rtcp-ledger.js';
import { maybeSip, parseSipMessage } from './sip-message.js';
import type { SipMessage } from './sip-message.js';
import { SrtpLedger } from './srtp-ledger.js';
import { StreamMatcher } from './stream-matcher.js';
import type { StreamMatch } from './stream-matcher.js';
import type { CapturedDatagram, CapturedSip, CaptureSink } from './traffic.js';

/** A report with the calls and messages that a ladder shows. */
export interface CaptureFindings {
  readonly report: CaptureReport;
  /** In the order of `report.calls`; times in milliseconds since 1970. */
  readonly calls: readonly Call[];
}

const HEP3: readonly number[] = Array.from('HEP3', (letter) => letter.charCodeAt(0));
/** With IPv4 and with IPv6 addresses; version 2 has a time besides, and some count it in. */
const HEP_HEADER_BYTES: Readonly<Record<1 | 2, readonly number[]>> = { 1: [16, 40], 2: [16, 28, 40, 52] };
/** AF_INET, and AF_INET6 of Linux and others. */
const HEP_FAMILIES: readonly number[] = [2, 10, 28, 30];
const FIRST_PRINTABLE = 0x20;
/** Blocks of one file lie seconds apart. */
const DISORDER_MAX_MS = 3_600_000;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export class CaptureAnalysis implements CaptureSink {
  readonly #calls = new CallLedger();
  readonly #media = new MediaLedger(
    (type, destination, source) =>
      this.#calls.codecAt(destination, type) ?? this.#calls.codecAt(source, type),
  );
  readonly #rtcp = new RtcpLedger();
  readonly #srtp: SrtpLedger | undefined;
  readonly #evidence = new EvidenceForecast();
  readonly #proofs = new ProofLedger((ufrag) => this.#calls.passwordOf(ufrag));
  readonly #kinds: Record<string, number> = {};
  #startedMs: number | undefined;
  #endedMs = 0;

  /** @param options `srtpCrypto`: the ciphers of SRTP. Without them no SRTP is judged. */
  constructor({ srtpCrypto }: { readonly srtpCrypto?: SrtpCrypto } = {}) {
    if (srtpCrypto) this.#srtp = new SrtpLedger(srtpCrypto);
  }

  onDatagram(datagram: CapturedDatagram): void {
    this.#noteTime(datagram.timeMs);
    const { payload } = datagram;
    const kind = classifyPacket(payload);
    if (kind === 'rtp') {
      this.#count('rtp');
      this.#evidence.handleRtp(datagram);
      const judged = this.#srtp?.judgeRtp(datagram);
      this.#media.handleRtp(judged?.clear ? { ...datagram, payload: judged.clear } : datagram, judged);
      return;
    }
    if (kind === 'stun') this.#proofs.handleStun(datagram);
    if (kind === 'rtcp') this.#noteRtcp(datagram);
    const isCut = datagram.cutBytes !== undefined;
    const message = kind !== 'rtcp' && kind !== 'stun' ? readSip(payload, isCut) : undefined;
    this.#count(message ? 'sip' : isHep(payload) ? 'hep' : kind);
    if (message) this.#noteSip({ ...datagram, transport: 'udp', message });
  }

  onSip(captured: CapturedSip): void {
    this.#noteTime(captured.timeMs);
    const message = parseSipMessage(captured.text);
    this.#count(message ? 'sip' : 'other');
    if (message) this.#noteSip({ ...captured, message });
  }

  #noteSip(seen: SeenSip): void {
    const description = this.#calls.handle(seen);
    this.#evidence.handleSip(seen, description);
    if (description)
      this.#srtp?.noteDescription({
        ...{ callId: seen.message.callId, description, destination: seen.destination },
      });
  }

  #noteRtcp(datagram: CapturedDatagram): void {
    const clear = this.#srtp ? this.#srtp.openRtcp(datagram) : datagram;
    if (clear) this.#rtcp.handleRtcp(clear);
  }

  /** What was found; to be asked once, when all is read. */
  finish(): CaptureFindings {
    const calls = this.#calls.calls();
    const matcher = new StreamMatcher(calls, this.#proofs.paths);
    const { streams, matches } = this.#chooseStreams(matcher);
    const startedMs = this.#startedMs ?? 0;
    this.#evidence.finish(this.#endedMs);
    const found = { calls, streams, matches, startedMs };
    const describer = new StreamDescriber(found, {
      ...{ proofs: this.#proofs, rtcp: this.#rtcp, srtp: this.#srtp, evidence: this.#evidence },
    });
    for (const group of groupStreams(streams, matches))
      describer.note(group, findIntruders(group, this.#proofs));
    const own = new Map<Call, number[]>();
    for (const [index, stream] of streams.entries()) {
      const match = matches.get(stream);
      for (const call of match ? [match.call, ...match.others] : []) {
        const indexes = own.get(call);
        if (indexes) indexes.push(index);
        else own.set(call, [index]);
      }
    }
    const { messages, callIds, otherDialogs, unlistedMessages, namelessMessages } = this.#calls;
    const described = streams.map((stream) => describer.describe(stream));
    return {
      report: {
        startedMs: this.#startedMs ?? null,
        durationMs: this.#endedMs - startedMs,
        kinds: { ...this.#kinds },
        sip: { messages, callIds, otherDialogs, cutBeforeCallId: namelessMessages },
        calls: calls.map((call) => describeCall(call, startedMs, own.get(call) ?? [], streams)),
        streams: described,
        capturedTwice: describeCopies(described, calls),
        leftOut: {
          callMessages: unlistedMessages + calls.reduce((sum, call) => sum + call.unlistedMessages, 0),
          streams: this.#media.unlistedStreams,
          rtpPackets: this.#media.unlistedPackets,
          stunPackets: this.#proofs.unlisted,
          rtcpReports: this.#rtcp.unlisted,
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

  /** Where the packets are not in the order of time, the earliest is the first; one that is far before is a damaged one. */
  #noteTime(timeMs: number): void {
    const started = (this.#startedMs ??= timeMs);
    if (timeMs < started && started - timeMs < DISORDER_MAX_MS) this.#startedMs = timeMs;
    if (timeMs > this.#endedMs) this.#endedMs = timeMs;
  }

  #count(kind: string): void {
    this.#kinds[kind] = (this.#kinds[kind] ?? 0) + 1;
  }
}

/**
 * The Homer Encapsulation Protocol: what capture agents send to their collector. Version 3 has its name in front; 1 and 2 have
 * their number, the size of their header and the family of the addresses in it.
 */
function isHep(payload: Uint8Array): boolean {
  if (HEP3.every((byte, i) => payload[i] === byte)) return true;
  const [version, size = 0, family = 0] = payload;
  const isHead = version === 1 || version === 2;
  return isHead && HEP_HEADER_BYTES[version].includes(size) && HEP_FAMILIES.includes(family);
}

/** SIP begins with a letter, or with junk that some senders put before it; what DTLS and ZRTP begin with is not searched. */
function readSip(payload: Uint8Array, isCut: boolean): SipMessage | undefined {
  const first = payload[0] ?? 0;
  const mayBegin =
    first >= FIRST_PRINTABLE || first === LINE_FEED || first === CARRIAGE_RETURN || first === 0;
  if (!mayBegin) return undefined;
  return maybeSip(payload) ? parseSipMessage(payload, isCut) : undefined;
}
