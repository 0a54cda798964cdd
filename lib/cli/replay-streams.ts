// The list of media streams: a line for each, and under it only what there is to say: the NAT, proofs, changes, intruders,
// and what a blind latch would have done.
import type { CaptureReport, StreamReport } from '../capture/capture-report.js';
import { plural, printable, seconds } from './replay-text.js';

/** Reason: nobody reads more; --json has them all. */
const STREAMS_SHOWN = 200;
const INDENT = '       ';

/** Lines of at most `width` characters. */
export function describeStreams({ streams, leftOut }: CaptureReport, width: number): string[] {
  const lines = ['', streams.length === 0 ? 'no RTP' : plural(streams.length, 'RTP stream')];
  for (const [index, stream] of streams.slice(0, STREAMS_SHOWN).entries())
    lines.push(rowOf(index, stream), ...remarks(stream).map((text) => INDENT + text));
  if (streams.length > STREAMS_SHOWN)
    lines.push(`and ${plural(streams.length - STREAMS_SHOWN, 'more stream')}, which --json has too`);
  const { streams: lostStreams, callMessages, rtpPackets, stunPackets } = leftOut;
  if (lostStreams + callMessages + rtpPackets + stunPackets > 0)
    lines.push(
      `left out for want of room: ${plural(lostStreams, 'possible stream')}, ${plural(callMessages, 'SIP message')}, ` +
        `${plural(rtpPackets, 'RTP packet')}, ${plural(stunPackets, 'STUN packet')}`,
    );
  return lines.flatMap((line) => wrap(line, width));
}

function rowOf(index: number, stream: StreamReport): string {
  const { ssrc, codec, payloadType, source, destination, packets, lost } = stream;
  const name = codec?.split('/')[0] ?? `type ${payloadType}`;
  const id = `0x${ssrc.toString(16).toUpperCase().padStart(8, '0')}`;
  const ends = `${source} > ${destination}`.padEnd(41);
  const expected = packets + Math.max(0, lost);
  const twice = lost < 0 ? `, ${-lost} came twice` : '';
  const share = lost > 0 && expected > 0 ? ` (${((100 * lost) / expected).toFixed(1)} %)` : '';
  return `${`#${index}`.padEnd(5)}${id} ${name.padEnd(7)} ${ends} ${plural(packets, 'packet')}, ${Math.max(0, lost)} lost${share}${twice}`;
}

function remarks(stream: StreamReport): string[] {
  const { changes, intruders, latch, call, recognisedBy, firstMs, lastMs } = stream;
  const isNamed = call !== null || recognisedBy === 'signalling';
  const what = isNamed
    ? natRemark(stream)
    : 'no call names it; taken for RTP because its sequence numbers advance';
  const lines = [`${seconds(firstMs)} to ${seconds(lastMs)}: ${what}`];
  for (const { atMs, source } of changes) lines.push(`at ${seconds(atMs)} it went on from ${source}`);
  const proof = proofRemark(latch);
  if (proof) lines.push(proof);
  for (const one of intruders)
    lines.push(
      `intruder ${one.source}: ${plural(one.packets, 'packet')} from ${seconds(one.firstMs)}, ${REASONS[one.reason]}`,
    );
  return [...lines, ...blindRemarks(stream)];
}

const REASONS = {
  unverified: 'never verified while others were',
  'same-ssrc': 'the same SSRC while the sender went on',
  'other-ssrc': 'another SSRC, and not signalled',
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
