// The list of media streams: a line for each, and under it what there is to say: when, the NAT, how regularly packets came,
// what its receiver reported, keys, proofs, changes, intruders, and what a blind latch would have done.
import type { CaptureReport, StreamReport } from '../capture/capture-report.js';
import { clock, plural, printable, seconds } from './replay-text.js';

/** Reason: nobody reads more; --json has them all. */
const STREAMS_SHOWN = 200;
const INDENT = '       ';
/** A time without packets that somebody who listens takes for the end. */
const SILENCE_MS = 1000;
const KEYS_SHOWN = 32;
const RESTARTS_SHOWN = 8;
const MOMENTS_SHOWN = 4;

/** Lines of at most `width` characters. */
export function describeStreams(report: CaptureReport, width: number): string[] {
  const { streams, leftOut } = report;
  const lines = ['', streams.length === 0 ? 'no RTP' : plural(streams.length, 'RTP stream')];
  for (const [index, stream] of streams.slice(0, STREAMS_SHOWN).entries())
    lines.push(rowOf(index, stream), ...remarks(stream, report).map((text) => INDENT + text));
  if (streams.length > STREAMS_SHOWN)
    lines.push(`and ${plural(streams.length - STREAMS_SHOWN, 'more stream')}, which --json has too`);
  const { streams: lostStreams, callMessages, rtpPackets, stunPackets, rtcpReports } = leftOut;
  if (lostStreams + callMessages + rtpPackets + stunPackets + rtcpReports > 0)
    lines.push(
      `left out for want of room: ${plural(lostStreams, 'possible stream')}, ${plural(callMessages, 'SIP message')}, ` +
        `${plural(rtpPackets, 'RTP packet')}, ${plural(stunPackets, 'STUN packet')}, ${plural(rtcpReports, 'RTCP report')}`,
    );
  return lines.flatMap((line) => wrap(line, width));
}

function rowOf(index: number, stream: StreamReport): string {
  const { ssrc, codec, payloadType, source, destination, packets, lost, duplicates } = stream;
  const name = codec?.split('/')[0] ?? `type ${payloadType}`;
  const id = `0x${ssrc.toString(16).toUpperCase().padStart(8, '0')}`;
  const ends = `${source} > ${destination}`.padEnd(41);
  const expected = packets - duplicates + lost;
  const twice = duplicates > 0 ? `, ${duplicates} came twice` : '';
  const share = lost > 0 ? ` (${((100 * lost) / expected).toFixed(1)} %)` : '';
  return `${`#${index}`.padEnd(5)}${id} ${name.padEnd(7)} ${ends} ${plural(packets, 'packet')}, ${lost} lost${share}${twice}`;
}

function remarks(stream: StreamReport, { calls, startedMs }: CaptureReport): string[] {
  const { changes, intruders, latch, call, recognisedBy, firstMs, lastMs, firstFrame, lastFrame } = stream;
  const isNamed = call !== null || recognisedBy === 'signalling';
  const what = isNamed
    ? natRemark(stream)
    : 'no call names it; taken for RTP because its sequence numbers advance';
  const start = startedMs ?? 0;
  const absolute = `${clock(start + firstMs)} to ${clock(start + lastMs)}, frames ${firstFrame} to ${lastFrame}`;
  const lines = [`${seconds(firstMs)} to ${seconds(lastMs)} (${absolute}): ${what}`];
  if (stream.calls.length > 1) {
    const names = stream.calls.map((index) => printable(calls[index]?.callId ?? '?', 60));
    lines.push(`named by ${names.length} calls: ${names.join(', ')}`);
  }
  if (stream.capturedTwice)
    lines.push('nearly every packet is here twice: that is the capture, not the network');
  lines.push(...timingRemarks(stream), ...keyRemarks(stream));
  for (const { atMs, frame, source } of changes)
    lines.push(`at ${seconds(atMs)} (${clock(start + atMs)}, frame ${frame}) it went on from ${source}`);
  const proof = proofRemark(latch);
  if (proof) lines.push(proof);
  if (stream.srtp) lines.push(...srtpRemarks(stream.srtp));
  if (stream.evidence) lines.push(...evidenceRemarks(stream.evidence));
  for (const one of intruders)
    lines.push(
      `intruder ${one.source}: ${plural(one.packets, 'packet')} from ${seconds(one.firstMs)} (frame ${one.firstFrame}), ${REASONS[one.reason]}`,
    );
  return [...lines, ...blindRemarks(stream)];
}

