// replay beside tshark, on every capture of the repository and beside it that holds SIP or RTP: the same streams with the
// same packets, losses, duplicates and jitter, the same Call-IDs, the same calls. Where tshark left to itself says otherwise, the
// table says why.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { readCaptureFile } from '../../lib/capture/capture-file.js';
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import type { CaptureReport } from '../../lib/capture/capture-report.js';
import { fixtureCaptures, needProgram, sharedCaptures, tshark } from './oracles.js';

/**
 * tshark takes UDP for RTP where it has seen the SDP of this very address and port, or where it is told to guess
 * (`--enable-heuristic rtp_udp`). Guessing, it agrees with us everywhere. Left to itself it misses what is named here, and
 * in each of these we are right: the packets are RTP.
 */
const NAT =
  'SDP names the private address; the NAT sends from another one, so tshark sees plain UDP (sngrep#146)';
const STUN = 'STUN on the port: for tshark the conversation is STUN then, and the RTP after it plain UDP';
const NO_SIP = 'no SIP in the file: tshark takes nothing for RTP';
const TLS = 'the SIP is encrypted: tshark takes nothing for RTP';
const MISSED: Readonly<Record<string, { readonly streams: number; readonly why: string }>> = {
  'captures/a-masq-baresip.cliA.pcap': { streams: 1, why: STUN },
  'captures/a-masq-baresip.pub.pcap': { streams: 2, why: `${NAT}; ${STUN}` },
  'captures/e-ice-challenge-rebind.cliA.pcap': { streams: 1, why: STUN },
  'captures/e-ice-challenge-rebind.pub.pcap': { streams: 3, why: `${NAT}; ${STUN}` },
  'sippy_rtpproxy/alice_srtp.pcap': { streams: 1, why: NO_SIP },
  'sippy_rtpproxy/alice_srtp_out.pcap': { streams: 1, why: NO_SIP },
  'sippy_rtpproxy/bob_srtp.pcap': { streams: 1, why: NO_SIP },
  'sippy_rtpproxy/bob_srtp_out.pcap': { streams: 1, why: NO_SIP },
  'sippy_rtpproxy/dtmf.pcap': { streams: 2, why: NO_SIP },
  'str0m/h264.pcap': { streams: 1, why: NO_SIP },
  'str0m/vp8.pcap': { streams: 1, why: NO_SIP },
  'str0m/vp9.pcap': { streams: 1, why: NO_SIP },
  'ffmpeg/g722.pcap': { streams: 1, why: NO_SIP },
  'ffmpeg/opus.pcap': { streams: 1, why: NO_SIP },
  'ffmpeg/pcma.pcap': { streams: 1, why: NO_SIP },
  'nat-bleed/client.pcap': { streams: 2, why: TLS },
  'nat-bleed/server.pcap': { streams: 4, why: TLS },
  'nat-port-preserving/client.pcap': { streams: 2, why: TLS },
  'nat-port-preserving/server.pcap': { streams: 2, why: TLS },
  'nat-rebinding/client.pcap': { streams: 2, why: TLS },
  'nat-rebinding/server.pcap': { streams: 4, why: TLS },
  'nat-room-of-ten/client.pcap': { streams: 40, why: TLS },
  'nat-room-of-ten/server.pcap': { streams: 100, why: TLS },
  'nat-symmetric/client.pcap': { streams: 2, why: TLS },
  'nat-symmetric/server.pcap': { streams: 2, why: TLS },
  'speech/alice.pcap': { streams: 1, why: NO_SIP },
  'speech/bob.pcap': { streams: 1, why: NO_SIP },
};
const CALL_METHODS = ['INVITE', 'ACK', 'BYE', 'CANCEL', 'PRACK', 'UPDATE'];

const nameOf = (file: string): string => `${basename(dirname(file))}/${basename(file)}`;

async function replay(file: string): Promise<CaptureReport> {
  const analysis = new CaptureAnalysis({ srtpCrypto: nodeSrtpCrypto });
  const { error } = await readCaptureFile(file, analysis);
  assert.equal(error, undefined);
  return analysis.finish().report;
}

/** By ends and SSRC, what tshark measured. */
interface Measured {
  readonly meanJitterMs: number;
  readonly maxJitterMs: number;
  readonly maxDeltaMs: number;
}

/**
 * A line a stream: ends, SSRC, packets, and lost as tshark says it, duplicates taken off; what it measured; and the Call-IDs, of
 * all SIP and of calls.
 */
