// What an offer and its answer agree on, transport by transport (RFC 3264, protocol.md 2). Looks, and changes nothing:
// the session carries a plan out only when nothing in it is refused.
import type { LatchAttribute, Sdp, SdpMedia } from '../../wire/index.js';
import type { Context, EngineOptions } from '../context.js';
import { chooseSuite, createOwnHalf, isSamePeer, latchLines, type Agreement } from '../proof/credentials.js';
import { createIceHalf, iceLines, type IceAgreement } from '../proof/ice-generation.js';
import { isSuite } from '../suite.js';
import type { Transport } from './transport.js';

/** One transport that offer and answer both have. */
export interface Planned {
  readonly transport: Transport;
  readonly local: SdpMedia;
  readonly remote: SdpMedia;
  /** RTCP has a port of its own (RFC 5761). */
  readonly hasRtcp: boolean;
  /** What was agreed; undefined where latch is not supported. */
  readonly agreement: Agreement | undefined;
  /** Both halves of ICE, where there is no latch, the peer has ICE and we verify (protocol.md 8). */
  readonly ice: IceAgreement | undefined;
  /** Why the peer's attribute is malformed in this place. */
  readonly fault: string | undefined;
}

export interface Exchange {
  readonly local: Sdp;
  readonly remote: Sdp;
  readonly weOffered: boolean;
  /** Secrets may travel on this hop: protocol.md 2. */
  readonly isSecure: boolean;
  readonly isVerifier: boolean;
  /** The peer tag answered for another fork of the same offer. */
  isForeignTag(tag: string): boolean;
}

/** The sections with a transport of their own: BUNDLE groups count once, by their tagged section. */
export function transportSections(sdp: Sdp): readonly SdpMedia[] {
  return sdp.media.filter((media) => !media.isRejected && media.transport === media.index);
}

/** What our offer says of one section: our half of latch where the hop is secure, and of ICE where we verify. */
export function offerLines(
  transport: Transport,
  media: SdpMedia,
  { isSecure, isVerifier }: Pick<Exchange, 'isSecure' | 'isVerifier'>,
  { suites, keepaliveS }: EngineOptions,
): string[] {
  const lines = isSecure
    ? latchLines(transport.ownForOffer(isVerifier), { suitesText: suites.join(',') }, keepaliveS)
    : [];
  if (isVerifier && !media.ice) lines.push(...iceLines(transport.iceForOffer(), media, isRtp(media)));
  return lines;
}

/** Datagrams of another kind (`m=application`) have one component. */
function isRtp({ protocol }: SdpMedia): boolean {
  return /\bRTP\b/i.test(protocol);
}

export function planExchange(
  exchange: Exchange,
  context: Context,
  transportOf: (media: number) => Transport,
): readonly Planned[] {
  const [offer, answer] = exchange.weOffered
    ? [exchange.local, exchange.remote]
    : [exchange.remote, exchange.local];
  const planned: Planned[] = [];
  for (const { index } of transportSections(answer)) {
    if (offer.media[index]?.isRejected !== false) continue;
    const local = exchange.local.media[index];
    const remote = exchange.remote.media[index];
    if (!local || !remote) continue;
    const transport = transportOf(index);
    const hasRtcp = isRtp(local) && !(local.rtcpMux && remote.rtcpMux);
    const latch = exchange.isSecure ? remote.latch : undefined;
    const fault = latch && latchFault(exchange, context, transport, latch);
    const agreement =
      latch && fault === undefined ? agree(exchange, context, transport, latch, remote.challenge) : undefined;
    const isPlain = !agreement && fault === undefined && !local.ice;
    const ice = !isPlain ? undefined : agreeIce(exchange, context, transport, remote);
    planned.push({ transport, local, remote, hasRtcp, agreement, ice, fault });
  }
  return planned;
}

/** Why the attribute is malformed in this offer or answer, beyond the ABNF (protocol.md 2). */
export function latchFault(
  exchange: Pick<Exchange, 'weOffered' | 'isForeignTag'>,
  context: Context,
  transport: Transport,
  latch: LatchAttribute,
): string | undefined {
  const { weOffered } = exchange;
  if (latch.kid === undefined) {
    if (weOffered && latch.suite === undefined) return 'a=latch of an answer names no suite';
    if (!weOffered && latch.suites === undefined) return 'a=latch of an offer names no suites';
  }
  if (latch.tag === transport.own?.tag) return 'a=latch repeats the tag that it answers';
  if (weOffered && exchange.isForeignTag(latch.tag)) return 'a=latch has the tag of another answer';
  const isKnownTag = latch.tag === transport.peer?.tag;
  if (isKnownTag && !isSamePeer(context.crypto, transport.peer, latch)) {
    return 'a=latch has a new secret under an old tag';
  }
  return undefined;
}

function agree(
  exchange: Exchange,
  context: Context,
  transport: Transport,
  peer: LatchAttribute,
  peerWord: Uint8Array | undefined,
): Agreement | undefined {
  const { weOffered, isVerifier } = exchange;
  const { suites } = context.options;
  if (weOffered) {
    const { own } = transport;
    const { suite } = peer;
    if (!own || peer.kid !== undefined || suite === undefined || !isSuite(suite) || !suites.includes(suite))
      return;
    return { own, peer, peerWord, weOffered, offeredSuites: suites.join(','), suite };
  }
  const isPeerKnown = isSamePeer(context.crypto, transport.peer, peer);
  const suite = (isPeerKnown && transport.suite) || chooseSuite(peer, suites);
  if (!suite) return;
  const own = (isPeerKnown && transport.own) || createOwnHalf(context.random, isVerifier);
  return { own, peer, peerWord, weOffered, offeredSuites: peer.suitesText ?? '', suite };
}

/** ICE is a verifier's matter: a prover does without, and so does a peer that brings none (protocol.md 8.1). */
function agreeIce(
  { weOffered, isVerifier }: Exchange,
  context: Context,
  transport: Transport,
  { ice: peer }: SdpMedia,
): IceAgreement | undefined {
  if (!peer || !isVerifier) return undefined;
  if (weOffered) return transport.ownIce && { own: transport.ownIce, peer };
  const own = transport.isIcePeer(peer) ? transport.ownIce : undefined;
  return { own: own ?? createIceHalf(context.random), peer };
}
