/*
 * What one side of a call says about its media: the addresses it will be at, the names and passwords under which it
 * proves itself, and the SSRCs that it announces. Read out of an SDP by lib/wire; ICE candidates (RFC 8839 section 5.1)
 * and `a=ssrc` (RFC 5576) are read here. Passwords are for checking messages of the same capture, never for printing.
 */
import type { TransportAddress } from '../wire/address.js';
import { normaliseIp, parseIp } from '../wire/address.js';
import { parseSdp, stripLatch } from '../wire/sdp.js';
import type { Direction, Sdp, SdpMedia } from '../wire/sdp.js';
import { signalledKeys } from './signalled-key.js';
import type { SignalledKey } from './signalled-key.js';

/** One media section, as one side signalled it. */
export interface SignalledMedia {
  readonly index: number;
  /** `audio`, `video`, … as sent. */
  readonly kind: string;
  readonly direction: Direction;
  /** The protocol of its line: `RTP/SAVP`. */
  readonly profile: string;
  /** Where RTP is to go; undefined for a host name, the zero address of an old-style hold, or port 0. */
  readonly rtp: TransportAddress | undefined;
  /** Where RTCP is to go, if not to `rtp`; undefined likewise. */
  readonly rtcp: TransportAddress | undefined;
  /** ICE candidates for RTP over UDP, `rtp` itself left out. */
  readonly candidates: readonly TransportAddress[];
  readonly formats: readonly string[];
  /** By payload type: `opus/48000/2`. */
  readonly codecs: ReadonlyMap<number, string>;
  readonly ssrcs: readonly number[];
  readonly ufrag: string | undefined;
  /** A secret: what prints the object prints no secret. */
  readonly password: (() => string) | undefined;
  readonly latchTag: string | undefined;
  /** What it may protect its packets with (`a=crypto`, RFC 4568): a key a line, of the lines that can be used. */
  readonly keys: readonly SignalledKey[];
}

const CANDIDATES_MAX = 16;
const SSRCS_MAX = 32;

/** The media that an SDP signals, rejected sections left out; undefined when the text is no SDP. Never throws. */
export function readSignalledMedia(text: string): SignalledMedia[] | undefined {
  // A malformed a=latch is refused by whoever answers it; where the media goes can be read nevertheless.
  const parsed = parseLoosely(text);
  if (!parsed) return undefined;
  return parsed.media
    .filter(({ isRejected, protocol }) => !isRejected && /RTP|UDP/i.test(protocol))
    .map((media) => signalledOf(media, parsed));
}

function parseLoosely(text: string): Sdp | undefined {
  const parsed = parseSdp(text);
  if (parsed.ok) return parsed.value;
  const stripped = parseSdp(stripLatch(text));
  return stripped.ok ? stripped.value : undefined;
}

function signalledOf(media: SdpMedia, sdp: Sdp): SignalledMedia {
  const transport = sdp.media[media.transport] ?? media;
  const rtp = transportAddress(transport.address, transport.port);
  const { ice } = transport;
  const lines = sdp.text.slice(media.start, media.end).split(/[\r\n]+/);
  return {
    index: media.index,
    kind: media.kind,
    direction: media.direction,
    profile: media.protocol,
    rtp,
    rtcp: transportAddress(transport.rtcp.address, transport.rtcp.port),
    candidates: candidatesIn(lines).filter((candidate) => !isSame(candidate, rtp)),
    formats: media.formats,
    codecs: media.rtpmaps,
    ssrcs: ssrcsIn(lines),
    ufrag: ice?.ufrag,
    password: ice && (() => ice.pwd),
    latchTag: transport.latch?.tag,
    keys: signalledKeys(media),
  };
}

/** Of RTP over UDP; those beyond the bound are passed over. */
function candidatesIn(lines: readonly string[]): TransportAddress[] {
  const offered = lines.filter((line) => line.startsWith('a=candidate:')).slice(0, CANDIDATES_MAX);
  return offered.flatMap((line) => {
    const [, component, protocol = '', , address = '', port = ''] = line.split(' ');
    const candidate = transportAddress(normaliseIp(address), Number(port));
    return candidate && component === '1' && protocol.toLowerCase() === 'udp' ? [candidate] : [];
  });
}

function ssrcsIn(lines: readonly string[]): number[] {
  const ssrcs = new Set<number>();
  for (const line of lines) {
    if (!line.startsWith('a=ssrc:') || ssrcs.size === SSRCS_MAX) continue;
    const ssrc = Number(/^a=ssrc:(\d{1,10})\b/.exec(line)?.[1] ?? -1);
    if (ssrc >= 0 && ssrc < 2 ** 32) ssrcs.add(ssrc);
  }
  return [...ssrcs];
}

function transportAddress(address: string, port: number): TransportAddress | undefined {
  const ip = parseIp(address);
  if (!ip || ip.every((byte) => byte === 0)) return undefined;
  return Number.isInteger(port) && port > 0 && port < 65_536 ? { address, port } : undefined;
}

function isSame(a: TransportAddress, b: TransportAddress | undefined): boolean {
  return b !== undefined && a.port === b.port && a.address === b.address;
}
