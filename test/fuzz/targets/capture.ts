// Captures: the file as it is, pcap and pcapng, through the reader and the analysis. In pieces of any size it must give
// what it gives in one.
import { CaptureAnalysis } from '../../../lib/capture/capture-analysis.js';
import { nodeSrtpCrypto } from '../../../lib/net/node-srtp-crypto.js';
import { CaptureReader } from '../../../lib/capture/capture-reader.js';
import type { CapturedDatagram, CapturedSip, CaptureSink } from '../../../lib/capture/traffic.js';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hold } from '../target.js';
import type { Target } from '../target.js';

/** What reached the sink, as text. */
function trace(
  bytes: Uint8Array,
  pieces: (rest: number) => number,
): { text: string; analysis: CaptureAnalysis } {
  const analysis = new CaptureAnalysis({ srtpCrypto: nodeSrtpCrypto });
  const heard: string[] = [];
  const address = ({ source, destination }: CapturedDatagram | CapturedSip): string =>
    `${source.address}|${source.port}>${destination.address}|${destination.port}`;
  const sink: CaptureSink = {
    onDatagram: (datagram) => {
      const { timeMs, payload, cutBytes = 0 } = datagram;
      hold(payload.length + cutBytes <= 65_535 + 65_535, 'a datagram longer than any');
      heard.push(`${timeMs} ${address(datagram)} ${payload.length}+${cutBytes} ${sum(payload)}`);
      analysis.onDatagram(datagram);
    },
    onSip: (captured) => {
      heard.push(`${captured.timeMs} ${address(captured)} sip ${captured.text.length} ${sum(captured.text)}`);
      analysis.onSip(captured);
    },
  };
  const reader = new CaptureReader(sink);
  for (let at = 0; at < bytes.length;) {
    const size = pieces(bytes.length - at);
    reader.push(bytes.slice(at, at + size));
    at += size;
  }
  const summary = reader.end();
  const skipped = Object.values(summary.skipped).reduce((total, count) => total + (count ?? 0), 0);
  hold(summary.packets >= 0 && skipped >= 0, 'a count below zero');
  if (summary.error) hold(summary.error.offset <= bytes.length, 'damage past the end');
  return { text: `${heard.join('\n')}\n${JSON.stringify(summary)}`, analysis };
}

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total * 31 + byte) >>> 0, 7);

function run(bytes: Uint8Array): void {
  checkCapture(bytes, 1 + ((bytes[bytes.length - 1] ?? 0) % 61));
}

export function checkCapture(bytes: Uint8Array, piece: number): void {
  const whole = trace(bytes, (rest) => rest);
  const pieces = trace(bytes, () => piece);
  hold(
    whole.text === pieces.text,
    () => `in pieces of ${piece} it is another: ${firstDifference(whole.text, pieces.text)}`,
  );
  const { report, calls } = whole.analysis.finish();
  const text = JSON.stringify(report);
  hold(text.length <= 40 * bytes.length + 4000, 'a report much longer than its capture');
  hold(report.calls.length === calls.length, 'a call without its messages');
  hold(report.durationMs >= 0 || !Number.isFinite(report.durationMs), 'it ended before it began');
}

function firstDifference(a: string, b: string): string {
  const [as, bs] = [a.split('\n'), b.split('\n')];
  const index = as.findIndex((line, i) => line !== bs[i]);
  return `"${as[index]}" and "${bs[index]}"`;
}

/** The first bytes of a capture, whole records of them. */
function head(path: string, size: number): Uint8Array {
  const bytes = new Uint8Array(readFileSync(path));
  const view = new DataView(bytes.buffer);
  let at = 24;
  while (at + 16 <= bytes.length && at + 16 + view.getUint32(at + 8, true) <= size)
    at += 16 + view.getUint32(at + 8, true);
  return bytes.slice(0, at);
}

const block = (type: number, ...words: readonly number[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(12 + words.length * 4));
  [type, view.byteLength, ...words, view.byteLength].forEach((value, i) =>
    view.setUint32(4 * i, value, true),
  );
  return new Uint8Array(view.buffer);
};
const PCAPNG = Buffer.concat([
  block(0x0a0d0d0a, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff),
  block(1, 101, 0),
  block(6, 0, 0, 1000, 28, 28, 0x1c000045, 0, 0x11400000, 0x0100007f, 0x0100007f, 0x04000400, 0x00000800),
  block(3, 28, 0x1c000045, 0, 0x11400000, 0x0100007f, 0x0100007f, 0x04000400, 0x00000800),
]);

export const target: Target = {
  name: 'capture',
  maxBytes: 4000,
  dictionary: [
    Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1),
    Uint8Array.of(0xa1, 0xb2, 0xc3, 0xd4),
    Uint8Array.of(0x4d, 0x3c, 0xb2, 0xa1),
    Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a),
    Uint8Array.of(0x4d, 0x3c, 0x2b, 0x1a),
    Uint8Array.of(0x1a, 0x2b, 0x3c, 0x4d),
    Uint8Array.of(101, 0, 0, 0),
    Uint8Array.of(113, 0, 0, 0),
    Uint8Array.of(0x08, 0x00, 0x45),
    Uint8Array.of(0x86, 0xdd, 0x60),
    Uint8Array.of(0x81, 0x00),
    Uint8Array.of(0x88, 0x64),
    Uint8Array.of(0x88, 0x47),
    Uint8Array.of(0x12, 0xb5, 0x00),
    Uint8Array.of(0x65, 0x58),
    Uint8Array.of(0x45, 0x00),
  ],
  *seeds(root) {
    yield new Uint8Array(PCAPNG);
    for (const name of [
      'baresip/call.pcap',
      'baresip-srtp/call.pcap',
      'sipp/call.pcap',
      'nat-rebinding/client.pcap',
      'nat-bleed/server.pcap',
    ]) {
      const path = join(root, 'fixtures', name);
      if (existsSync(path)) yield head(path, 3600);
    }
  },
  run,
  work: { base: 60_000, perByte: 900 },
  slowMs: 150,
};
