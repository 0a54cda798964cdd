/*
 * Puts what is known of a call or a stream into the words of the report. It decides nothing that was not decided before,
 * but for which of the signalled addresses a stream's end is to be compared with.
 */
import { natBetween } from '../core/events.js';
import type { NatChange } from '../core/events.js';
import type { TransportAddress } from '../wire/address.js';
import { formatAddress, isSameAddress } from '../wire/address.js';
import { forecastBlindLatch } from './blind-forecast.js';
import type { BlindOutcome } from './blind-forecast.js';
import type { EvidenceForecast } from './evidence-forecast.js';
import type { Call } from './call.js';
import type {
  CallReport,
  CaptureReport,
  EvidenceReport,
  OutcomeReport,
  StreamReport,
} from './capture-report.js';
import type { Intruder, StreamGroup } from './intruders.js';
import type { MediaSource } from './media-source.js';
import type { MediaStream } from './media-stream.js';
import { otherParty } from './party.js';
import type { Party } from './party.js';
import type { ProofKind, ProofLedger, ProofPath } from './proof-ledger.js';
import type { RtcpLedger } from './rtcp-ledger.js';
import type { SignalledMedia } from './signalled-media.js';
import type { SourceChange } from './source-history.js';
import { clockRateOf, isTelephoneEvent, staticCodec } from './static-codecs.js';
import { describeSrtp } from './srtp-finding.js';
import type { SrtpLedger } from './srtp-ledger.js';
import type { StreamMatch } from './stream-matcher.js';

/** An interface that is captured twice doubles nearly all; what networks double is far less. */
const TWICE_SHARE = 0.75;
const TWICE_MIN = 10;
/** The clock of nearly all telephone events. */
const EVENT_RATE = 8000;
const LATCH_KINDS: readonly ProofKind[] = ['hello', 'welcome', 'challenge', 'response', 'keepalive'];
const ICE_KINDS: readonly ProofKind[] = ['check', 'check-response'];

/** What was found in a capture, for the describer. */
export interface FoundStreams {
  readonly calls: readonly Call[];
  readonly streams: readonly MediaStream[];
  readonly matches: ReadonlyMap<MediaStream, StreamMatch>;
  readonly startedMs: number;
}

/** What the packets beside RTP said. */
export interface Ledgers {
  readonly proofs: ProofLedger;
  readonly rtcp: RtcpLedger;
  /** Undefined where nobody judges SRTP. */
  readonly srtp: SrtpLedger | undefined;
  /** After its end. */
  readonly evidence: EvidenceForecast;
}

export class StreamDescriber {
  readonly #callIndex: ReadonlyMap<Call, number>;
  readonly #streamIndex: ReadonlyMap<MediaStream, number>;
  readonly #matches: ReadonlyMap<MediaStream, StreamMatch>;
  readonly #intruders = new Map<MediaStream, readonly Intruder[]>();
  readonly #paths = new Map<string, ProofPath[]>();
  readonly #startedMs: number;
  readonly #rtcp: RtcpLedger;
  readonly #srtp: SrtpLedger | undefined;
  readonly #evidence: EvidenceForecast;

  constructor(
    { calls, streams, matches, startedMs }: FoundStreams,
    { proofs, rtcp, srtp, evidence }: Ledgers,
  ) {
    this.#evidence = evidence;
    this.#rtcp = rtcp;
    this.#srtp = srtp;
    this.#callIndex = new Map(calls.map((call, index) => [call, index]));
    this.#streamIndex = new Map(streams.map((stream, index) => [stream, index]));
    this.#matches = matches;
    this.#startedMs = startedMs;
    for (const path of proofs.paths)
      for (const end of [path.source, path.destination]) {
        const key = formatAddress(end);
        const paths = this.#paths.get(key);
        if (paths) paths.push(path);
        else this.#paths.set(key, [path]);
      }
  }

  note(group: StreamGroup, intruders: readonly Intruder[]): void {
    for (const stream of group.streams) this.#intruders.set(stream, intruders);
  }

