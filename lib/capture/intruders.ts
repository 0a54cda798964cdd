/*
 * Which sources sent into a stream's destination without belonging there. With latch or ICE messages in the capture,
 * those that never proved themselves; with keys of SRTP, those whose packets are not under them; without, a source beside the
 * one that the signalling and the order of events point to, unless it took over from it as after a NAT's rebinding. Without keys
 * that is evidence and not proof.
 */
import type { TransportAddress } from '../wire/address.js';
import { formatAddress, isSameAddress } from '../wire/address.js';
import type { Call } from './call.js';
import { otherParty } from './party.js';
import type { StreamMatch } from './stream-matcher.js';
import type { MediaEndpoint } from './media-endpoint.js';
import type { MediaSource } from './media-source.js';
import type { MediaStream } from './media-stream.js';
import type { ProofLedger } from './proof-ledger.js';

/**
 * `unverified`: others proved themselves at this destination by latch or ICE, this source never did;
 * `same-ssrc`: it sent the stream's SSRC while the source before it went on;
 * `other-ssrc`: it sent another SSRC beside the stream, or after it from an address that nobody signalled;
 * `forged`: what others sent was under the key that was agreed on for SRTP, and none of its packets is;
 * `copied`: all of its packets had come from elsewhere before.
 */
export type IntruderReason = 'unverified' | 'same-ssrc' | 'other-ssrc' | 'forged' | 'copied';

export interface Intruder {
  readonly stream: MediaStream;
  readonly source: MediaSource;
  readonly reason: IntruderReason;
}

/** All that one address sent to one destination of one call. */
interface Sender {
  readonly address: TransportAddress;
  readonly parts: { readonly stream: MediaStream; readonly source: MediaSource }[];
  readonly firstMs: number;
  lastMs: number;
  isProven: boolean;
  isSignalled: boolean;
  /** What speaks for it; compared only. */
  rank: number;
  /** Of its packets, by the keys of SRTP that the capture shows. */
  readonly srtp: { authentic: number; wrongTag: number; repeated: number };
}

/** Packets that were under way when the source changed do not make two sources at the same time. */
const OVERLAP_MS = 500;

/** All streams to one destination that belong to one call, or to none. */
export interface StreamGroup {
  readonly destination: MediaEndpoint;
  readonly match: StreamMatch | undefined;
  readonly streams: readonly MediaStream[];
}

/** Groups streams by call and destination: they compete for the same media port. */
export function groupStreams(
  streams: readonly MediaStream[],
  matches: ReadonlyMap<MediaStream, StreamMatch>,
): StreamGroup[] {
  const groups = new Map<MediaEndpoint, Map<Call | undefined, MediaStream[]>>();
  for (const stream of streams) {
    let byCall = groups.get(stream.destination);
    if (!byCall) groups.set(stream.destination, (byCall = new Map<Call | undefined, MediaStream[]>()));
    const call = matches.get(stream)?.call;
    const group = byCall.get(call);
    if (group) group.push(stream);
    else byCall.set(call, [stream]);
  }
  return [...groups].flatMap(([destination, byCall]) =>
    [...byCall.values()].map((own) => ({ destination, match: matches.get(own[0]!), streams: own })),
  );
}

/** Judges one group; in the order in which the intruders appeared. */
export function findIntruders(group: StreamGroup, proofs: ProofLedger): Intruder[] {
  const senders = listSenders(group, proofs);
  const [anchor] = [...senders].sort((a, b) => b.rank - a.rank || a.firstMs - b.firstMs);
  if (!anchor) return [];
  const isProofSeen = senders.some(({ isProven }) => isProven);
  const isKeySeen = senders.some(({ srtp }) => srtp.authentic > 0);
  const line = [anchor];
  const judgeByPlace = (sender: Sender): IntruderReason | undefined => {
    if (!isProofSeen) return judge(sender, line, group.match !== undefined);
    return sender.isProven ? undefined : 'unverified';
  };
  const intruders: Intruder[] = [];
  for (const sender of senders) {
    if (sender === anchor) continue;
    const reason = isKeySeen && isJudged(sender) ? judgeByKey(sender) : judgeByPlace(sender);
    if (reason === undefined) line.push(sender);
    else intruders.push(...sender.parts.map((part) => ({ ...part, reason })));
  }
  return intruders;
}

