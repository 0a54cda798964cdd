/*
 * Writes the lines of our own session descriptions (RFC 8866), offers and answers alike. It decides
 * nothing: what was chosen comes in, lines without their ends come out.
 */
import { describeFormats } from './formats.js';
import type { Format } from './formats.js';

/** What an offer or answer of ours says about this server. */
export interface DescriptionOptions {
  /** The IP address that participants send to. */
  readonly address: string;
  readonly rtpPort: number;
  /** Where RTCP is taken when it does not share the RTP port; left out: `rtpPort` + 1, as RFC 3550 has it. */
  readonly rtcpPort?: number | undefined;
  /** Answer: false refuses an offered rtcp-mux. Offer: true offers it. */
  readonly rtcpMux?: boolean | undefined;
  /** Digits, the same for every description of one call; milliseconds since 1970 when left out. */
  readonly sessionId?: string | undefined;
  /** One more than before whenever the description of a call changes (RFC 3264 section 8). Default 1. */
  readonly sessionVersion?: number | undefined;
  /** What the room speaks already, best first: `Rooms.preference(name)`. */
  readonly preference?: readonly Format[] | undefined;
}

/** What one of our m= sections says. */
export interface MediaDescription {
  readonly protocol: string;
  readonly mid?: string | undefined;
  readonly formats: readonly Format[];
  readonly direction: string;
  readonly isRtcpMux: boolean;
}

/** The session part; `time` is the value of its t= line. */
export function describeSession(options: DescriptionOptions, time = '0 0'): string[] {
  const { address, sessionId = String(Date.now()), sessionVersion = 1 } = options;
  const network = `IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`;
  return ['v=0', `o=- ${sessionId} ${sessionVersion} ${network}`, 's=-', `c=${network}`, `t=${time}`];
}

/** One audio section. a=rtcp is written where RTCP is neither multiplexed nor on the next port (RFC 3605). */
export function describeMedia(media: MediaDescription, options: DescriptionOptions): string[] {
  const { rtpPort, rtcpPort } = options;
  const payloadTypes = media.formats.map((format) => format.payloadType).join(' ');
  const lines = [`m=audio ${rtpPort} ${media.protocol} ${payloadTypes}`];
  if (media.mid !== undefined) lines.push(`a=mid:${media.mid}`);
  lines.push(...describeFormats(media.formats), `a=${media.direction}`);
  if (rtcpPort !== undefined && rtcpPort !== rtpPort + 1 && !media.isRtcpMux)
    lines.push(`a=rtcp:${rtcpPort}`);
  if (media.isRtcpMux) lines.push('a=rtcp-mux');
  return lines;
}
