// `latchkey replay --json` beside `tshark -q -z rtp,streams` on the same made-up capture, in turns. The capture is calls with
// SIP, whose RTP streams run side by side as they do at a server.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { PcapWriter } from '../../lib/capture/index.js';
import type { TransportAddress } from '../../lib/wire/index.js';
import { median } from './statistics.js';

export interface ReplaySpeed {
  readonly megabytes: number;
  readonly packets: number;
  readonly streams: number;
  readonly replayMs: number;
  /** Undefined where tshark is not installed. */
  readonly tsharkMs: number | undefined;
  /** Of replay's time to tshark's, the median of the rounds. */
  readonly ratio: number | undefined;
  /** The largest resident set of replay. */
  readonly replayMegabytes: number;
}

const CALLS = 200;
const PAYLOAD_BYTES = 172;
const RECORD_BYTES = 16 + 28 + PAYLOAD_BYTES;
const START_MS = 1_790_000_000_000;
const main = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));

/** Writes a capture of about so many bytes; two streams a call, 50 packets a second each, in step. */
export function writeCalls(file: string, sizeBytes: number): { packets: number; streams: number } {
  const descriptor = openSync(file, 'w');
  let pending: Uint8Array[] = [];
  const flush = (): void => {
    writeSync(descriptor, Buffer.concat(pending));
    pending = [];
  };
  const writer = new PcapWriter((bytes) => {
    pending.push(bytes);
    if (pending.length === 4096) flush();
  });
  const calls = Array.from({ length: CALLS }, (_, i) => ({
    client: { address: `10.1.${i >> 6}.${i & 63}`, port: 40_000 + 2 * i },
    server: { address: '203.0.113.1', port: 20_000 + 2 * i },
  }));
  let packets = 0;
  const write = (datagram: Parameters<PcapWriter['write']>[0]): void => {
    writer.write(datagram);
    packets++;
  };
  for (const [i, { client, server }] of calls.entries()) {
    const [from, to] = [
      { ...client, port: 5060 },
      { ...server, port: 5060 },
    ];
    write({
      timeMs: START_MS + i,
      source: from,
      destination: to,
      payload: sip('INVITE sip:b@x SIP/2.0', i, client),
    });
    write({
      timeMs: START_MS + i + 0.5,
      source: to,
      destination: from,
      payload: sip('SIP/2.0 200 OK', i, server),
    });
    write({
      timeMs: START_MS + i + 1,
      source: from,
      destination: to,
      payload: sip('ACK sip:b@x SIP/2.0', i),
    });
  }
  const rounds = Math.floor(sizeBytes / RECORD_BYTES / CALLS / 2);
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(0xff);
  const view = new DataView(payload.buffer);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { client, server }] of calls.entries()) {
      for (const [source, destination, ssrc] of [
        [client, server, 2 * i + 1],
        [server, client, 2 * i + 2],
      ] as const) {
        view.setUint16(0, 0x8000);
        view.setUint16(2, round & 0xffff);
        view.setUint32(4, round * 160);
        view.setUint32(8, ssrc);
        write({ timeMs: START_MS + 500 + round * 20 + i * 0.05, source, destination, payload });
      }
    }
  }
  flush();
  closeSync(descriptor);
  return { packets, streams: 2 * CALLS };
}

function sip(startLine: string, i: number, media?: TransportAddress): Uint8Array {
  const method = startLine.startsWith('ACK') ? 'ACK' : 'INVITE';
  const to = startLine.startsWith('INVITE') ? '' : ';tag=b';
  const body =
    media === undefined
      ? ''
      : `v=0\r\no=- 1 1 IN IP4 ${media.address}\r\ns=-\r\nc=IN IP4 ${media.address}\r\nt=0 0\r\nm=audio ${media.port} RTP/AVP 0\r\n`;
  const type = media === undefined ? '' : 'Content-Type: application/sdp\r\n';
  return Buffer.from(
    `${startLine}\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK${i}\r\nFrom: <sip:a@x>;tag=a${i}\r\nTo: <sip:b@x>${to}\r\n` +
      `Call-ID: call-${i}\r\nCSeq: 1 ${method}\r\n${type}Content-Length: ${body.length}\r\n\r\n${body}`,
  );
}

/** Runs both in turns over one capture. */
export function measureReplay(megabytes: number, rounds: number): ReplaySpeed {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  try {
    const file = join(folder, 'calls.pcap');
    const { packets, streams } = writeCalls(file, megabytes * 1e6);
    const hasTshark = !spawnSync('tshark', ['--version'], { stdio: 'ignore' }).error;
    const times: { replayMs: number; tsharkMs: number | undefined }[] = [];
    let seen: { streams: unknown[]; packets: number } | undefined;
    for (let round = 0; round < rounds; round++) {
      const replayMs = timed(process.execPath, [main, 'replay', '--json', file], (text) => {
        seen = JSON.parse(text) as typeof seen;
      });
      const tsharkMs = hasTshark ? timed('tshark', ['-q', '-n', '-r', file, '-z', 'rtp,streams']) : undefined;
      times.push({ replayMs, tsharkMs });
    }
    if (seen?.packets !== packets || seen.streams.length !== streams)
      throw new Error('replay missed something');
    const ratios = times.flatMap(({ replayMs, tsharkMs }) =>
      tsharkMs === undefined ? [] : [replayMs / tsharkMs],
    );
    return {
      megabytes: statSync(file).size / 1e6,
      packets,
      streams,
      replayMs: median(times.map((one) => one.replayMs)),
      tsharkMs: hasTshark ? median(times.map((one) => one.tsharkMs ?? 0)) : undefined,
      ratio: hasTshark ? median(ratios) : undefined,
      replayMegabytes: residentMegabytes(file),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function timed(program: string, args: readonly string[], use?: (text: string) => void): number {
  const startedMs = performance.now();
  const { status, stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const tookMs = performance.now() - startedMs;
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
  use?.(stdout);
  return tookMs;
}

/** Asked of the process itself, at its end. */
function residentMegabytes(file: string): number {
  const program = `process.argv.splice(1, 0, ${JSON.stringify(main)});
    process.on('exit', () => console.error('rss', process.resourceUsage().maxRSS));
    await import(${JSON.stringify(main)});`;
  const args = ['--input-type=module', '-e', program, '--', 'replay', '--json', file];
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return Number(/rss (\d+)/.exec(stderr)?.[1] ?? NaN) / 1024;
}
