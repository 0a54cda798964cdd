// What an offer and its answer agree on, transport by transport (RFC 3264, protocol.md 2). Looks, and changes nothing:
// the session carries a plan out only when nothing in it is refused.
import {
  ipRange,
  parseIp,
  type LatchAttribute,
  type Sdp,
  type SdpMedia,
  type TransportAddress,
} from '../../wire/index.js';
import type { EvidenceAgreement, MediaTerms, OpenAgreement, SrtpAgreement } from '../call/agreement.js';
import type { Context, EngineOptions } from '../context.js';
import {
  chooseSuite,
  createOwnHalf,
  DEFAULT_KEEPALIVE_S,
  halfOf,
  latchLines,
  type LatchTerms,
} from '../proof/credentials.js';
import { createIceHalf, iceHalfOf, iceLines, type IceTerms } from '../proof/ice-generation.js';
import type { Suite } from '../suite.js';
import {
  agreeOnKeys,
  answeredCryptoLines,
  keysFault,
  offeredCryptoLines,
  usableLines,
  type AgreedKeys,
} from './crypto-lines.js';
import type { Halves } from './halves.js';
import { answeredRtcp, asWritten, isRtp, offeredRtcp, rtcpLines, type RtcpTerms } from './rtcp-terms.js';
import type { Stance } from './stance.js';

/** One transport that offer and answer both have. */
export interface Planned {
  readonly local: SdpMedia;
  readonly remote: SdpMedia;
  readonly agreement: OpenAgreement;
  /** What our description says of its RTCP. */
  readonly rtcp: RtcpTerms;
  /** Why the peer's attribute is malformed in this place. */
  readonly fault: string | undefined;
  /** What the peer's `a=crypto` and ours agree on. */
  readonly keys: AgreedKeys | undefined;
  /** The section is SRTP, and nothing has been agreed on that we could decrypt it with. */
  readonly keysFault: string | undefined;
}

/** An offer and its answer, or as much of it as is known. */
export interface Descriptions {
  readonly local: Sdp;
  readonly remote: Sdp;
}

/** The sections with a transport of their own: BUNDLE groups count once, by their tagged section. */
export function transportSections(sdp: Sdp): readonly SdpMedia[] {
  return sdp.media.filter((media) => !media.isRejected && media.transport === media.index);
}

/** What a section says of latch, as far as it counts on this hop: a secret that is no more than random input may come by any. */
export function latchOf(
  { isSecure }: Pick<Stance, 'isSecure'>,
  { latch }: SdpMedia,
): LatchAttribute | undefined {
  return isSecure || latch?.kid !== undefined ? latch : undefined;
}

/** The best suite that both have; none where the key that the offer names is not known (protocol.md 2). */
export function chooseLatch(
  { namedKey }: Pick<Stance, 'namedKey'>,
  offer: LatchAttribute,
  ours: readonly Suite[],
): Suite | undefined {
  if (offer.kid !== undefined && !namedKey(offer.kid)) return undefined;
  return chooseSuite(offer, ours);
}

/** What says where a peer is: a secret that its description brings (protocol.md 8). */
export type OfferedProof = 'latch' | 'ice' | 'srtp';

/** By what a section of the peer's offer can say where the peer is, the best first. Undefined: it brings no secret that counts here. */
export function proofOf(
  stance: Stance,
  media: SdpMedia,
  { options: { suites } }: Context,
): OfferedProof | undefined {
  const latch = latchOf(stance, media);
  if (latch && chooseLatch(stance, latch, suites)) return 'latch';
  if (!stance.isVerifier) return undefined;
  if (media.ice) return 'ice';
  return usableLines(stance, media).length > 0 ? 'srtp' : undefined;
}

/** What our offer says of one section: our half of latch and our keys of SRTP where the hop is secure, and ICE where we verify. */
export function offerLines(
  halves: Halves,
  media: SdpMedia,
  stance: Stance,
  context: Context,
): { readonly lines: readonly string[]; readonly rtcp: RtcpTerms } {
  const { isSecure, isVerifier, offeredKid } = stance;
  const { random, options } = context;
  const { suites, keepaliveS } = options;
  const lines = offeredCryptoLines(halves, stance, media, context);
  const hasIce = isVerifier && !media.ice;
  const rtcp = hasIce ? offeredRtcp(media, stance.rtcpSockets(media.index)) : asWritten(media);
  const kid = offeredKid ?? halves.own?.kid;
  if (isSecure || kid !== undefined) {
    const own = halves.ownForOffer(random, isVerifier, kid);
    lines.push(...latchLines(own, { suitesText: suites.join(',') }, keepaliveS));
  }
  if (hasIce) lines.push(...iceLines(halves.iceForOffer(random), media, rtcp.port), ...rtcpLines(rtcp));
  return { lines, rtcp };
}