function askTshark(file: string, ...options: readonly string[]) {
  const fields = ['-Y', 'sip', '-T', 'fields', '-e', 'sip.Call-ID', '-e', 'sip.CSeq.method'];
  const printed = execFileSync('tshark', ['-n', '-r', file, ...options, ...fields, '-z', 'rtp,streams'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const streams: string[] = [];
  const measured = new Map<string, Measured>();
  const [callIds, calls] = [new Set<string>(), new Set<string>()];
  for (const line of printed.split('\n')) {
    const row =
      /^\s*[\d.]+\s+[\d.]+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x(\w+)\s+.*?\s(\d+)\s+(-?\d+) \(\S+%\)(.*)/.exec(
        line,
      );
    if (row) {
      const id = `${row[1]}:${row[2]} ${row[3]}:${row[4]} ${row[5]}`;
      streams.push(`${id} ${row[6]} ${row[7]}`);
      const [, , maxDeltaMs = NaN, , meanJitterMs = NaN, maxJitterMs = NaN] = (row[8] ?? '')
        .trim()
        .split(/\s+/)
        .map(Number);
      measured.set(id, { maxDeltaMs, meanJitterMs, maxJitterMs });
    }
    const [ids, methods] = line.split('\t');
    if (ids === undefined || methods === undefined) continue;
    for (const [i, id] of ids.split(',').entries()) {
      if (id !== '') callIds.add(id);
      if (id !== '' && CALL_METHODS.includes(methods.split(',')[i] ?? '')) calls.add(id);
    }
  }
  return { streams: streams.sort(), measured, callIds, calls };
}

function streamsOf({ streams }: CaptureReport): string[] {
  return streams
    .flatMap(({ ssrc, destination, sources }) =>
      sources.map(
        ({ source, packets, lost, duplicates }) =>
          `${source} ${destination} ${nameOfSsrc(ssrc)} ${packets} ${lost - duplicates}`,
      ),
    )
    .sort();
}

const nameOfSsrc = (ssrc: number): string => ssrc.toString(16).toUpperCase().padStart(8, '0');

/** By ends and SSRC, the numbers in the order in which they came, as tshark reads them. */
function numbersOf(file: string): Map<string, number[]> {
  const fields = [
    'ip.src',
    'ipv6.src',
    'udp.srcport',
    'ip.dst',
    'ipv6.dst',
    'udp.dstport',
    'rtp.ssrc',
    'rtp.seq',
  ];
  const numbers = new Map<string, number[]>();
  for (const row of tshark(file, fields, 'rtp.seq && !icmp', ['--enable-heuristic', 'rtp_udp'])) {
    const [source = '', source6 = '', port = '', to = '', to6 = '', toPort = '', ssrc = '', sequence = ''] =
      row;
    const end = (four: string, six: string, at: string) => (six === '' ? `${four}:${at}` : `[${six}]:${at}`);
    const id = `${end(source, source6, port)} ${end(to, to6, toPort)} ${nameOfSsrc(Number(ssrc))}`;
    const own = numbers.get(id);
    if (own) own.push(Number(sequence));
    else numbers.set(id, [Number(sequence)]);
  }
  return numbers;
}

/** Each number once, without wraps: what is missing between the lowest and the highest, and what came again. */
function countApart(numbers: readonly number[]): { lost: number; duplicates: number } {
  const seen = new Set<number>();
  let highest = numbers[0] ?? 0;
  for (const number of numbers) {
    const unwrapped = highest + (((number - highest) << 16) >> 16);
    seen.add(unwrapped);
    highest = Math.max(highest, unwrapped);
  }
  const span = Math.max(...seen) - Math.min(...seen) + 1;
  return { lost: span - seen.size, duplicates: numbers.length - seen.size };
}

/** Where both know the clock and every packet is in order; a type that only SDP names is unknown to a tshark that has not seen it. */
function compareTimes({ streams }: CaptureReport, measured: ReadonlyMap<string, Measured>): void {
  for (const {
    ssrc,
    source,
    sources,
    destination,
    payloadTypes,
    jitter,
    longestGap,
    duplicates,
  } of streams) {
    const theirs = measured.get(`${source} ${destination} ${nameOfSsrc(ssrc)}`);
    const isComparable = sources.length === 1 && duplicates === 0 && payloadTypes.every((type) => type < 96);
    if (!theirs || !isComparable) continue;
    const differences = [
      (jitter?.meanMs ?? 0) - theirs.meanJitterMs,
      (jitter?.maxMs ?? 0) - theirs.maxJitterMs,
      (longestGap?.ms ?? 0) - theirs.maxDeltaMs,
    ];
    assert.ok(
      differences.every((one) => Math.abs(one) < 0.01),
      `${source} ${destination}: ${differences.join(' ')}`,
    );
  }
}

describe('capture: replay and tshark', function () {
  this.timeout(60_000);
  before(function () {
    needProgram(this, 'tshark');
  });

  for (const file of [...fixtureCaptures(), ...sharedCaptures()])
    it(`say the same of ${nameOf(file)}`, async () => {
      const report = await replay(file);
      const guessing = askTshark(file, '--enable-heuristic', 'rtp_udp');
      assert.deepEqual(streamsOf(report), guessing.streams);
      assert.equal(report.sip.callIds, guessing.callIds.size);
      assert.deepEqual(new Set(report.calls.map(({ callId }) => callId)), guessing.calls);
      if (report.streams.length === 0) return;
      const numbers = numbersOf(file);
      for (const { ssrc, destination, sources } of report.streams)
        for (const { source, lost, duplicates } of sources) {
          const id = `${source} ${destination} ${nameOfSsrc(ssrc)}`;
          assert.deepEqual({ lost, duplicates }, countApart(numbers.get(id) ?? []), id);
        }
      compareTimes(report, guessing.measured);
      const alone = askTshark(file);
      const missed = guessing.streams.filter((one) => !alone.streams.includes(one));
      assert.equal(missed.length, MISSED[nameOf(file)]?.streams ?? 0);
    });
});
