/*
 * Writes the lines of our own session descriptions (RFC 8866), offers and answers alike. It decides
 * nothing: what was chosen comes in, lines without their ends come out.
 */
import { checkOptions, option } from '../core/index.js';
import type { OptionRules } from '../core/index.js';
import { SDP_LIMITS } from '../wire/sdp.js';
import type { SdpLimits } from '../wire/sdp.js';
import { describeFormats } from './formats.js';
import { SRTP_USES } from './sections.js';
import type { SrtpUse } from './sections.js';
import type { Format } from './formats.js';

/** Where we take the media of one transport. */
export interface SectionPorts {
  readonly rtpPort: number;
  /** Where RTCP is taken when it does not share the RTP port; left out: `rtpPort` + 1, as RFC 3550 has it. */
  readonly rtcpPort?: number | undefined;
}

/** What an offer or answer of ours says about this server. */
export interface DescriptionOptions extends SectionPorts {
  /** The IP address that participants send to. */
  readonly address: string;
  /**
   * For more than one audio stream: the ports of every transport, by the index of its m= section. An answer takes
   * the sections of `offeredTransports` that are in it, an offer has the sections of `kindsToOffer`, one each. Left out:
   * audio alone, on `rtpPort`.
   */
  readonly ports?: ReadonlyMap<number, SectionPorts> | undefined;
  /** Answer: false refuses an offered rtcp-mux. Offer: true offers it. */
  readonly rtcpMux?: boolean | undefined;
  /** Digits, the same for every description of one call; milliseconds since 1970 when left out. */
  readonly sessionId?: string | undefined;
  /** One more than before whenever the description of a call changes (RFC 3264 section 8). Default 1. */
  readonly sessionVersion?: number | undefined;
  /** Of the offer that is answered; those of `parseSdp` unless set. */
  readonly sdpLimits?: SdpLimits | undefined;
  /**
   * SRTP with keys in the descriptions, which the session of the call adds and uses (`srtp: 'terminate'`): `accept` takes it and plain RTP,
   * and where both are offered for one kind of media, SRTP. `require` takes and offers nothing else. `'off'` unless set.
   */
  readonly srtp?: SrtpUse | undefined;
  /** What the room speaks already, best first: `Rooms.preference(name)`. */
  readonly preference?: readonly Format[] | undefined;
}

const port = option.wholeNumber(0, 65535);
const SDP_LIMIT_RULES = Object.fromEntries(
  Object.keys(SDP_LIMITS).map((name) => [name, option.required(option.wholeNumber(1))]),
) as unknown as OptionRules<SdpLimits>;
const RULES: OptionRules<DescriptionOptions> = {
  address: option.required(option.ipAddress),
  rtpPort: option.required(port),
  rtcpPort: port,
  ports: option.of('a Map of ports by the index of an m= section', (value) => value instanceof Map),
  rtcpMux: option.boolean,
  sessionId: option.of('a text of digits', (value) => typeof value === 'string' && /^\d+$/.test(value)),
  sessionVersion: option.wholeNumber(0),
  sdpLimits: option.record(SDP_LIMIT_RULES),
  srtp: option.oneOf(SRTP_USES),
  preference: option.of('a list of formats', Array.isArray),
};

/** Throws LATCHKEY_OPTION. */
export function checkDescriptionOptions(what: string, given: DescriptionOptions): void {
  checkOptions(what, given, RULES);
}

/** What one of our m= sections says. */
export interface MediaDescription {
  readonly kind: string;
  readonly protocol: string;
  readonly mid?: string | undefined;
  readonly formats: readonly Format[];
  /** The formats of data, which have no numbers. */
  readonly dataFormats?: readonly string[];
  readonly direction: string;
  readonly isRtcpMux: boolean;
  /** Attributes that follow its own. */
  readonly lines?: readonly string[];
}

/** The session part; `time` is the value of its t= line. */
export function describeSession(options: DescriptionOptions, time = '0 0'): string[] {
  const { address, sessionId = String(Date.now()), sessionVersion = 1 } = options;
  const network = `IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`;
  return ['v=0', `o=- ${sessionId} ${sessionVersion} ${network}`, 's=-', `c=${network}`, `t=${time}`];
}

/** One section. a=rtcp is written where RTCP is neither multiplexed nor on the next port (RFC 3605). */
export function describeMedia(media: MediaDescription, { rtpPort, rtcpPort }: SectionPorts): string[] {
  const { kind, protocol, mid, formats, isRtcpMux, dataFormats } = media;
  const numbers = dataFormats ?? formats.map((format) => format.payloadType);
  const lines = [`m=${kind} ${rtpPort} ${protocol} ${numbers.join(' ')}`];
  if (mid !== undefined) lines.push(`a=mid:${mid}`);
  lines.push(...describeFormats(formats), `a=${media.direction}`);
  const hasRtcpPort = rtcpPort !== undefined && rtcpPort !== rtpPort + 1;
  if (hasRtcpPort && !isRtcpMux && !dataFormats) lines.push(`a=rtcp:${rtcpPort}`);
  if (isRtcpMux) lines.push('a=rtcp-mux');
  return [...lines, ...(media.lines ?? [])];
}
