/**
 * The ports in a description of the application's, which knows those that it began with: those that the peer is to be told stand in their
 * place. Text in, text out; every line that does not name such a port stays byte for byte.
 */
import { parseSdp } from '../index.js';
import type { SdpMedia } from '../index.js';

/** The ports of one transport as a description names them. */
export interface NamedPorts {
  readonly rtp: number;
  readonly rtcp: number;
}

/** A transport, by the index of the section that leads it: what the application writes, and what goes out. */
export interface PortMove {
  readonly from: NamedPorts;
  readonly to: NamedPorts;
}

/** What the section that leads a transport says of its ports; undefined where there is no such transport. */
export function portsIn(sdp: string, media: number): NamedPorts | undefined {
  const parsed = parseSdp(sdp);
  const section = parsed.ok ? parsed.value.media[media] : undefined;
  return section && section.port > 0 ? { rtp: section.port, rtcp: section.rtcp.port } : undefined;
}

/** A section that names another port than the application's first is one that it has moved by itself, and stays. */
export function rewritePorts(sdp: string, moves: ReadonlyMap<number, PortMove>): string {
  const parsed = parseSdp(sdp);
  // What cannot be read is refused where it is read next.
  if (!parsed.ok || moves.size === 0) return sdp;
  let text = '';
  let end = 0;
  for (const section of parsed.value.media) {
    const move = moves.get(section.transport);
    if (!move || section.port !== move.from.rtp) continue;
    text += sdp.slice(end, section.start);
    text += rewriteSection(sdp.slice(section.start, section.end), section, move, parsed.value.eol);
    end = section.end;
  }
  return text + sdp.slice(end);
}

function rewriteSection(lines: string, section: SdpMedia, { from, to }: PortMove, eol: string): string {
  const moved = (port: string): string => {
    if (Number(port) === from.rtp) return String(to.rtp);
    return Number(port) === from.rtcp ? String(to.rtcp) : port;
  };
  const swap = (_: string, before: string, port: string) => before + moved(port);
  // A line begins after CR or LF, and after nothing else.
  const rewritten = lines
    .replace(/^(m=\S+ +)(\d+)/, (_: string, before: string) => before + String(to.rtp))
    .replace(/([\r\n]a=rtcp:)(\d+)/g, swap)
    .replace(/([\r\n]a=candidate:\S+ \d+ \S+ \d+ \S+ )(\d+)/g, swap)
    .replace(/([\r\n]a=candidate:[^\r\n]* rport )(\d+)/g, swap);
  const isTold = section.hasRtcpLine || section.rtcpMux || !/\bRTP\//i.test(section.protocol);
  if (isTold || to.rtcp === to.rtp + 1) return rewritten;
  // Without a line of its own RTCP is taken to be at the next port (RFC 3605).
  const body = rewritten.replace(/[\r\n]+$/, '');
  return `${body}${eol}a=rtcp:${to.rtcp}${rewritten.slice(body.length) || eol}`;
}

const ORIGIN = /(^|[\r\n])(o=\S+ \S+ )(\d{1,19})( [^\r\n]*)/;

/**
 * The description under the version that it needs after another (RFC 3264 section 8): one more where it says something else, the same where it
 * does not, its own where that is higher. One of another origin stays as it is.
 */
export function versionAfter(sdp: string, previous: string): string {
  const now = ORIGIN.exec(sdp);
  const then = ORIGIN.exec(previous);
  if (!now || !then || now[2] !== then[2] || now[4] !== then[4]) return sdp;
  const version = (at: RegExpExecArray) => BigInt(at[3] ?? 0);
  const written = (text: string, value: bigint) => text.replace(ORIGIN, `$1$2${value}$4`);
  const least = version(then) + (written(sdp, 0n) === written(previous, 0n) ? 0n : 1n);
  return version(now) >= least ? sdp : written(sdp, least);
}
