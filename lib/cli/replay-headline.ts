// What is said of a capture as a whole, before its calls: when it was taken, what was passed over, and what the capture itself
// lacks or has twice, so that nobody takes that for the network's doing.
import type { CaptureReport } from '../capture/capture-report.js';
import type { CaptureSummary } from '../capture/traffic.js';
import { dateTime, plural, printable, seconds } from './replay-text.js';

const NAMES_SHOWN = 200;

export function describeCapture(
  files: readonly string[],
  { packets, skipped, cut }: CaptureSummary,
  { startedMs, durationMs, kinds, sip, capturedTwice }: CaptureReport,
): string[] {
  const reasons = Object.entries(skipped).map(([reason, count]) => `${count} ${reason}`);
  const passed = reasons.length === 0 ? '' : `; passed over: ${reasons.join(', ')}`;
  const lines = [`${printable(files.join(', '), NAMES_SHOWN)}: ${plural(packets, 'packet')}${passed}`];
  if (startedMs !== null) lines.push(`from ${dateTime(startedMs)}, ${seconds(durationMs)} s`);
  if (cut) {
    const { packets: count, fromBytes, toBytes } = cut;
    const size = fromBytes === toBytes ? `${toBytes}` : `${fromBytes} to ${toBytes}`;
    lines.push(
      `${plural(count, 'packet')} ${count === 1 ? 'is' : 'are'} cut short at ${size} bytes (snap length)`,
    );
  }
  if (sip.cutBeforeCallId > 0)
    lines.push(
      `${plural(sip.cutBeforeCallId, 'SIP message')} cut off before the Call-ID: no call can be told from them`,
    );
  if (capturedTwice) {
    const { streams, rtpPackets, sipMessages } = capturedTwice;
    const what = [
      ...(streams > 0 ? [`${plural(rtpPackets, 'packet')} of ${plural(streams, 'RTP stream')}`] : []),
      ...(sipMessages > 0 ? [plural(sipMessages, 'SIP message')] : []),
    ];
    lines.push(
      `captured twice: ${what.join(' and ')}, as by tcpdump -i any or a mirror of both ways; loss is counted without them`,
    );
  }
  const { hep = 0 } = kinds;
  if (hep > 0)
    lines.push(
      `left alone: ${plural(hep, 'HEP packet')}, in which a capture agent sends copies to its collector`,
    );
  return lines;
}