function isJudged({ srtp: { authentic, wrongTag, repeated } }: Sender): boolean {
  return authentic + wrongTag + repeated > 0;
}

/** A right tag says more than any address. */
function judgeByKey({ srtp: { authentic, wrongTag } }: Sender): IntruderReason | undefined {
  if (authentic > 0) return undefined;
  return wrongTag > 0 ? 'forged' : 'copied';
}

function judge(
  sender: Sender,
  line: readonly Sender[],
  isSignalledPort: boolean,
): IntruderReason | undefined {
  if (sender.isSignalled) return undefined;
  if (line.some((one) => isInConflict(sender, one))) return 'same-ssrc';
  const sharesStream = sender.parts.some(({ stream }) =>
    line.some((one) => one.parts.some((part) => part.stream === stream)),
  );
  if (sharesStream || !isSignalledPort) return undefined;
  const isBeside = line.some(
    (one) => sender.firstMs < one.lastMs - OVERLAP_MS && sender.lastMs > one.firstMs + OVERLAP_MS,
  );
  const isNeighbour = line.some(({ address }) => address.address === sender.address.address);
  return isNeighbour && !isBeside ? undefined : 'other-ssrc';
}

function isInConflict(a: Sender, b: Sender): boolean {
  return a.parts.some(({ stream, source }) =>
    stream.history.conflicts.some(({ holder, rival }) =>
      b.parts.some(
        (other) =>
          (holder === source && rival === other.source) || (rival === source && holder === other.source),
      ),
    ),
  );
}

function listSenders({ destination, match, streams }: StreamGroup, proofs: ProofLedger): Sender[] {
  const senders = new Map<string, Sender>();
  for (const stream of streams) {
    for (const source of stream.sources) {
      const key = formatAddress(source.address);
      let sender = senders.get(key);
      if (!sender) {
        const { address, firstMs, lastMs } = source;
        const srtp = { authentic: 0, wrongTag: 0, repeated: 0 };
        sender = { address, parts: [], firstMs, lastMs, isProven: false, isSignalled: false, rank: 0, srtp };
        senders.set(key, sender);
      }
      sender.parts.push({ stream, source });
      sender.lastMs = Math.max(sender.lastMs, source.lastMs);
      for (const judgement of ['authentic', 'wrongTag', 'repeated'] as const)
        sender.srtp[judgement] += source.srtp?.[judgement] ?? 0;
    }
  }
  for (const sender of senders.values()) weigh(sender, destination.address, match, proofs);
  return [...senders.values()].sort((a, b) => a.firstMs - b.firstMs);
}

/** Proven outweighs signalled, which outweighs where the signalling came from, and so on. */
function weigh(
  sender: Sender,
  destination: TransportAddress,
  match: StreamMatch | undefined,
  proofs: ProofLedger,
): void {
  const { address, parts } = sender;
  // Whoever answered, or was answered by the other end: neither side answers those that it does not know.
  const paths = [proofs.path(address, destination), proofs.path(destination, address)];
  sender.isProven = paths.some((path) => (path?.answers ?? 0) > 0);
  if (sender.isProven) sender.rank += 64;
  if (sender.srtp.authentic > 0) sender.rank += 128;
  if (!match) return;
  const described = match.call.descriptions.filter(({ party }) => party === match.sender);
  const all = described.flatMap(({ media }) => media);
  sender.isSignalled = all.some(({ rtp, candidates }) =>
    [...candidates, ...(rtp ? [rtp] : [])].some((one) => isSameAddress(one, address)),
  );
  if (sender.isSignalled) sender.rank += 32;
  if (described.some(({ sipSource }) => sipSource.address === address.address)) {
    sender.rank += 8;
    if (all.some(({ rtp }) => rtp?.port === address.port)) sender.rank += 4;
  }
  if (parts.some(({ stream }) => all.some(({ ssrcs }) => ssrcs.includes(stream.ssrc)))) sender.rank += 16;
  const formats = new Set(
    match.call.descriptions
      .filter(({ party }) => party === otherParty(match.sender))
      .concat(described)
      .flatMap(({ media }) => media.flatMap((one) => one.formats)),
  );
  if (parts.some(({ source }) => source.payloadTypes.some((type) => formats.has(String(type)))))
    sender.rank += 1;
}
