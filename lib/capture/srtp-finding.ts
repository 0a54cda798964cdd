/*
 * What the keys in the signalling say of one stream, in the words of the report: how many of its packets are what they should be,
 * and what is wrong where they are not.
 */
import { isDtlsSrtp, isSecureRtp } from '../wire/sdp-fields.js';
import type { MediaStream } from './media-stream.js';
import type { SignalledMedia } from './signalled-media.js';
import type { SrtpLedger, SrtcpCount } from './srtp-ledger.js';
import type { StreamMatch } from './stream-matcher.js';

/**
 * `dtls`: its keys came out of a handshake on the media port, of which the signalling shows none; `no-key`: SRTP was signalled, and the
 * capture shows no key for it that was agreed on; `none-authentic`: not one packet is under the key that was agreed on: they have
 * another, or nothing protects them; `forged`: some packets of a stream that is authentic are not; `short-rtcp-tags`: its RTCP has
 * tags of 32 bits, where RFC 4568 section 6.2.2 has 80.
 */
export type SrtpFinding = 'dtls' | 'no-key' | 'none-authentic' | 'forged' | 'short-rtcp-tags';

/** One stream, by the keys that the signalling in clear shows (RFC 4568). */
export interface SrtpReport {
  /** Of the media line: `RTP/SAVP`; null where no call names the stream. */
  readonly profile: string | null;
  /** Null where no key was agreed on in this capture. */
  readonly suite: string | null;
  /** Packets under the key of their sender. */
  readonly authentic: number;
  /** Packets under no key that was agreed on. */
  readonly wrongTag: number;
  /** Packets with a right tag that had come before. */
  readonly repeated: number;
  /** Packets that came before their key, or that the capture did not keep whole. */
  readonly unjudged: number;
  /** The SRTCP of its sender; `shortTag` are those with 32 bits of tag where there should be 80. Null where there was none. */
  readonly rtcp: {
    readonly authentic: number;
    readonly wrongTag: number;
    readonly repeated: number;
    readonly shortTag: number;
  } | null;
  readonly findings: readonly SrtpFinding[];
}

/** Null where neither SRTP was signalled nor a key agreed on. */
export function describeSrtp(
  stream: MediaStream,
  match: StreamMatch | undefined,
  ledger: SrtpLedger | undefined,
): SrtpReport | null {
  const counts = stream.sources.flatMap(({ srtp }) => srtp ?? []);
  const section = sectionOf(stream, match);
  const profile = section?.profile ?? null;
  const isSignalled = profile !== null && (isDtlsSrtp(profile) || isSecureRtp(profile));
  if (counts.length === 0 && !isSignalled) return null;
  const sum = (judgement: 'authentic' | 'wrongTag' | 'repeated') =>
    counts.reduce((total, count) => total + count[judgement], 0);
  const [authentic, wrongTag, repeated] = [sum('authentic'), sum('wrongTag'), sum('repeated')];
  const rtcp = ledger?.reportsOf(stream.ssrc, stream.destination.address) ?? null;
  const { suite = null } = counts.find((count) => count.authentic > 0) ?? counts[0] ?? {};
  const report = {
    authentic,
    wrongTag,
    repeated,
    unjudged: stream.packets - authentic - wrongTag - repeated,
  };
  return {
    ...{ profile, suite, ...report, rtcp: rtcp && { ...rtcp } },
    findings: findingsOf(report, rtcp, profile !== null && isDtlsSrtp(profile)),
  };
}

function findingsOf(
  { authentic, wrongTag, repeated }: Record<'authentic' | 'wrongTag' | 'repeated', number>,
  rtcp: SrtcpCount | null,
  isDtls: boolean,
): SrtpFinding[] {
  const findings: SrtpFinding[] = [];
  if (authentic + wrongTag + repeated === 0) findings.push(isDtls ? 'dtls' : 'no-key');
  else if (authentic + repeated === 0) findings.push('none-authentic');
  else if (wrongTag > 0) findings.push('forged');
  if (rtcp && rtcp.shortTag > 0) findings.push('short-rtcp-tags');
  return findings;
}

/** What either side said of it last, while it went on: an answer has the profile of its offer (RFC 3264 section 6). */
function sectionOf(stream: MediaStream, match: StreamMatch | undefined): SignalledMedia | undefined {
  const described = match?.call.descriptions.filter(({ atMs }) => atMs <= stream.lastMs) ?? [];
  const sections = described.flatMap(({ media }) => media.filter(({ index }) => index === match?.media));
  return sections.at(-1);
}
