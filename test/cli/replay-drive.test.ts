// `latchkey replay --drive` as a process, and the file of --session.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../lib/phone/failure.js';
import { readSessionFile } from '../../lib/cli/replay-drive.js';
import { root } from '../docs/repository.js';

const CAPTURE = 'fixtures/nat-rebinding/server.pcap';
const SESSION = 'fixtures/nat-rebinding/session.json';

describe('latchkey replay --drive', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'latchkey-drive-'))));
  after(() => rmSync(folder, { recursive: true }));

  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'dist/lib/cli/main.js'), 'replay', ...args], {
      ...{ cwd: root, encoding: 'utf8' },
    });

  it('prints a line for each event, with the time since the file began', () => {
    const { stdout, stderr, status } = run(CAPTURE, '--drive', '--session', SESSION);
    assert.equal(status, 0, stderr);
    const lines = stdout.split('\n').filter((line) => /^ +\d+\.\d{3} /.test(line));
    const { events } = JSON.parse(
      readFileSync(join(root, 'fixtures/nat-rebinding/server.events.json'), 'utf8'),
    ) as { events: { atMs: number; type: string }[] };
    assert.deepEqual(
      lines.map((line) => line.trim().split(/ +/).slice(0, 2)),
      events.map(({ atMs, type }) => [(atMs / 1000).toFixed(3), type]),
    );
    assert.ok(!/a=latch|v=0/.test(stdout));
  });

  it('prints them in the one object too, beside the streams', () => {
    const { stdout, status } = run(CAPTURE, '--drive', '--session', SESSION, '--json');
    assert.equal(status, 0);
    const { events, drive, streams } = JSON.parse(stdout) as Record<string, unknown[]>;
    assert.equal(events?.length, 5);
    assert.equal((drive as unknown as { calls: number }).calls, 1);
    assert.ok(streams && streams.length > 0);
  });

  it('drives a call out of SIP in the clear, and says that nothing protects it', () => {
    const { stdout, status } = run('fixtures/sipp/call.pcap', '--drive');
    assert.equal(status, 0);
    assert.match(stdout, /neither latch nor ICE nor a key of SRTP was agreed on/);
  });

  it('ends with 1 where no call has an offer and an answer', () => {
    const { stdout, stderr, status } = run(CAPTURE, '--drive');
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /no call with an offer and an answer/);
  });

  it('--policy is that of the core: under require a call that nothing protects is not taken', () => {
    const of = (policy: string) => {
      const { stdout, status, stderr } = run(
        'fixtures/sipp/call.pcap',
        '--drive',
        '--json',
        '--policy',
        policy,
      );
      assert.equal(status, 0, stderr);
      return (JSON.parse(stdout) as { drive: { unread: string[]; unprotected: string[]; delivered: number } })
        .drive;
    };
    assert.deepEqual([of('require').unread.length, of('require').delivered], [1, 0]);
    assert.deepEqual([of('prefer').unread.length, of('prefer').unprotected.length], [0, 1]);
    assert.ok(of('legacy').delivered > 0);
    assert.equal(run(CAPTURE, '--policy', 'require').status, 2);
    assert.match(run(CAPTURE, '--drive', '--policy', 'other').stderr, /require, prefer, legacy, blind/);
  });

  it('takes --session with --drive only', () => {
    const { stderr, status } = run(CAPTURE, '--session', SESSION);
    assert.equal(status, 2);
    assert.match(stderr, /--session is for --drive/);
  });

  const exchange = { offer: 'v=0', answer: 'v=0' };
  for (const [what, content, said] of [
    ['no JSON', '{', /this is no JSON/],
    ['no calls', '{"calls":[]}', /"calls": expects a list/],
    ['another side', { calls: [{ call: 'a', server: 'both', exchanges: [exchange] }] }, /"calls\.0\.server"/],
    ['an unknown name', { calls: [{ call: 'a', exchanges: [exchange], secret: 'hush' }] }, /not accepted/],
    ['a time without zone', { calls: [{ call: 'a', exchanges: [exchange], endedAt: '12:00' }] }, /ISO 8601/],
    [
      'no offer',
      { calls: [{ call: 'a', exchanges: [{ answer: 'hush' }] }] },
      /"calls\.0\.exchanges\.0\.offer"/,
    ],
  ] as const)
    it(`a session file with ${what} is refused by its place, and not quoted`, () => {
      const file = join(folder, 'session.json');
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
      assert.throws(
        () => readSessionFile(file),
        (error) => error instanceof Failure && said.test(error.message) && !error.message.includes('hush'),
      );
    });

  it('an exchange without times was before the capture, and the one who was called is the server', () => {
    const file = join(folder, 'session.json');
    writeFileSync(file, JSON.stringify({ calls: [{ call: 'a', address: '::1', exchanges: [exchange] }] }));
    assert.deepEqual(readSessionFile(file), [
      {
        call: 'a',
        address: '::1',
        exchanges: [{ offeredMs: -Infinity, answeredMs: -Infinity, isServerOffer: false, ...exchange }],
      },
    ]);
  });
});