/** How packets came here, and what their receiver said of it. */
function timingRemarks({ jitter, longestGap, restarts, rtcp }: StreamReport): string[] {
  const lines: string[] = [];
  const parts: string[] = [];
  if (jitter)
    parts.push(`jitter ${jitter.meanMs.toFixed(1)} ms on average, ${jitter.maxMs.toFixed(1)} at most`);
  if (longestGap) parts.push(`longest gap ${seconds(longestGap.ms)} s from ${seconds(longestGap.atMs)}`);
  if (parts.length > 0) lines.push(parts.join('; '));
  if (longestGap && longestGap.ms >= SILENCE_MS) {
    const { ms, atMs, missing } = longestGap;
    const why =
      missing > 0
        ? `, and ${plural(missing, 'packet')} missing after it`
        : ', and none is missing: the sender was silent';
    lines.push(`no packet for ${seconds(ms)} s from ${seconds(atMs)}${why}`);
  }
  if (restarts.length > 0) {
    const shown = restarts.slice(0, RESTARTS_SHOWN).map(seconds).join(', ');
    const more =
      restarts.length > RESTARTS_SHOWN ? ` and ${restarts.length - RESTARTS_SHOWN} more times` : '';
    lines.push(`its sequence numbers began anew at ${shown}${more}`);
  }
  if (rtcp) lines.push(rtcpRemark(rtcp));
  return lines;
}

function rtcpRemark({
  reports,
  lost,
  jitterMs,
  maxJitterMs,
  roundTrip,
}: NonNullable<StreamReport['rtcp']>): string {
  const jitter =
    jitterMs === null || maxJitterMs === null
      ? ''
      : `, jitter ${jitterMs.toFixed(1)} ms at last, ${maxJitterMs.toFixed(1)} at most`;
  const trip = roundTrip
    ? `, round trip from here ${roundTrip.meanMs.toFixed(1)} ms (${roundTrip.minMs.toFixed(1)} to ${roundTrip.maxMs.toFixed(1)})`
    : '';
  return `its receiver, in ${plural(reports, 'RTCP report')}: ${lost} lost${jitter}${trip}`;
}

function keyRemarks({ dtmf }: StreamReport): string[] {
  if (!dtmf) return [];
  const times = dtmf.keys.slice(0, KEYS_SHOWN).map(({ atMs }) => seconds(atMs));
  const more = dtmf.keys.length > KEYS_SHOWN ? ', ...' : '';
  return [`keys pressed: ${dtmf.digits.slice(0, KEYS_SHOWN)}${more} (at ${times.join(', ')}${more})`];
}

const REASONS = {
  unverified: 'never verified while others were',
  'same-ssrc': 'the same SSRC while the sender went on',
  'other-ssrc': 'another SSRC, and not signalled',
  forged: 'under no key that was agreed on',
  copied: 'all copies of packets that had come before',
} as const;

function natRemark({ signalled, mapping, nat, natEnd }: StreamReport): string {
  if (nat === null) return 'its ends were not signalled';
  const who = natEnd === 'source' ? 'sender' : 'receiver';
  if (nat === 'none') return `direct: the ${who} is where it was signalled, ${signalled}`;
  const what = nat === 'both' ? 'address and port' : nat;
  return `NAT: the ${who}, signalled as ${signalled}, is seen at ${mapping}: another ${what}`;
}

function proofRemark({ kind, messages, verified, integrity }: StreamReport['latch']): string | undefined {
  if (kind === 'none') return undefined;
  const counts = Object.entries(messages).map(([name, count]) => `${count} ${name}`);
  const checked =
    integrity.valid + integrity.invalid > 0
      ? `; integrity of ${integrity.valid} good, of ${integrity.invalid} wrong`
      : '';
  const who = verified.length > 0 ? `verified ${verified.join(', ')}` : 'nobody verified';
  return `${kind}: ${who}; ${counts.join(', ')}${checked}`;
}

