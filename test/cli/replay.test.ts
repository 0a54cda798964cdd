// `latchkey replay` as a process: what it prints for machines and for people, and how it ends.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PcapWriter } from '../../lib/capture/index.js';
import type { CaptureReport } from '../../lib/capture/capture-report.js';
import type { TransportAddress } from '../../lib/wire/index.js';
import { CallScene, sdpOf } from '../capture/call-scene.js';
import { root } from '../docs/repository.js';

const SERVER = '203.0.113.1:30000';
const MAPPING = '203.0.113.11:40000';
const REBOUND = '203.0.113.11:51000';
const ATTACKER = '203.0.113.66:4444';
const WAY = ['203.0.113.11:5060', '203.0.113.1:5060'] as const;
const SECRET = '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI';
const PASSWORD = 'passwordpasswordpassword';

type Printed = CaptureReport & {
  file: string;
  packets: number;
  skipped: number;
  error: { code: string } | null;
  startedAt: string;
  files: string[];
  cut: { packets: number; fromBytes: number; toBytes: number } | null;
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

  const run = (...args: readonly string[]) => runWith(undefined, ...args);
  const runWith = (input: Uint8Array | undefined, ...args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'dist/lib/cli/main.js'), 'replay', ...args], {
      ...(input && { input }),
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
    assert.deepEqual(
      stream.changes.map(({ atMs, frame, source }) => [atMs, frame > 100, source]),
      [[2000, true, REBOUND]],
    );
    assert.equal(printed.startedAt, new Date(1e12).toISOString());
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

  it('says of a stream without a key on what ground its sender would have been taken, on text and in JSON', () => {
    const { stdout } = run('fixtures/sipp/call.pcap');
    assert.match(
      stdout.replace(/\s+/g, ' '),
      /evidence, without any key: 192\.0\.2\.2:42010 locked at 0\.097, since it sends from the address in its description/,
    );
    const { streams } = JSON.parse(run('fixtures/sipp/call.pcap', '--json').stdout) as CaptureReport;
    assert.deepEqual(
      streams.map(({ evidence }) => evidence?.locks.map(({ ground }) => ground)),
      [['sdp'], ['sdp']],
    );
  });

  it('says beside the seconds what time it was and which frame, and the outcome on a line of its own', () => {
    const { stdout } = run(scene);
    const lines = stdout.split('\n');
    assert.match(stdout, /^from 2001-09-09 01:46:40\.000 UTC, 4\.100 s$/m);
    assert.ok(lines.includes('  answered'));
    const bye = lines.find((line) => line.includes('- BYE -')) ?? '';
    assert.match(bye, /^ {4}4\.100 {2}01:46:44\.100 {2}402 /);
    assert.match(stdout, /at 2\.000 \(01:46:42\.000, frame \d+\) it went on from/);
    const refused = write(
      'refused.pcap',
      new CallScene()
        .sip(0, 'INVITE sip:b@x', { way: WAY })
        .sip(9, '486 Busy Here', { way: [WAY[1], WAY[0]], toTag: 'b' }),
    );
    assert.ok(run(refused).stdout.split('\n').includes('  refused with 486'));
    const alone = write('alone.pcap', new CallScene().sip(0, 'INVITE sip:b@x', { way: WAY }));
    assert.match(
      run(alone).stdout,
      /^ {2}no answer in this capture, .*nothing from the callee was captured$/m,
    );
  });

  it('columns of IPv6 hosts can be told apart: numbers over them, and what they are above', () => {
    const ends = [
      '2001:db8:1234:5678:9abc:def0:1111:2222',
      '2001:db8:1234:5678:9abc:def0:1111:3333',
    ] as const;
    const call = new CallScene();
    const [from, to] = ends.map((address) => ({ address, port: 5060 })) as [
      TransportAddress,
      TransportAddress,
    ];
    const text =
      'INVITE sip:b@x SIP/2.0\r\nFrom: <sip:a@x>;tag=a\r\nTo: <sip:b@x>\r\nCall-ID: six\r\nCSeq: 1 INVITE\r\n\r\n';
    call.datagrams.push({ timeMs: 1e12, source: from, destination: to, payload: Buffer.from(text) });
    const lines = run(write('six.pcap', call)).stdout.split('\n');
    for (const [i, end] of ends.entries()) {
      assert.ok(lines.includes(`  [${i + 1}] ${end}`));
      assert.ok(
        lines.some(
          (line) => /^ {20}/.test(line) && line.includes(`[${i + 1}] ..`) && line.includes(end.slice(-9)),
        ),
      );
    }
  });

  it('says how many packets were cut short and at what length, and what is there twice', () => {
    const cut = join(folder, 'short.pcap');
    writeFileSync(cut, snapped(readFileSync(scene), 96));
    const { stdout } = run(cut);
    assert.match(stdout, /402 packets are cut short at 96 bytes/);
    assert.match(stdout, /4 SIP messages cut off before the Call-ID/);
    assert.match(stdout, /^no calls: what there is of SIP is cut off before it names one$/m);
    assert.deepEqual((JSON.parse(run('--json', cut).stdout) as Printed).cut, {
      packets: 402,
      fromBytes: 96,
      toBytes: 96,
    });
    const twice = attackedCall();
    twice.datagrams.push(...twice.datagrams.map((one) => ({ ...one, timeMs: one.timeMs + 0.05 })));
    assert.match(
      run(write('twice.pcap', twice)).stdout,
      /captured twice: \d+ packets of \d RTP streams and 4 SIP messages/,
    );
  });

  it('--call shows one call and its streams, with indexes of their own', () => {
    const two = new CallScene()
      .call(0, ['192.0.2.1:4000', SERVER], WAY, 'first')
      .rtp(100, 500, ['192.0.2.1:4000', SERVER], { ssrc: 1 })
      .call(1000, ['192.0.2.1:4002', '203.0.113.1:30002'], WAY, 'second')
      .rtp(1100, 1500, ['192.0.2.1:4002', '203.0.113.1:30002'], { ssrc: 2 });
    const file = write('two.pcap', two);
    const printed = JSON.parse(run('--json', '--call', 'second', file).stdout) as Printed;
    assert.deepEqual(
      printed.calls.map(({ callId, streams }) => [callId, streams]),
      [['second', [0]]],
    );
    assert.deepEqual(
      printed.streams.map(({ ssrc, call, calls }) => [ssrc, call, calls]),
      [[2, 0, [0]]],
    );
    const { stdout } = run('--call', 'first', file);
    assert.match(stdout, /call first/);
    assert.doesNotMatch(stdout, /second/);
    const none = run('--call', 'third', file);
    assert.deepEqual([none.status, none.stdout], [1, '']);
    assert.match(none.stderr, /no call has the Call-ID third/);
  });

  it('takes several files, packed ones, and standard input, packed or not', () => {
    const whole = readFileSync(scene);
    const expected = (JSON.parse(run('--json', scene).stdout) as Printed).streams;
    const half = 24 + 200 * 16;
    let at = 24;
    while (at < half + 20_000) at += 16 + whole.readUInt32LE(at + 8);
    const [one, two] = [join(folder, 'one.pcap'), join(folder, 'two.pcap.gz')];
    writeFileSync(one, whole.subarray(0, at));
    writeFileSync(two, gzipSync(Buffer.concat([whole.subarray(0, 24), whole.subarray(at)])));
    for (const result of [
      run('--json', two, one),
      runWith(whole, '--json', '-'),
      runWith(gzipSync(whole), '--json', '-'),
      runWith(readFileSync(two), '--json', one, '-'),
    ]) {
      assert.equal(result.status, 0, result.stderr);
      const printed = JSON.parse(result.stdout) as Printed;
      assert.deepEqual(printed.streams, expected);
      assert.equal(printed.packets, 402);
    }
    assert.equal(run('-', '-').status, 2);
    assert.match(runWith(whole, '--drive', '-').stderr, /standard input can be read once/);
    const mixed = run(scene, 'README.md');
    assert.equal(mixed.status, 2);
    assert.match(mixed.stderr, /README\.md: this is neither pcap nor pcapng/);
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

/** The capture as tcpdump would have taken it with this snap length. */
function snapped(whole: Buffer, size: number): Buffer {
  const parts = [whole.subarray(0, 24)];
  for (let at = 24; at < whole.length;) {
    const kept = whole.readUInt32LE(at + 8);
    const header = Buffer.from(whole.subarray(at, at + 16));
    header.writeUInt32LE(Math.min(kept, size), 8);
    parts.push(header, whole.subarray(at + 16, at + 16 + Math.min(kept, size)));
    at += 16 + kept;
  }
  return Buffer.concat(parts);
}

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