/** What our answer says of one section. */
export function answerLines(
  { agreement, local, rtcp, keys }: Planned,
  { keepaliveS }: EngineOptions,
): string[] {
  const lines = keys ? answeredCryptoLines(keys) : [];
  switch (agreement.kind) {
    case 'latch':
      return [...lines, ...latchLines(agreement.own, { suite: agreement.suite }, keepaliveS)];
    case 'ice':
      return [...lines, ...iceLines(agreement.own, local, rtcp.port), ...rtcpLines(rtcp)];
    case 'srtp':
    case 'evidence':
    case 'none':
    case 'legacy':
      return lines;
  }
}

export function planExchange(
  stance: Stance,
  { local: ours, remote: theirs }: Descriptions,
  context: Context,
  halvesOf: (media: number) => Halves,
): readonly Planned[] {
  const [offer, answer] = stance.weOffered ? [ours, theirs] : [theirs, ours];
  const advertised = ours.media.find((media) => media.address !== '')?.address;
  const planned: Planned[] = [];
  for (const { index } of transportSections(answer)) {
    if (offer.media[index]?.isRejected !== false) continue;
    const local = ours.media[index];
    const remote = theirs.media[index];
    if (!local || !remote) continue;
    const halves = halvesOf(index);
    const latch = latchOf(stance, remote);
    const fault = latch && latchFault(stance, context, halves, latch);
    const keys = agreeOnKeys(stance, context, halves, { local, remote });
    const ssrcs = ssrcsOf(theirs, index);
    const stream = streamTermsOf(ours, theirs, index);
    const terms = agreeOn(stance, context, halves, { local, remote, fault, keys, ssrcs, stream });
    const rtcp = rtcpOf(stance, local, remote, terms.kind);
    const agreement = { advertised, ...terms, ...mediaTerms(local, remote, rtcp) };
    const isKeyed = keys !== undefined || local.hasCryptoLine;
    planned.push({
      local,
      remote,
      fault,
      rtcp,
      keys,
      keysFault: keysFault(stance, remote, isKeyed),
      agreement,
    });
  }
  return planned;
}

interface Section {
  readonly local: SdpMedia;
  readonly remote: SdpMedia;
  readonly fault: string | undefined;
  readonly keys: AgreedKeys | undefined;
  /** Those that the peer announces for the transport. */
  readonly ssrcs: readonly number[];
  /** What both say of its packets. */
  readonly stream: AgreedStream;
}

type AgreedStream = Pick<EvidenceAgreement, 'payloadTypes' | 'clockRates' | 'eventTypes'>;

/** What protects a section, without what is said of the media itself. */
type Terms =
  | ({ readonly kind: 'latch' } & LatchTerms & Pick<MediaTerms, 'srtp'>)
  | ({ readonly kind: 'ice' } & IceTerms & Pick<MediaTerms, 'srtp'>)
  | ({ readonly kind: 'srtp' } & Omit<SrtpAgreement, keyof MediaTerms>)
  | ({ readonly kind: 'evidence' } & Omit<EvidenceAgreement, keyof MediaTerms>)
  | ({ readonly kind: 'none' } & Pick<MediaTerms, 'srtp'>)
  | { readonly kind: 'legacy'; readonly payloadTypes: readonly number[] };

/** The best that both have: latch, ICE, SRTP, then what the policy has for a peer with none of them (protocol.md 7, 8). */
function agreeOn(stance: Stance, context: Context, halves: Halves, section: Section): Terms {
  const { local, remote, fault, keys, ssrcs, stream } = section;
  // Where latch or ICE says where the peer is, SRTP is still what its packets are: ours to protect, if the keys are ours.
  const srtp = keys?.terms.own && keys.terms;
  const latch = fault === undefined ? agreeOnLatch(stance, context, halves, remote) : undefined;
  if (latch) return { kind: 'latch', ...latch, srtp };
  const ice = fault === undefined && !local.ice ? agreeOnIce(stance, context, halves, remote) : undefined;
  if (ice) return { kind: 'ice', ...ice, srtp };
  if (keys && stance.isVerifier) return { kind: 'srtp', ...keys.terms, ssrcs };
  // Data that is not RTP has no stream that could be told from another's: it goes to the address in the description alone.
  if (!stance.isVerifier || srtp || !isRtp(local)) return { kind: 'none', srtp };
  if (stance.policy === 'blind') return { kind: 'legacy', payloadTypes: payloadTypesOf(local) };
  return { kind: 'evidence', ...stream, ssrcs };
}

/** What we have offered stands; an answer of ours says more than the application has written to a peer with ICE only. */
function rtcpOf(stance: Stance, local: SdpMedia, remote: SdpMedia, kind: Terms['kind']): RtcpTerms {
  const { index } = remote;
  if (stance.weOffered) return stance.offeredRtcp(index) ?? asWritten(local);
  return kind === 'ice' ? answeredRtcp(local, remote, stance.rtcpSockets(index)) : asWritten(local);
}

