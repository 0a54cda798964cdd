// What an offer and its answer agree on, transport by transport (RFC 3264, protocol.md 2). Looks, and changes nothing:
// the session carries a plan out only when nothing in it is refused.
import type { LatchAttribute, Sdp, SdpMedia } from '../wire/index.js';
import type { Context } from './context.js';
import { chooseSuite, createOwnHalf, isSamePeer, type Agreement } from './credentials.js';
import { isSuite } from './keys.js';
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
    const hasRtcp = !(local.rtcpMux && remote.rtcpMux);
    const latch = exchange.isSecure ? remote.latch : undefined;
    const fault = latch && latchFault(exchange, context, transport, latch);
    const agreement =
      latch && fault === undefined ? agree(exchange, context, transport, latch, remote.challenge) : undefined;
    planned.push({ transport, local, remote, hasRtcp, agreement, fault });
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
