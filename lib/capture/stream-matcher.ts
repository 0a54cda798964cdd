/*
 * Which call an RTP stream belongs to, although a NAT changed its address. What counts, best first: who the ends proved to
 * be by ICE or latch; that an end is where the signalling says; that an address is the mapping which another stream
 * of the call showed; that the NAT kept the port; the SSRC that was announced. Where one end alone fits two calls, none is taken.
 */
import type { TransportAddress } from '../wire/address.js';
import { formatAddress } from '../wire/address.js';
import type { Call, MediaDescription } from './call.js';
import type { MediaStream } from './media-stream.js';
import { otherParty } from './party.js';
import type { Party } from './party.js';
import type { ProofPath } from './proof-ledger.js';
import type { SignalledMedia } from './signalled-media.js';

/** By what a stream was matched to its call. */
export type MatchBasis = 'proof' | 'destination' | 'source' | 'mapping' | 'port' | 'ssrc';

/** The place of a stream in a call; `others` are calls that name the very same two ends, as the legs of a B2BUA do. */
export interface StreamMatch {
  readonly call: Call;
  readonly sender: Party;
  /** The media section, counted from 0. */
  readonly media: number;
  readonly basis: readonly MatchBasis[];
  readonly others: readonly Call[];
}

/** An address, name or SSRC that one side of a call signalled. */
interface Claim {
  readonly call: Call;
  readonly party: Party;
  readonly media: number;
}

interface Vote extends Claim {
  readonly end: 'source' | 'destination';
  readonly weight: number;
  readonly basis: MatchBasis;
}

interface RatedMatch {
  readonly match: StreamMatch;
  readonly score: number;
}

const WEIGHTS: Readonly<Record<MatchBasis, number>> = {
  proof: 10,
  destination: 8,
  source: 7,
  mapping: 6,
  port: 4,
  ssrc: 3,
};
/** Packets of a call that arrive after its end still belong to it. */
const GRACE_MS = 5000;
/** Reason: one port for thousands of calls tells nothing, and would cost calls times streams. */
const CLAIMS_MAX = 64;
const SOURCES_ASKED = 8;
const ROUNDS_MAX = 4;

export class StreamMatcher {
  readonly #addresses = new Map<string, Claim[]>();
  readonly #ports = new Map<string, Claim[]>();
  readonly #names = new Map<string, Claim[]>();
  readonly #ssrcs = new Map<number, Claim[]>();
  /** What ICE or latch messages showed each address to be. */
  readonly #proven = new Map<string, Claim[]>();
  readonly #mappings = new Map<string, Claim[]>();

  constructor(calls: readonly Call[], paths: readonly ProofPath[]) {
    for (const call of calls)
      for (const description of call.descriptions)
        for (const media of description.media) this.#index(call, description, media);
    for (const { source, destination, sender, recipient, answers, integrityInvalid } of paths) {
      if (integrityInvalid > 0 && answers === 0) continue;
      this.#prove(source, sender);
      this.#prove(destination, recipient);
    }
  }

  /** True where some side signalled this address for its RTP: what arrives there is RTP for certain. */
  isSignalled(address: TransportAddress): boolean {
    return this.#addresses.has(formatAddress(address));
  }

