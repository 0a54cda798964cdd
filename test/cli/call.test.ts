// `latchkey call` as users run it: separate processes, real sockets, real SIP.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDatagrams } from '../../lib/capture/index.js';
import type { CallSummary } from '../../lib/phone/terminal.js';
import { classifyPacket, formatAddress, readRtpSsrc } from '../../lib/wire/index.js';
import { CommandProcess, ServerProcess } from './server-process.js';
import type { Outcome } from './server-process.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));

function summaryOf({ code, stdout, stderr }: Outcome): CallSummary {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as CallSummary;
}

/** The one line on stderr. */
function complaintOf({ code, stderr }: Outcome, expected: number): string {
  assert.equal(code, expected, stderr);
  assert.match(stderr, /^latchkey: [^\n]*\n$/);
  return stderr;
}

describe('latchkey call', () => {
  let server: ServerProcess;
  let folder: string;
  const running: CommandProcess[] = [];

  before(async () => {
    server = await ServerProcess.start();
    folder = mkdtempSync(join(tmpdir(), 'latchkey-test-'));
  });
  after(async () => {
    await Promise.all(running.map((one) => one.stop('SIGKILL')));
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const uri = (room: string, transport = 'tls', host = '127.0.0.1'): string =>
    `sip:${room}@${host}:${server.port(transport)};transport=${transport}`;
  const trust = (): string[] => ['--ca', String(server.listening['certificate'])];

  function call(...args: string[]): CommandProcess {
    const one = new CommandProcess('call', ...args);
    running.push(one);
    return one;
  }

  it('two meet over TLS: both prove themselves, play a recording, and hear all of each other', async () => {
    const recording = join(folder, 'meeting.pcap');
    const alice = call(
      ...[uri('meeting'), ...trust(), '--json', '--play', fixture('speech/alice.pcap')],
      ...['--record', recording, '--duration', '2'],
    );
    const bob = call(
      uri('meeting'),
      ...trust(),
      '--json',
      '--play',
      fixture('speech/bob.pcap'),
      '--duration',
      '2',
    );
    const [a, b] = (await Promise.all([alice.ended(), bob.ended()])).map(summaryOf);
    assert.ok(a && b);
    for (const { verified, nat, mapping, signalled, sent, received, streams } of [a, b]) {
      assert.equal(verified, true);
      assert.equal(nat, 'none');
      assert.match(mapping ?? '', /^127\.0\.0\.1:\d+$/);
      assert.equal(mapping, signalled);
      assert.ok(sent >= 80 && received >= 30, `${sent} sent, ${received} received`);
      assert.equal(streams.length, 1);
      assert.equal(streams[0]?.lost, 0);
      assert.equal(streams[0]?.packets, received);
    }
    assert.notEqual(a.streams[0]?.ssrc, b.streams[0]?.ssrc);
    assert.deepEqual(
      Object.entries(a.dropped).filter(([, count]) => count > 0),
      [],
    );

    const capture = [...readDatagrams(readFileSync(recording))];
    const rtp = capture.filter(({ payload }) => classifyPacket(payload) === 'rtp');
    const outward = rtp.filter(({ source }) => formatAddress(source) === a.signalled);
    const inward = rtp.filter(({ destination }) => formatAddress(destination) === a.signalled);
    assert.deepEqual([outward.length, inward.length], [a.sent, a.received]);
    assert.deepEqual(
      new Set(inward.map(({ payload }) => readRtpSsrc(payload))),
      new Set([a.streams[0]?.ssrc]),
    );
    assert.ok(!readFileSync(recording).includes('latch'), 'no message of the protocol is recorded');
  });

  for (const transport of ['tcp', 'udp'])
    it(`over ${transport} on loopback it proves itself too`, async () => {
      const summary = summaryOf(await call(uri('echo', transport), '--json', '--duration', '1').ended());
      assert.equal(summary.verified, true);
      assert.equal(summary.streams[0]?.lost, 0);
      assert.ok(summary.received > 20, `${summary.received} received`);
    });

  it('moves to a new port on SIGUSR2, and the server follows without signalling', async () => {
    const caller = call(uri('echo'), ...trust(), '--json');
    const { mapping } = await caller.event('mapped');
    const { session } = await server.event('verified', ({ remote }) => remote === mapping);
    const ended = caller.ended();
    void caller.stop('SIGUSR2');
    const rebound = await server.event('rebound', (event) => event['session'] === session);
    const moved = await caller.event('moved');
    assert.equal(rebound['mapping'], moved['local']);
    assert.equal(rebound['nat'], 'port');
    await caller.event('mapped', (event) => event['mapping'] === moved['local']);
    void caller.stop('SIGTERM');
    const summary = summaryOf(await ended);
    assert.equal(summary.mapping, moved['local']);
    assert.notEqual(summary.signalled, summary.mapping);
    assert.equal(summary.nat, 'port');
  });

  it('--commands: holds, resumes and hangs up as it is told on standard input', async () => {
    const caller = call(uri('echo'), ...trust(), '--json', '--commands');
    await caller.event('verified');
    caller.tell('hold', 'constructor');
    await caller.event('held', ({ held }) => held === true);
    caller.tell('resume');
    await caller.event('held', ({ held }) => held === false);
    caller.tell('bye');
    const outcome = await caller.ended();
    assert.match(
      outcome.stderr,
      /^latchkey: "constructor" is no command: hold, resume, mute, unmute, move, bye are$/m,
    );
    assert.ok(summaryOf(outcome).received > 0);
  });

  it('on SIGINT says BYE, then its summary', async () => {
    const isOpen = (name: string) => server.events.filter(({ event }) => event === name).length;
    const before = isOpen('verified');
    const caller = call(uri('echo'), ...trust());
    await server.event('verified', () => isOpen('verified') > before);
    const { code, stdout } = await caller.stop('SIGINT');
    assert.equal(code, 0);
    assert.match(stdout, /^verified: /m);
    assert.match(
      stdout,
      /^signalled 127\.0\.0\.1:\d+, seen at 127\.0\.0\.1:\d+, NAT changed none, verified$/m,
    );
    await server.event('closed', () => isOpen('closed') === isOpen('session'));
  });

  it('--insecure warns, and calls', async () => {
    const outcome = await call(uri('echo'), '--insecure', '--json', '--duration', '0.5').ended();
    assert.equal(summaryOf(outcome).verified, true);
    assert.match(complaintOf(outcome, 0), /--insecure: nobody vouches/);
  });

  it('refuses what has no answer, in one line', async () => {
    const outcomes = await Promise.all([
      call(uri('echo'), '--duration', '1').ended(),
      call(`sip:echo@127.0.0.1:1;transport=tcp`).ended(),
      call(uri('echo'), '--ca', fixture('speech/alice.pcap')).ended(),
      call(uri('echo'), '--ca', join(folder, 'none.pem')).ended(),
      call(uri('echo'), '--bad').ended(),
      call(uri('echo'), '--duration', 'long').ended(),
      call('sip:echo@[::1]').ended(),
      call('sip:127.0.0.1').ended(),
      call(uri('echo'), ...trust(), '--play', join(folder, 'none.wav')).ended(),
    ]);
    const expected: readonly [number, RegExp][] = [
      [1, /certificate is not trusted .*--ca PEM.*--insecure/],
      [1, /nothing listens there/],
      [2, /no certificate in/],
      [2, /there is no such file/],
      [2, /unknown option '--bad'/],
      [2, /number of seconds/],
      [2, /IPv6/],
      [2, /names no room/],
      [2, /cannot read .*there is no such file/],
    ];
    expected.forEach(([code, why], i) => {
      const outcome = outcomes[i];
      assert.ok(outcome);
      assert.match(complaintOf(outcome, code), why);
    });
  });
});
