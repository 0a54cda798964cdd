// `latchkey replay` as a process: what it prints for machines and for people, and how it ends.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapWriter } from '../../lib/capture/index.js';
import type { CaptureReport } from '../../lib/capture/capture-report.js';
import { CallScene, sdpOf } from '../capture/call-scene.js';
import { root } from '../docs/repository.js';

const SERVER = '203.0.113.1:30000';
const MAPPING = '203.0.113.11:40000';
const REBOUND = '203.0.113.11:51000';
const ATTACKER = '203.0.113.66:4444';
const SECRET = '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI';
const PASSWORD = 'passwordpasswordpassword';

type Printed = CaptureReport & {
  file: string;
  packets: number;
  skipped: number;
  error: { code: string } | null;
};

describe('latchkey replay', function () {
  this.timeout(60_000);
  let folder: string;
  let scene: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-replay-'));
    scene = write('scene.pcap', attackedCall());
  });
  after(() => rmSync(folder, { recursive: true }));

  const write = (name: string, call: CallScene): string => {
    const parts: Uint8Array[] = [];
    const writer = new PcapWriter((bytes) => parts.push(bytes));
    for (const datagram of call.inOrder()) writer.write(datagram);
    writeFileSync(join(folder, name), Buffer.concat(parts));
    return join(folder, name);
  };

  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'dist/lib/cli/main.js'), 'replay', ...args], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });

  it('prints one object, with every stream once and by index in its call', () => {
    const { stdout, stderr, status } = run('--json', scene);
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trim().split('\n').length, 1);
    const printed = JSON.parse(stdout) as Printed;
    assert.equal(printed.file, scene);
    assert.equal(printed.packets, 4 + 195 + 8 + 195);
    assert.equal(printed.skipped, 0);
    assert.equal(printed.error, null);
    const [call] = printed.calls;
    assert.deepEqual(call?.streams, [0, 1, 2]);
    assert.deepEqual(
      [call.callId, call.from, call.to],
      ['call', 'sip:alice@example.com', 'sip:bob@example.com'],
    );
    const [stream] = printed.streams;
    assert.equal(stream?.lost, 0);
    assert.deepEqual(stream.changes, [{ atMs: 2000, source: REBOUND }]);
    assert.deepEqual(
      stream.intruders.map(({ source, packets }) => [source, packets]),
      [[ATTACKER, 8]],
    );
    assert.equal(stream.signalled, '10.0.1.2:40000');
    assert.equal(stream.nat, 'both');
  });

  it('draws a ladder and lists the streams in plain text of at most 96 columns', () => {
    const { stdout, status } = run(scene);
    assert.equal(status, 0);
    assert.match(stdout, /INVITE -+>\|/);
    assert.match(stdout, /<-+ 200 OK \(INVITE\)/);
    assert.match(stdout, /offer audio 10\.0\.1\.2:40000 latch/);
    assert.match(stdout, /2\.000 .*moved/);
    assert.match(stdout, /#0 now from 203\.0\.113\.11:51000/);
    assert.match(stdout, /203\.0\.113\.66:4444: 8 packets/);
    const flowing = stdout.replace(/\s+/g, ' ');
    assert.match(
      flowing,
      /NAT: the sender, signalled as 10\.0\.1\.2:40000, is seen at 203\.0\.113\.11:51000/,
    );
    assert.match(
      flowing,
      /a blind latch locked to the first source: 95 reached the sender, 0 stolen, 100 lost/,
    );
    for (const line of stdout.split('\n')) assert.match(line, /^[\x20-\x7e]{0,96}$/);
  });

  it('prints no secret of the signalling', () => {
    for (const args of [[scene], ['--json', scene]]) {
      const { stdout, stderr } = run(...args);
      assert.ok(!`${stdout}${stderr}`.includes(SECRET));
      assert.ok(!`${stdout}${stderr}`.includes(PASSWORD));
    }
  });

  it('lets no text of a capture move the cursor', () => {
    const evil = '\x1b[2J\x07\u009b';
    const way = ['192.0.2.1:5060', '192.0.2.2:5060'] as const;
    const file = write('evil.pcap', new CallScene().sip(0, `INVITE sip:${evil}@x`, { way, callId: evil }));
    assert.match(run(file).stdout, /^[\n\x20-\x7e]*$/);
    assert.match(run('--json', file).stdout, /^\{[\x20-\x7e\u0080-\uffff]*\}\n$/);
  });

  it('a file that breaks off gives its good part, says where, and ends with 1', () => {
    const whole = readFileSync(scene);
    const file = join(folder, 'cut.pcap');
    writeFileSync(file, whole.subarray(0, whole.length - 100));
    const { stdout, stderr, status } = run('--json', file);
    assert.equal(status, 1);
    assert.match(stderr, /^latchkey: replay .*cut\.pcap: .* at offset \d+; what comes before it was read\n$/);
    const printed = JSON.parse(stdout) as Printed;
    assert.equal(printed.error?.code, 'truncated');
    assert.equal(printed.packets, 401);
    assert.equal(printed.calls.length, 1);
  });

  it('a file that is no capture, or none, is told in one line and ends with 2', () => {
    for (const file of ['README.md', '/', join(folder, 'absent.pcap')]) {
      const { stdout, stderr, status } = run('--json', file);
      assert.equal(status, 2, file);
      assert.equal(stdout, '');
      assert.match(stderr, /^latchkey: replay [^\n]+\n$/);
    }
  });
});

/** A client behind a NAT that rebinds in mid call, while somebody sends eight packets with its SSRC. */
function attackedCall(): CallScene {
  const way = ['203.0.113.11:5060', '203.0.113.1:5060'] as const;
  const latch = `a=latch:1 Xk3pQ7vT0aLm ${SECRET} suites=HMAC-SHA-256`;
  const ice = ['a=ice-ufrag:user', `a=ice-pwd:${PASSWORD}`];
  return new CallScene()
    .sip(0, 'INVITE sip:bob@example.com', { way, sdp: sdpOf('10.0.1.2:40000', latch, ...ice) })
    .sip(1, '200 OK', { way: [way[1], way[0]], toTag: 'b', sdp: sdpOf(SERVER) })
    .sip(2, 'ACK sip:bob@example.com', { way, toTag: 'b' })
    .rtp(100, 2000, [MAPPING, SERVER])
    .rtp(2000, 4000, [REBOUND, SERVER])
    .rtp(1003, 1011, [ATTACKER, SERVER], { everyMs: 1, sequence: 51 })
    .rtp(105, 2000, [SERVER, MAPPING], { ssrc: 2 })
    .rtp(2005, 4005, [SERVER, REBOUND], { ssrc: 2, sequence: 195 })
    .sip(4100, 'BYE sip:bob@example.com', { way, toTag: 'b', sequence: 2 });
}
