// `latchkey replay` of calls with SRTP whose SIP was in clear: baresip's, recorded, and what ffmpeg sends here and now under keys of ours. The
// keys are in the capture, and in nothing that is printed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapWriter, readDatagrams } from '../../lib/capture/index.js';
import type { CaptureReport } from '../../lib/capture/capture-report.js';
import { masterKey } from '../srtp/master-keys.js';
import { RunningClient, skipBecause, whyNoClient } from '../clients/client-programs.js';
import {
  bytesOf,
  cryptoLine,
  keyOf,
  secureSdp,
  SrtpScene,
  SUITE_32,
  SUITE_80,
  Voice,
} from '../capture/srtp-scene.js';
import { root } from '../docs/repository.js';
import { findKey } from '../support/key-forms.js';

const FIXTURE = join(root, 'fixtures/baresip-srtp/call.pcap');
const LOOPBACK = '127.0.0.1';
const SIP = ['10.0.1.2:5060', '203.0.113.1:5060'] as const;
const PHONE = '10.0.1.2:5004';
const SERVER = '203.0.113.1:40000';

describe('latchkey replay: SRTP', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-replay-srtp-'))));
  after(() => rmSync(folder, { recursive: true }));

  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'dist/lib/cli/main.js'), 'replay', ...args], {
      ...{ cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 },
    });
  const write = (name: string, scene: SrtpScene): string => {
    const parts: Uint8Array[] = [];
    const writer = new PcapWriter((bytes) => parts.push(bytes));
    for (const datagram of scene.inOrder()) writer.write(datagram);
    writeFileSync(join(folder, name), Buffer.concat(parts));
    return join(folder, name);
  };
  const reportOf = (file: string): CaptureReport => {
    const { stdout, stderr, status } = run('--json', file);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as CaptureReport;
  };

  it('judges a call between two baresips, reads its keys and reports, and finds its first and last RTCP in clear', () => {
    const { streams } = reportOf(FIXTURE);
    const none = { repeated: 0, shortTag: 0 };
    assert.deepEqual(
      streams.map(({ packets, srtp, dtmf }) => [packets, srtp, dtmf?.digits]),
      [
        [
          337,
          {
            ...{
              profile: 'RTP/SAVP',
              suite: SUITE_80,
              authentic: 337,
              wrongTag: 0,
              repeated: 0,
              unjudged: 0,
            },
            ...{ rtcp: { ...none, authentic: 2, wrongTag: 2 }, findings: [] },
          },
          '47#',
        ],
        [
          300,
          {
            ...{
              profile: 'RTP/SAVP',
              suite: SUITE_80,
              authentic: 300,
              wrongTag: 0,
              repeated: 0,
              unjudged: 0,
            },
            // Its first two came before the answer with its key.
            ...{ rtcp: { ...none, authentic: 1, wrongTag: 1 }, findings: [] },
          },
          undefined,
        ],
      ],
    );
    for (const { rtcp } of streams) assert.equal(rtcp?.reports, 1);
  });

  it('drives the core with it, which verifies the caller by the key as the server would have', () => {
    const { stdout, stderr, status } = run('--drive', '--json', FIXTURE);
    assert.equal(status, 0, stderr);
    const { events, drive } = JSON.parse(stdout) as {
      events: Record<string, unknown>[];
      drive: { delivered: number; unprotected: string[] };
    };
    const verified = events.filter(({ type }) => type === 'verified');
    assert.deepEqual(
      verified.map(({ remote, protection, component }) => [remote, protection, component]),
      [
        ['192.0.2.2:42023', 'srtp', 2],
        ['192.0.2.2:42022', 'srtp', 1],
      ],
    );
    // What is in clear is not the phone's.
    assert.deepEqual([drive.delivered, drive.unprotected], [337 + 2, []]);
  });

  it('says who forged, in the ladder and beside the stream', () => {
    const scene = new SrtpScene()
      .agree(0, {
        ...{ way: SIP, offer: secureSdp(PHONE, cryptoLine(1, keyOf(1))) },
        answer: secureSdp(SERVER, cryptoLine(1, keyOf(2))),
      })
      .say(100, 1100, [PHONE, SERVER], new Voice(keyOf(1)))
      .rtp(500, 700, ['192.0.2.66:4000', SERVER], { ssrc: 1, sequence: 1020 });
    const { stdout, status } = run(write('forged.pcap', scene));
    assert.equal(status, 0);
    const flowing = stdout.replace(/[\s|]+/g, ' ');
    assert.match(flowing, /offer audio 10\.0\.1\.2:5004 srtp/);
    assert.match(flowing, /192\.0\.2\.66:4000: 10 packets, wrong tags/);
    assert.match(flowing, /SRTP, AES_CM_128_HMAC_SHA1_80, .*: 50 packets authentic, 10 with a wrong tag/);
    assert.match(flowing, /forged: packets under its SSRC that are not under its key/);
    assert.match(flowing, /intruder 192\.0\.2\.66:4000: 10 packets .* under no key that was agreed on/);
  });

  it('prints no key, however it is asked, damaged captures and errors too', () => {
    const content = readFileSync(FIXTURE);
    const broken = join(folder, 'broken.pcap');
    writeFileSync(broken, content.subarray(0, content.length - 7));
    const session = join(folder, 'session.json');
    const keys = [...readDatagrams(content)].flatMap(({ payload }) =>
      [
        ...Buffer.from(payload)
          .toString('latin1')
          .matchAll(/inline:([A-Za-z0-9+/=]+)/g),
      ].map(([, key = '']) => Buffer.from(key, 'base64')),
    );
    assert.ok(keys.length >= 2);
    writeFileSync(session, JSON.stringify({ calls: [{ call: 'a', offer: keys[0]?.toString('base64') }] }));
    for (const args of [
      [FIXTURE],
      ['--json', FIXTURE],
      ['--drive', FIXTURE],
      ['--drive', '--json', FIXTURE],
      ['--drive', '--policy', 'require', FIXTURE],
      ['--call', 'nobody', FIXTURE],
      ['--json', broken],
      ['--drive', '--session', session, FIXTURE],
    ]) {
      const { stdout, stderr } = run(...args);
      const printed = Buffer.from(stdout + stderr, 'utf8');
      assert.ok(printed.length > 0);
      for (const key of keys) assert.deepEqual(findKey(key, new Map([[args.join(' '), printed]])), []);
      assert.ok(!printed.includes('inline:'));
    }
  });

  /** ffmpeg has short tags for RTCP under this suite by this name, against RFC 4568 6.2.2. */
  for (const [suite, shortTags] of [
    [SUITE_80, 0],
    [SUITE_32, 1],
  ] as const)
    it(`judges what ffmpeg sends under ${suite}${shortTags > 0 ? ', and says that its RTCP has short tags' : ''}`, async function () {
      skipBecause(this, whyNoClient('ffmpeg'));
      const master = masterKey(suite);
      const scene = new SrtpScene().agree(0, {
        ...{ way: SIP, offer: secureSdp(PHONE, cryptoLine(1, master)) },
        answer: secureSdp(SERVER, cryptoLine(1, keyOf(2, suite))),
      });
      const socket = createSocket('udp4').bind(0, LOOPBACK);
      await once(socket, 'listening');
      const beganMs = Date.now();
      socket.on('message', (bytes) => scene.datagram(Date.now() - beganMs + 10, [PHONE, SERVER], bytes));
      const { port } = socket.address();
      const client = new RunningClient([
        ...[
          'ffmpeg',
          '-loglevel',
          'error',
          '-re',
          '-f',
          'lavfi',
          '-i',
          'sine=frequency=440:sample_rate=8000',
        ],
        ...['-t', '0.6', '-c:a', 'pcm_mulaw', '-f', 'rtp', '-srtp_out_suite', suite],
        ...['-srtp_out_params', Buffer.from(bytesOf(master)).toString('base64')],
        `srtp://${LOOPBACK}:${port}?pkt_size=172&rtcpport=${port}`,
      ]);
      await client.ended();
      socket.close();
      const [stream] = reportOf(write(`ffmpeg-${suite}.pcap`, scene)).streams;
      assert.ok(stream?.srtp, client.said);
      const { authentic, wrongTag, rtcp, findings } = stream.srtp;
      assert.ok(authentic >= 20 && authentic === stream.packets, client.said);
      assert.equal(wrongTag, 0);
      assert.deepEqual(findings, shortTags > 0 ? ['short-rtcp-tags'] : []);
      assert.ok(rtcp && rtcp[shortTags > 0 ? 'shortTag' : 'authentic'] >= 1 && rtcp.wrongTag === 0);
    });
});