function mediaTerms(local: SdpMedia, remote: SdpMedia, { hasMux, port }: RtcpTerms): MediaTerms {
  const { direction, rtcp } = remote;
  const isListening = local.direction === 'sendrecv' || local.direction === 'recvonly';
  const hasRtcp = isRtp(local) && !(hasMux && remote.rtcpMux);
  return {
    remote: usable(remote.address, remote.port),
    rtcp: hasRtcp ? { remote: usable(rtcp.address, rtcp.port), sharesPort: port === local.port } : undefined,
    expectsMedia: direction === 'sendrecv' || direction === 'sendonly',
    ...((direction === 'sendonly' || !isListening) && { isHeld: true }),
  };
}

function ssrcsOf({ media }: Sdp, transport: number): readonly number[] {
  return media.flatMap((section) => (section.transport === transport ? section.ssrcs : []));
}

/** Of all sections of the transport, in both descriptions. */
function streamTermsOf(ours: Sdp, theirs: Sdp, transport: number): AgreedStream {
  const sections = [ours, theirs].flatMap(({ media }) => media.filter((one) => one.transport === transport));
  const clockRates: Record<number, number> = {};
  const eventTypes: number[] = [];
  for (const { rtpmaps } of sections)
    for (const [type, map] of rtpmaps) {
      const [encoding, rate] = map.split('/');
      if (Number(rate) > 0) clockRates[type] = Number(rate);
      if (encoding?.toLowerCase() === 'telephone-event') eventTypes.push(type);
    }
  return { payloadTypes: sections.flatMap(payloadTypesOf), clockRates, eventTypes };
}

/** The address as a place to send to: not where a hold (0.0.0.0), port 0 or a host name says nothing of the kind. */
function usable(address: string, port: number): TransportAddress | undefined {
  if (port === 0 || !parseIp(address) || ipRange(address).range === 'unspecified') return undefined;
  return { address, port };
}

function payloadTypesOf({ formats }: SdpMedia): readonly number[] {
  return formats.map(Number).filter((type) => Number.isInteger(type) && type >= 0 && type <= 127);
}

/** Why the attribute is malformed in this offer or answer, beyond the ABNF (protocol.md 2). */
export function latchFault(
  { weOffered, isForeignTag }: Pick<Stance, 'weOffered' | 'isForeignTag'>,
  { crypto }: Context,
  halves: Halves,
  latch: LatchAttribute,
): string | undefined {
  if (weOffered && latch.suite === undefined) return 'a=latch of an answer names no suite';
  if (!weOffered && latch.suites === undefined) return 'a=latch of an offer names no suites';
  if (latch.tag === halves.own?.tag) return 'a=latch repeats the tag that it answers';
  if (weOffered && isForeignTag(latch.tag)) return 'a=latch has the tag of another answer';
  if (halves.isPeerTag(latch.tag) && !halves.isPeer(crypto, latch)) {
    return 'a=latch has a new secret or kid under an old tag';
  }
  return undefined;
}

function agreeOnLatch(
  stance: Stance,
  { crypto, random, options: { suites } }: Context,
  halves: Halves,
  section: SdpMedia,
): LatchTerms | undefined {
  const { weOffered, isVerifier } = stance;
  const { challenge } = section;
  const latch = latchOf(stance, section);
  if (!latch) return undefined;
  const namedKey = latch.kid === undefined ? undefined : stance.namedKey(latch.kid);
  // Where the peer repeats its half, so do we, and the suite stays (protocol.md 2).
  const known = halves.isPeer(crypto, latch) ? halves : undefined;
  const keepaliveS = latch.keepaliveS ?? DEFAULT_KEEPALIVE_S;
  const common = { peer: halfOf(latch, challenge), namedKey, keepaliveS };
  if (weOffered) {
    const { own } = halves;
    const suite = suites.find((one) => one === latch.suite);
    // Both name the same key, or neither does.
    if (!own || latch.kid !== own.kid || suite === undefined) return undefined;
    return { own, isOfferer: true, offeredSuites: suites.join(','), suite: known?.suite ?? suite, ...common };
  }
  const suite = known?.suite ?? chooseLatch(stance, latch, suites);
  if (!suite) return undefined;
  const own = known?.own ?? createOwnHalf(random, isVerifier, latch.kid);
  return { own, isOfferer: false, offeredSuites: latch.suitesText ?? '', suite, ...common };
}

/** ICE is a verifier's matter: a prover does without, and so does a peer that brings none (protocol.md 8.1). */
function agreeOnIce(
  { weOffered, isVerifier }: Stance,
  { crypto, random }: Context,
  halves: Halves,
  { ice }: SdpMedia,
): IceTerms | undefined {
  if (!ice || !isVerifier) return undefined;
  const peer = iceHalfOf(ice);
  if (weOffered) return halves.ownIce && { own: halves.ownIce, peer };
  const own = halves.isIcePeer(crypto, ice) ? halves.ownIce : undefined;
  return { own: own ?? createIceHalf(random), peer };
}