/** By the keys that stood in the signalling, which are not printed. */
function srtpRemarks({ suite, rtcp, findings, ...count }: NonNullable<StreamReport['srtp']>): string[] {
  const lines = findings.map((finding) => SRTP_FINDINGS[finding]);
  if (suite === null) return lines;
  const { authentic, wrongTag, repeated, unjudged } = count;
  const rest = [
    ...(wrongTag > 0 ? [`${wrongTag} with a wrong tag`] : []),
    ...(repeated > 0 ? [`${repeated} repeated`] : []),
    ...(unjudged > 0 ? [`${unjudged} not judged, without their key or cut short`] : []),
  ];
  const reports = rtcp
    ? `; RTCP: ${rtcp.authentic} authentic, ${rtcp.wrongTag + rtcp.shortTag} with a wrong tag, ${rtcp.repeated} repeated`
    : '';
  const told = 'by the key that its signalling shows to whoever reads it';
  return [
    `SRTP, ${suite}, ${told}: ${[`${plural(authentic, 'packet')} authentic`, ...rest].join(', ')}${reports}`,
    ...lines,
  ];
}

const SRTP_FINDINGS = {
  dtls: 'SRTP with keys of a DTLS handshake: key not in the capture, so nothing is said of its integrity',
  'no-key': 'SRTP: key not in the capture, so nothing is said of its integrity',
  'none-authentic':
    'no integrity: SRTP was agreed on, and not one packet is under the key: they have another one, or none',
  forged: 'forged: packets under its SSRC that are not under its key, from wherever they came',
  'short-rtcp-tags':
    'its RTCP has tags of 32 bits, where RFC 4568 section 6.2.2 has 80 (ffmpeg does that): whoever keeps to it drops them',
} as const;

const GROUNDS = {
  ssrc: 'its SSRC was announced',
  sdp: 'it sends from the address in its description',
  home: 'it sends from where its signalling comes from',
  question: 'it moved with a port question',
} as const;

/** Whom the core would have taken for the sender, without any key. */
function evidenceRemarks({
  taken,
  locks,
  follows,
  ...times
}: NonNullable<StreamReport['evidence']>): string[] {
  const lines: string[] = [];
  const { questionsMs, contestsMs, conflictsMs } = times;
  const at = (list: readonly number[]) =>
    `${list.slice(0, MOMENTS_SHOWN).map(seconds).join(', ')}${list.length > MOMENTS_SHOWN ? ', ...' : ''}`;
  if (taken) {
    const where = locks
      .slice(0, MOMENTS_SHOWN)
      .map(({ source, atMs, ground }) => `${source} locked at ${seconds(atMs)}, since ${GROUNDS[ground]}`);
    const then = follows
      .slice(0, MOMENTS_SHOWN)
      .map(({ source, atMs }) => `followed to ${source} at ${seconds(atMs)}`);
    lines.push(`evidence, without any key: ${[...where, ...then].join('; ')}`);
  } else lines.push('evidence, without any key: none of its packets would have been taken');
  if (contestsMs.length > 0)
    lines.push(
      `evidence: two sources might be the sender at ${at(contestsMs)}; nothing would be taken until one has moved with a port question`,
    );
  if (conflictsMs.length > 0)
    lines.push(`evidence: somebody went on with the stream beside its sender at ${at(conflictsMs)}`);
  if (questionsMs.length > 0)
    lines.push(
      `evidence: the sender would have been asked at ${at(questionsMs)} to send to another port; no replay can ask, so this goes on as if it had refused`,
    );
  return lines;
}

/** Worth a word only where a blind latch would have been wrong. */
function blindRemarks({ latch: { blind } }: StreamReport): string[] {
  const lines: string[] = [];
  for (const [name, { reached, stolen, lost, targets }] of [
    ['locked to the first source', blind.first],
    ['following the newest source', blind.newest],
  ] as const) {
    if (stolen + lost === 0) continue;
    const to = targets.map(({ source, packets }) => `${source} ${packets}`).join(', ');
    lines.push(
      `a blind latch ${name}: ${reached} reached the sender, ${stolen} stolen, ${lost} lost (${to})`,
    );
  }
  return lines;
}

/** Breaks at spaces; what hangs over is indented like the remarks. */
function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  let rest = printable(line, 4096);
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const cut = space > INDENT.length ? space : width;
    lines.push(rest.slice(0, cut));
    rest = INDENT + rest.slice(cut).trimStart();
  }
  return [...lines, rest];
}
