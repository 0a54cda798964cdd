// How the RTCP of a peer with ICE gets to us (protocol.md 8.1): over RTP's port and component, over a socket of its own, or as
// component 2 at RTP's port. A decision and the lines that say it, nothing else.
import type { SdpMedia } from '../../wire/index.js';

/** What a description of ours says of one section. */
export interface RtcpTerms {
  /** `a=rtcp-mux` stands in it. */
  readonly hasMux: boolean;
  /** We have put it there: the application knows nothing of it. */
  readonly isMuxOurs: boolean;
  /** Where component 2 is; undefined where there is none. */
  readonly port: number | undefined;
  /** We have put it there. */
  readonly isPortOurs: boolean;
}

/** What the session knows besides. */
export interface RtcpSockets {
  /** The port of a socket that is bound for component 2 alone. */
  readonly boundPort: number | undefined;
  /** An earlier answer of ours has brought rtcp-mux in, which later offers have to keep (RFC 5761 section 5.1.3). */
  readonly isMuxOurs: boolean;
}

/** Without a word of ours. */
const NO_RTCP: RtcpTerms = { hasMux: false, isMuxOurs: false, port: undefined, isPortOurs: false };
const MUX_AS_WRITTEN: RtcpTerms = { ...NO_RTCP, hasMux: true };

/** What the application's own lines say. */
export function asWritten({ rtcpMux: hasMux }: Pick<SdpMedia, 'rtcpMux'>): RtcpTerms {
  return hasMux ? MUX_AS_WRITTEN : NO_RTCP;
}

/** Datagrams of another kind (`m=application`) have one component. */
export function isRtp({ protocol }: Pick<SdpMedia, 'protocol'>): boolean {
  return /\bRTP\b/i.test(protocol);
}

/** For an answer of ours to this section of an offer. */
export function answeredRtcp(local: SdpMedia, offered: SdpMedia, sockets: RtcpSockets): RtcpTerms {
  if (!isRtp(local)) return NO_RTCP;
  if (offered.rtcpMux) return { hasMux: true, isMuxOurs: !local.rtcpMux, port: undefined, isPortOurs: false };
  return { hasMux: false, isMuxOurs: false, ...portOf(local, sockets) };
}

/** For an offer of ours. */
export function offeredRtcp(local: SdpMedia, sockets: RtcpSockets): RtcpTerms {
  if (!isRtp(local)) return NO_RTCP;
  const isMuxOurs = sockets.isMuxOurs && !local.rtcpMux;
  return { hasMux: local.rtcpMux || isMuxOurs, isMuxOurs, ...portOf(local, sockets) };
}

/**
 * Where nobody listens on a port of its own, component 2 is at that of RTP: without any candidate for it some phones give up on
 * ICE as a whole. A port that the application has named is one that it knows of.
 */
function portOf(
  local: SdpMedia,
  { boundPort }: RtcpSockets,
): { readonly port: number; readonly isPortOurs: boolean } {
  const port = local.hasRtcpLine ? local.rtcp.port : (boundPort ?? local.port);
  return { port, isPortOurs: port !== local.rtcp.port };
}

/** What the description has to say of it beside its own lines. */
export function rtcpLines({ isMuxOurs, isPortOurs, port }: RtcpTerms): string[] {
  return [...(isPortOurs ? [`a=rtcp:${port}`] : []), ...(isMuxOurs ? ['a=rtcp-mux'] : [])];
}
