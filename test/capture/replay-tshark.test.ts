// replay beside tshark, on every capture of the repository and beside it that holds SIP or RTP: the same streams with the
// same packets and losses, the same Call-IDs, the same calls. Where tshark left to itself says otherwise, the table says why.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { readCaptureFile } from '../../lib/capture/capture-file.js';
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import type { CaptureReport } from '../../lib/capture/capture-report.js';
import { fixtureCaptures, needProgram, sharedCaptures } from './oracles.js';

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
  const analysis = new CaptureAnalysis();
  const { error } = await readCaptureFile(file, analysis);
  assert.equal(error, undefined);
  return analysis.finish().report;
}

/** A line a stream: ends, SSRC, packets, lost; and the Call-IDs, of all SIP and of calls. */
function askTshark(file: string, ...options: readonly string[]) {
  const fields = ['-Y', 'sip', '-T', 'fields', '-e', 'sip.Call-ID', '-e', 'sip.CSeq.method'];
  const printed = execFileSync('tshark', ['-n', '-r', file, ...options, ...fields, '-z', 'rtp,streams'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const streams: string[] = [];
  const [callIds, calls] = [new Set<string>(), new Set<string>()];
  for (const line of printed.split('\n')) {
    const row =
      /^\s*[\d.]+\s+[\d.]+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x(\w+)\s+.*?\s(\d+)\s+(-?\d+) \(/.exec(line);
    if (row) streams.push(`${row[1]}:${row[2]} ${row[3]}:${row[4]} ${row[5]} ${row[6]} ${row[7]}`);
    const [ids, methods] = line.split('\t');
    if (ids === undefined || methods === undefined) continue;
    for (const [i, id] of ids.split(',').entries()) {
      if (id !== '') callIds.add(id);
      if (id !== '' && CALL_METHODS.includes(methods.split(',')[i] ?? '')) calls.add(id);
    }
  }
  return { streams: streams.sort(), callIds, calls };
}

function streamsOf({ streams }: CaptureReport): string[] {
  return streams
    .flatMap(({ ssrc, destination, sources }) =>
      sources.map(({ source, packets, lost }) => {
        const id = ssrc.toString(16).toUpperCase().padStart(8, '0');
        return `${source} ${destination} ${id} ${packets} ${lost}`;
      }),
    )
    .sort();
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
      const alone = askTshark(file);
      const missed = guessing.streams.filter((one) => !alone.streams.includes(one));
      assert.equal(missed.length, MISSED[nameOf(file)]?.streams ?? 0);
    });
});