  /** Matches all that can be matched, beside `matches`; what one stream shows of a NAT is used for the others. */
  match(
    streams: readonly MediaStream[],
    matches = new Map<MediaStream, StreamMatch>(),
  ): Map<MediaStream, StreamMatch> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const before = matches.size;
      for (const stream of streams) {
        if (matches.has(stream)) continue;
        const match = this.#matchOne(stream);
        if (!match) continue;
        matches.set(stream, match);
        this.#learn(stream, match);
      }
      if (matches.size === before) break;
    }
    return matches;
  }

  #index(call: Call, { party, sipSource }: MediaDescription, media: SignalledMedia): void {
    const claim = { call, party, media: media.index };
    for (const address of media.rtp ? [media.rtp, ...media.candidates] : media.candidates)
      add(this.#addresses, formatAddress(address), claim);
    if (media.rtp)
      add(this.#ports, formatAddress({ address: sipSource.address, port: media.rtp.port }), claim);
    for (const name of [media.ufrag, media.latchTag]) if (name !== undefined) add(this.#names, name, claim);
    for (const ssrc of media.ssrcs) add(this.#ssrcs, ssrc, claim);
  }

  #prove(address: TransportAddress, name: string | undefined): void {
    for (const claim of this.#names.get(name ?? '') ?? []) add(this.#proven, formatAddress(address), claim);
  }

  /** The source of one stream is where the other direction goes to. */
  #learn({ sources, destination }: MediaStream, { call, sender, media }: StreamMatch): void {
    for (const { address } of sources.slice(0, SOURCES_ASKED))
      add(this.#mappings, formatAddress(address), { call, party: sender, media });
    add(this.#mappings, formatAddress(destination.address), { call, party: otherParty(sender), media });
  }

  #matchOne(stream: MediaStream): StreamMatch | undefined {
    const votes: Vote[] = [...this.#votes(stream.destination.address, 'destination')];
    for (const { address } of stream.sources.slice(0, SOURCES_ASKED))
      votes.push(...this.#votes(address, 'source'));
    for (const claim of this.#ssrcs.get(stream.ssrc) ?? [])
      votes.push({ ...claim, end: 'source', weight: WEIGHTS.ssrc, basis: 'ssrc' });
    let best: RatedMatch | undefined;
    let tied: Call[] = [];
    for (const [call, own] of groupByCall(votes)) {
      if (!isAlive(call, stream)) continue;
      const rated = rate(call, own);
      if (!rated) continue;
      if (!best || rated.score > best.score) {
        tied = [];
        best = rated;
      } else if (rated.score === best.score) {
        const loser = isLater(call, best.match.call, stream) ? best.match.call : call;
        if (areBothAlive(call, best.match.call, stream)) tied.push(loser);
        if (loser !== call) best = rated;
      }
    }
    if (!best) return undefined;
    const { match } = best;
    const others = this.#otherLegs(match, stream);
    // Both ends in two calls: one call bridged into another without touching the media. The first will do. One end alone says
    // nothing, unless the calls are legs of each other.
    const isDoubtful = match.basis.length === 1 && tied.some((call) => !others.includes(call));
    return isDoubtful ? undefined : { ...match, others };
  }

  /** Other legs of the same media: their two sides signalled what the two sides of this call did, and a B2BUA is in both. */
  #otherLegs({ call, sender, media }: StreamMatch, stream: MediaStream): Call[] {
    const near = this.#claimsOn(call, sender, media);
    const far = this.#claimsOn(call, otherParty(sender), media);
    const legs = new Set<Call>();
    for (const claim of near)
      if (
        claim.call !== call &&
        isAlive(claim.call, stream) &&
        far.some(
          (one) => one.call === claim.call && one.party !== claim.party && one.media === claim.media,
        ) &&
        isRelayed(call, otherParty(sender), claim.call, claim.party)
      )
        legs.add(claim.call);
    return [...legs];
  }

  /** Who signalled an address that one side of a call signalled. */
  #claimsOn(call: Call, party: Party, index: number): Claim[] {
    const addresses = new Set<string>();
    for (const description of call.descriptions) {
      if (description.party !== party) continue;
      for (const { index: own, rtp } of description.media)
        if (own === index && rtp) addresses.add(formatAddress(rtp));
    }
    return [...addresses].flatMap((address) => this.#addresses.get(address) ?? []);
  }

  *#votes(address: TransportAddress, end: 'source' | 'destination'): Generator<Vote> {
    const key = formatAddress(address);
    const lists: [MatchBasis, readonly Claim[] | undefined][] = [
      ['proof', this.#proven.get(key)],
      [end, this.#addresses.get(key)],
      ['mapping', this.#mappings.get(key)],
      ['port', this.#ports.get(key)],
    ];
    for (const [basis, claims] of lists)
      for (const claim of claims ?? []) yield { ...claim, end, weight: WEIGHTS[basis], basis };
  }
}

function add<Key>(index: Map<Key, Claim[]>, key: Key, claim: Claim): void {
  const claims = index.get(key);
  if (!claims) index.set(key, [claim]);
  else if (claims.length < CLAIMS_MAX && !claims.some((one) => isSameClaim(one, claim))) claims.push(claim);
}

function isSameClaim(a: Claim, b: Claim): boolean {
  return a.call === b.call && a.party === b.party && a.media === b.media;
}

function groupByCall(votes: readonly Vote[]): Map<Call, Vote[]> {
  const groups = new Map<Call, Vote[]>();
  for (const vote of votes) {
    const group = groups.get(vote.call);
    if (group) group.push(vote);
    else groups.set(vote.call, [vote]);
  }
  return groups;
}

/** What the votes for one call come to. */
function rate(call: Call, votes: readonly Vote[]): RatedMatch | undefined {
  const source = strongest(votes, 'source');
  const destination = strongest(votes, 'destination');
  // Where the two ends contradict each other (both sides at one address), the stronger says who sends.
  const leading = (destination?.weight ?? 0) >= (source?.weight ?? 0) ? destination : source;
  if (!leading) return undefined;
  const sender = senderBy(leading);
  const agreeing = [source, destination].filter(
    (vote) => vote !== undefined && senderBy(vote) === sender,
  ) as Vote[];
  const score = agreeing.reduce((sum, { weight }) => sum + weight, 0);
  const basis = agreeing.map((vote) => vote.basis);
  return { match: { call, sender, media: leading.media, basis, others: [] }, score };
}

function senderBy({ end, party }: Vote): Party {
  return end === 'source' ? party : otherParty(party);
}

function strongest(votes: readonly Vote[], end: Vote['end']): Vote | undefined {
  let best: Vote | undefined;
  for (const vote of votes) if (vote.end === end && vote.weight > (best?.weight ?? 0)) best = vote;
  return best;
}

function isAlive(call: Call, stream: MediaStream): boolean {
  return stream.lastMs >= call.startMs && (!call.hasEnded || stream.firstMs <= call.endMs + GRACE_MS);
}

/** A port that is used again belongs to the call that began last before the stream. */
function isLater(call: Call, than: Call, stream: MediaStream): boolean {
  return call.startMs > than.startMs && call.startMs <= stream.firstMs;
}

function areBothAlive(a: Call, b: Call, stream: MediaStream): boolean {
  return [a, b].every((call) => !call.hasEnded || stream.firstMs <= call.endMs);
}

/** In two calls, somebody signalled the one end of the media in the one and the other end in the other: who has both is between. */
function isRelayed(a: Call, partyOfA: Party, b: Call, partyOfB: Party): boolean {
  const hosts = (call: Call, party: Party): string[] =>
    call.descriptions.filter((one) => one.party === party).map(({ sipSource }) => sipSource.address);
  const isShared = (some: readonly string[], others: readonly string[]): boolean =>
    some.some((host) => others.includes(host));
  return (
    isShared(hosts(a, partyOfA), hosts(b, partyOfB)) ||
    isShared(hosts(a, otherParty(partyOfA)), hosts(b, otherParty(partyOfB)))
  );
}