  describe(stream: MediaStream): StreamReport {
    const match = this.#matches.get(stream);
    const intruders = this.#intruders.get(stream) ?? [];
    const strangers = new Set(intruders.filter((one) => one.stream === stream).map(({ source }) => source));
    const genuine = stream.sources.filter((source) => !strangers.has(source));
    const main = genuine[0] ?? stream.sources[0];
    const changes = genuineChanges(stream, main, strangers);
    const types = new Set((genuine.length > 0 ? genuine : stream.sources).flatMap((one) => one.payloadTypes));
    const [payloadType = 0] = types;
    const isStranger = (address: TransportAddress): boolean =>
      intruders.some(({ source }) => isSameAddress(source.address, address));
    const codec = codecOf(payloadType, match);
    const duplicates = duplicatesOf(stream, genuine);
    const srtp = describeSrtp(stream, match, this.#srtp);
    const blind = forecastBlindLatch(stream, changes, isStranger);
    return {
      ssrc: stream.ssrc,
      payloadType,
      payloadTypes: [...types],
      codec,
      source: main ? formatAddress(main.address) : '',
      destination: formatAddress(stream.destination.address),
      call: match ? (this.#callIndex.get(match.call) ?? null) : null,
      calls: match ? [match.call, ...match.others].flatMap((call) => this.#callIndex.get(call) ?? []) : [],
      sender: match?.sender ?? null,
      matchedBy: match?.basis ?? [],
      recognisedBy: match ? 'signalling' : 'sequence',
      // Where it went last: a stream that left the signalled address was moved by a NAT, too.
      ...natOf(stream, changes.at(-1)?.source ?? main, match),
      packets: stream.packets,
      lost: lostOf(stream, genuine, changes),
      duplicates,
      capturedTwice:
        stream.packets - duplicates >= TWICE_MIN && duplicates >= TWICE_SHARE * (stream.packets - duplicates),
      restarts: stream.restarts.map((atMs) => this.#sinceStart(atMs)),
      ...this.#timingOf(stream, codec),
      // Of what nobody has decrypted, keys would be noise.
      dtmf: srtp && srtp.authentic === 0 ? null : this.#dtmfOf(stream, match),
      rtcp: this.#rtcpOf(stream, codec),
      evidence: this.#evidenceOf(stream, match),
      srtp,
      firstMs: this.#sinceStart(stream.firstMs),
      lastMs: this.#sinceStart(stream.lastMs),
      firstFrame: stream.firstFrame,
      lastFrame: stream.lastFrame,
      changes: changes.map(({ atMs, frame, source }) => ({
        atMs: this.#sinceStart(atMs),
        frame,
        source: formatAddress(source.address),
      })),
      sources: stream.sources.map(({ address, packets, count, firstMs, lastMs }) => ({
        source: formatAddress(address),
        packets,
        lost: count.lost,
        duplicates: count.duplicates,
        firstMs: this.#sinceStart(firstMs),
        lastMs: this.#sinceStart(lastMs),
      })),
      intruders: intruders
        // A stream of the intruder's own tells of itself; the sender's tells of all.
        .filter((one) => genuine.length > 0 || one.stream === stream)
        .map(({ stream: own, source, reason }) => ({
          source: formatAddress(source.address),
          ssrc: own.ssrc,
          packets: source.packets,
          firstMs: this.#sinceStart(source.firstMs),
          firstFrame: source.firstFrame,
          reason,
          stream: this.#streamIndex.get(own) ?? -1,
        })),
      latch: {
        ...this.#proofsOf(stream),
        blind: { first: outcomeOf(blind.first), newest: outcomeOf(blind.newest) },
      },
    };
  }

  #evidenceOf(stream: MediaStream, match: StreamMatch | undefined): EvidenceReport | null {
    if (!match) return null;
    const { destination, sources } = stream;
    const place = { callId: match.call.callId, receiver: otherParty(match.sender) };
    const moments = this.#evidence.momentsAt(place, destination.address);
    if (!moments) return null;
    const timesOf = (type: string) =>
      moments.flatMap((one) => (one.type === type ? [this.#sinceStart(one.atMs)] : []));
    const isOwn = (address: TransportAddress) => sources.some((one) => isSameAddress(one.address, address));
    const locks: EvidenceReport['locks'][number][] = [];
    const follows: EvidenceReport['follows'][number][] = [];
    let taken = false;
    for (const moment of moments) {
      const { remote } = moment;
      if (!remote || (moment.type !== 'locked' && moment.type !== 'rebound')) continue;
      taken ||= isOwn(remote);
      const seen = { atMs: this.#sinceStart(moment.atMs), source: formatAddress(remote) };
      if (moment.type === 'locked') locks.push({ ...seen, ground: moment.ground });
      else follows.push(seen);
    }
    return {
      ...{ taken, locks, follows, questionsMs: timesOf('question') },
      ...{ contestsMs: timesOf('contested'), conflictsMs: timesOf('conflict') },
    };
  }

  #timingOf({ arrivals }: MediaStream, codec: string | null): Pick<StreamReport, 'jitter' | 'longestGap'> {
    const { longest, meanJitterMs, maxJitterMs, clockRate } = arrivals;
    const known = clockRateOf(codec ?? undefined);
    // What the signalling said later may be another clock than the packets seemed to have.
    const isSound = clockRate !== undefined && (known === undefined || known === clockRate);
    return {
      jitter:
        isSound && meanJitterMs !== undefined
          ? { meanMs: rounded(meanJitterMs), maxMs: rounded(maxJitterMs) }
          : null,
      longestGap: longest
        ? { ms: rounded(longest.ms), atMs: this.#sinceStart(longest.atMs), missing: longest.missing }
        : null,
    };
  }

  /** The keys of types that are signalled as events or, where they are not signalled, behave as such. */
  #dtmfOf({ events }: MediaStream, match: StreamMatch | undefined): StreamReport['dtmf'] {
    const keys: { digit: string; atMs: number; durationMs: number }[] = [];
    for (const [type, log] of events?.logs ?? []) {
      const codec = codecOf(type, match) ?? undefined;
      if (codec === undefined ? !log.hasEnd : !isTelephoneEvent(codec)) continue;
      const ticksPerMs = (clockRateOf(codec) ?? EVENT_RATE) / 1000;
      for (const { digit, atMs, durationTicks } of log.events)
        keys.push({ digit, atMs: this.#sinceStart(atMs), durationMs: rounded(durationTicks / ticksPerMs) });
    }
    if (keys.length === 0) return null;
    keys.sort((a, b) => a.atMs - b.atMs);
    return { digits: keys.map(({ digit }) => digit).join(''), keys };
  }

  #rtcpOf({ ssrc, destination, arrivals }: MediaStream, codec: string | null): StreamReport['rtcp'] {
    const reports = this.#rtcp.reportsOf(ssrc, destination.address.address);
    if (!reports) return null;
    const rate = clockRateOf(codec ?? undefined) ?? arrivals.clockRate;
    const inMs = (ticks: number): number | null =>
      rate === undefined ? null : rounded((ticks / rate) * 1000);
    const { count, lost, maxFractionLost, jitterTicks, maxJitterTicks, roundTrips } = reports;
    return {
      reports: count,
      lost,
      maxFractionLost: rounded(maxFractionLost),
      jitterMs: inMs(jitterTicks),
      maxJitterMs: inMs(maxJitterTicks),
      roundTrip:
        roundTrips === 0
          ? null
          : {
              meanMs: rounded(reports.roundTripSumMs / roundTrips),
              minMs: rounded(reports.roundTripMinMs),
              maxMs: rounded(reports.roundTripMaxMs),
            },
    };
  }

  #proofsOf(
    stream: MediaStream,
  ): Pick<StreamReport['latch'], 'kind' | 'messages' | 'verified' | 'integrity'> {
    const messages: Partial<Record<ProofKind, number>> = {};
    const verified = new Set<string>();
    const integrity = { valid: 0, invalid: 0 };
    const own = stream.destination.address;
    for (const path of this.#paths.get(formatAddress(own)) ?? []) {
      const far = isSameAddress(path.destination, own) ? path.source : path.destination;
      for (const [kind, count] of Object.entries(path.counts) as [ProofKind, number][])
        messages[kind] = (messages[kind] ?? 0) + count;
      integrity.valid += path.integrityValid;
      integrity.invalid += path.integrityInvalid;
      if (path.answers > 0 && stream.sources.some(({ address }) => isSameAddress(address, far)))
        verified.add(formatAddress(far));
    }
    const has = (kinds: readonly ProofKind[]): boolean => kinds.some((kind) => messages[kind] !== undefined);
    const kind = has(LATCH_KINDS) ? 'latch' : has(ICE_KINDS) ? 'ice' : has(['stun']) ? 'stun' : 'none';
    return { kind, messages, verified: [...verified], integrity };
  }

  #sinceStart(timeMs: number): number {
    return sinceStart(timeMs, this.#startedMs);
  }
}

/** A call, with the streams that belong to it. */
export function describeCall(
  call: Call,
  startedMs: number,
  indexes: readonly number[],
  streams: readonly MediaStream[],
): CallReport {
  const lastMedia = Math.max(0, ...indexes.map((index) => streams[index]?.lastMs ?? 0));
  return {
    callId: call.callId,
    from: call.from,
    to: call.to,
    startMs: sinceStart(call.startMs, startedMs),
    endMs: sinceStart(call.hasEnded ? call.endMs : Math.max(call.endMs, lastMedia), startedMs),
    ended: call.hasEnded,
    status: call.status ?? null,
    outcome: call.outcome,
    onlyHeard: call.onlyHeard ?? null,
    forks: call.forks,
    media: call.descriptions.flatMap(({ party, role, fork, atMs, frame, media }) =>
      media.map((one) => ({
        party,
        role,
        dialog: fork,
        atMs: sinceStart(atMs, startedMs),
        frame,
        kind: one.kind,
        direction: one.direction,
        address: one.rtp ? formatAddress(one.rtp) : null,
        proof: proofOf(one),
        suites: one.keys.map(({ suite }) => suite.name),
      })),
    ),
    streams: indexes,
  };
}

function proofOf({ latchTag, ufrag, keys }: SignalledMedia): 'latch' | 'ice' | 'srtp' | 'none' {
  if (latchTag !== undefined) return 'latch';
  if (ufrag !== undefined) return 'ice';
  return keys.length > 0 ? 'srtp' : 'none';
}

/** What is in the capture twice: most of some stream, or most of the SIP messages over UDP. */
export function describeCopies(
  streams: readonly StreamReport[],
  calls: readonly Call[],
): CaptureReport['capturedTwice'] {
  const twice = streams.filter(({ capturedTwice }) => capturedTwice);
  let [messages, copies] = [0, 0];
  for (const call of calls)
    for (const { transport, copies: own } of call.messages)
      if (transport === 'udp') {
        messages++;
        copies += own;
      }
  const isSipTwice = messages > 1 && copies >= TWICE_SHARE * messages;
  if (twice.length === 0 && !isSipTwice) return null;
  return {
    streams: twice.length,
    rtpPackets: twice.reduce((sum, { duplicates }) => sum + duplicates, 0),
    sipMessages: isSipTwice ? copies : 0,
  };
}

/** To the microsecond: more is noise of a number that holds milliseconds since 1970. */
function sinceStart(timeMs: number, startedMs: number): number {
  return rounded(timeMs - startedMs);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Changes between genuine sources only; where an intruder came between, the sender did not move. */
function genuineChanges(
  stream: MediaStream,
  first: MediaSource | undefined,
  strangers: ReadonlySet<MediaSource>,
): SourceChange[] {
  const changes: SourceChange[] = [];
  let current = first;
  for (const change of stream.history.changes) {
    if (strangers.has(change.source) || change.source === current) continue;
    current = change.source;
    changes.push(change);
  }
  return changes;
}

/** Of the sender's packets, wherever it sent from; those of intruders neither lack nor make up for any. */
function lostOf(
  stream: MediaStream,
  genuine: readonly MediaSource[],
  changes: readonly SourceChange[],
): number {
  if (genuine.length === 0 || genuine.length === stream.sources.length) {
    const [only] = stream.sources;
    return only && stream.sources.length === 1 && stream.unlistedPackets === 0
      ? only.count.lost
      : stream.count.lost;
  }
  // A source that was gone for a while lacks what others sent in the meantime: then only all together tell.
  const hasReturned = changes.length >= genuine.length;
  if (hasReturned) return stream.count.lost;
  return genuine.reduce((sum, { count }, i) => {
    const next = genuine[i + 1];
    return sum + count.lost + (next ? count.gapTo(next.count) : 0);
  }, 0);
}

/** Likewise of what came twice. */
function duplicatesOf(stream: MediaStream, genuine: readonly MediaSource[]): number {
  if (genuine.length === 0 || genuine.length === stream.sources.length) return stream.count.duplicates;
  return genuine.reduce((sum, { count }) => sum + count.duplicates, 0);
}

function codecOf(payloadType: number, match: StreamMatch | undefined): string | null {
  // Dynamic types mean what the receiver's description says, which the sender's repeats (RFC 3264 section 6.1).
  for (const description of match?.call.descriptions ?? []) {
    const codec = description.media.find(({ index }) => index === match?.media)?.codecs.get(payloadType);
    if (codec !== undefined) return codec;
  }
  return staticCodec(payloadType) ?? null;
}

type Nat = Pick<StreamReport, 'signalled' | 'mapping' | 'natEnd' | 'nat'>;

/** The end that is not where it was signalled; where both are, the sender. */
function natOf(stream: MediaStream, source: MediaSource | undefined, match: StreamMatch | undefined): Nat {
  const ends = [
    source && match && natAt('source', source.address, match, match.sender, stream.lastMs),
    match && natAt('destination', stream.destination.address, match, otherParty(match.sender), stream.lastMs),
  ].filter((end) => end !== undefined);
  const moved = ends.find(({ nat }) => nat !== 'none') ?? ends[0];
  return moved ?? { signalled: null, mapping: null, natEnd: null, nat: null };
}

function natAt(
  natEnd: 'source' | 'destination',
  mapping: TransportAddress,
  { call, media }: StreamMatch,
  party: Party,
  untilMs: number,
): (Nat & { readonly nat: NatChange }) | undefined {
  const signalled = signalledFor(call, party, media, mapping, untilMs);
  if (!signalled) return undefined;
  const nat = natBetween(signalled, mapping);
  return { signalled: formatAddress(signalled), mapping: formatAddress(mapping), natEnd, nat };
}

/** Of what a side signalled: the very address; else what came from the address's host; else the last. */
function signalledFor(
  call: Call,
  party: Party,
  index: number,
  seen: TransportAddress,
  untilMs: number,
): TransportAddress | undefined {
  let best: { readonly address: TransportAddress; readonly rank: number } | undefined;
  for (const { party: own, media, sipSource, atMs } of call.descriptions) {
    const section = own === party ? media.find((one) => one.index === index) : undefined;
    if (!section || atMs > untilMs) continue;
    const exact = addressesOf(section).find((address) => isSameAddress(address, seen));
    const address = exact ?? section.rtp;
    if (!address) continue;
    const rank = exact ? 2 : sipSource.address === seen.address ? 1 : 0;
    if (!best || rank >= best.rank) best = { address, rank };
  }
  return best?.address;
}

function addressesOf({ rtp, candidates }: SignalledMedia): TransportAddress[] {
  return rtp ? [rtp, ...candidates] : [...candidates];
}

function outcomeOf({ reached, stolen, lost, targets }: BlindOutcome): OutcomeReport {
  return {
    reached,
    stolen,
    lost,
    targets: targets.map(({ source, packets }) => ({ source: formatAddress(source), packets })),
  };
}
