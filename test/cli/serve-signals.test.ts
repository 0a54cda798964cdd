// `latchkey serve` as a service, by real signals: it reads its files again without touching a call, and lets calls end when it is to
// end.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';
import { answerChallenge, credentialsIn, writeUser } from '../../lib/sip/index.js';
import { root } from '../docs/repository.js';
import { createCertificate } from '../plugins/sip-phones.js';
import { RawPhone } from './raw-phone.js';
import { CommandProcess, ServerProcess } from './server-process.js';

const PASSWORD = 'open sesame';

let folder: string;
let server: ServerProcess;
const phones: RawPhone[] = [];

before(() => (folder = mkdtempSync(join(tmpdir(), 'serve-signals-'))));
after(async () => {
  await CommandProcess.killAll();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  for (const phone of phones.splice(0)) phone.close();
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, 0o600);
  return path;
}

function users(...names: readonly string[]): string {
  return names.reduce((before, name) => {
    const user = {
      name,
      realm: 'latchkey',
      algorithm: 'SHA-256',
      password: PASSWORD,
      rooms: undefined,
    } as const;
    return writeUser(before, name, 'latchkey', user);
  }, '');
}

async function phone(): Promise<RawPhone> {
  const opened = await RawPhone.open(server.port('udp'));
  phones.push(opened);
  return opened;
}

/** The status of a call in this user's name. */
async function call(from: RawPhone, user: string): Promise<number> {
  const body = from.sdp();
  const asked = await from.ask('INVITE', { user: 'echo', body });
  if (asked.status !== 401) return asked.status;
  const uri = `sip:echo@${from.host}:${server.port('udp')}`;
  const challenges = credentialsIn(asked.headers.get('www-authenticate') ?? '');
  const proof = answerChallenge({ user, password: PASSWORD }, { method: 'INVITE', uri }, challenges);
  const { status } = await from.ask('INVITE', { user: 'echo', body, lines: [`Authorization: ${proof}`] });
  return status;
}

/** The line of the reload that a SIGHUP brings about. */
async function hangUpSignal() {
  const before = server.events.map(({ time }) => time);
  server.signal('SIGHUP');
  return server.event('reload', ({ time }) => !before.includes(time));
}

/** The certificate that a newcomer is shown. */
async function connect(): Promise<{ socket: tls.TLSSocket; shown: string }> {
  const socket = tls.connect({ port: server.port('tls'), host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  return { socket, shown: socket.getPeerCertificate().fingerprint256 };
}

describe('serve on SIGHUP', () => {
  afterEach(() => server.stop());

  it('reads the users again: calls go on, who was taken out calls no more, and a bad file changes nothing', async () => {
    const path = file('users', users('alice'));
    server = await ServerProcess.start('--users', path);
    const [early, late, other] = [await phone(), await phone(), await phone()];
    assert.deepEqual([await call(early, 'alice'), await call(other, 'bob')], [200, 401]);
    file('users', users('bob'));
    assert.deepEqual((await hangUpSignal())['read'], [path]);
    assert.deepEqual([await call(late, 'alice'), await call(other, 'bob')], [401, 200]);
    assert.equal((await early.ask('UPDATE', { body: early.sdp() })).status, 200, 'the call is still there');
    file('users', 'what is this\n');
    const bad = await hangUpSignal();
    assert.deepEqual([bad['level'], bad['read']], ['error', undefined]);
    assert.match(String(bad['error']), /--users .*users, line 1: /);
    assert.equal(await call(await phone(), 'bob'), 200, 'the old stay');
    chmodSync(path, 0o644);
    assert.match(String((await hangUpSignal())['error']), /others can read or write it/);
    const { code, stderr } = await server.stop();
    assert.equal(code, 0);
    assert.match(stderr, /^latchkey: SIGHUP: all stays as it was: --users .*users, line 1: /m);
  });

  it('reads the certificate and the file of options again, and says what only a start can change', async () => {
    const first = await createCertificate();
    const second = await createCertificate([{ type: 2, value: 'second' }]);
    const pem = { cert: file('cert.pem', first.cert), key: file('key.pem', first.key) };
    const config = file('serve.json', JSON.stringify({ ...pem, policy: 'prefer' }));
    server = await ServerProcess.start('--config', config);
    const before = await connect();
    file('cert.pem', second.cert);
    const bad = await hangUpSignal();
    assert.match(String(bad['error']), /key\.pem: this is not the key of the certificate/);
    assert.equal((await connect()).shown, before.shown, 'the old stays');
    file('key.pem', second.key);
    file('serve.json', JSON.stringify({ ...pem, policy: 'require', verbose: true }));
    const line = await hangUpSignal();
    assert.deepEqual([line['read'], line['atNextStart']], [[config, pem.cert, pem.key], ['policy']]);
    assert.notEqual((await connect()).shown, before.shown);
    before.socket.write('\r\n');
    assert.ok(before.socket.writable, 'the connection of before is still there');
    before.socket.destroy();
    await server.stop();
    assert.ok('sessions' in (await server.event('counters')), 'verbose from then on');
  });

  it('lets nobody in because a file names another address to listen on', async () => {
    const path = file('users', users('alice'));
    const config = file('open.json', JSON.stringify({ users: path }));
    server = await ServerProcess.start('--config', config);
    file('open.json', JSON.stringify({ listen: '127.0.0.2' }));
    assert.match(String((await hangUpSignal())['error']), /--listen cannot change/);
    assert.equal((await (await phone()).ask('INVITE', { body: '' })).status, 401);
  });
});

describe('serve --drain on SIGTERM', () => {
  it('takes no newcomers, lets the calls go on, and ends with the last of them', async () => {
    server = await ServerProcess.start('--drain', '60');
    const [inside, newcomer] = [await phone(), await phone()];
    assert.equal(await call(inside, ''), 200);
    server.signal('SIGTERM');
    assert.deepEqual([(await server.event('drain'))['calls']], [1]);
    const refused = await newcomer.ask('INVITE', { body: newcomer.sdp() });
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '10']);
    const asked = await newcomer.ask('OPTIONS');
    assert.deepEqual([asked.status, asked.headers.get('retry-after')], [503, '10']);
    assert.equal((await inside.ask('OPTIONS')).status, 200, 'in the call');
    const held = await inside.ask('INVITE', { body: inside.sdp('a=sendonly') });
    assert.match(held.body, /a=recvonly/, 'a change of the call is no newcomer');
    inside.send('BYE');
    const { code } = await server.ended();
    assert.equal(code, 0);
    assert.equal((await server.event('rejected'))['status'], 503);
  });

  it('ends at once, with BYE, on a second signal', async () => {
    server = await ServerProcess.start('--drain', '60');
    const inside = await phone();
    assert.equal(await call(inside, ''), 200);
    server.signal('SIGTERM');
    await server.event('drain');
    const beganMs = performance.now();
    const { code } = await server.stop('SIGTERM');
    assert.equal(code, 0);
    assert.ok(performance.now() - beganMs < 1900, 'the BYE is not waited for');
    assert.ok(await inside.next(({ method }) => method === 'BYE'));
  });

  it('ends the calls when the time is over', async () => {
    server = await ServerProcess.start('--drain', '0.2');
    const inside = await phone();
    assert.equal(await call(inside, ''), 200);
    const ended = server.stop();
    inside.answer(await inside.next(({ method }) => method === 'BYE'));
    assert.equal((await ended).code, 0);
  });
});

describe('serve with a port question under way (protocol.md 8.3.6)', () => {
  /** A phone behind a NAT, without any key, that has been asked to send elsewhere, and says nothing yet. */
  async function asked(...args: string[]) {
    const low = 23_000 + 100 * Math.floor(Math.random() * 20);
    server = await ServerProcess.start('--media', `${low}-${low + 99}`, ...args);
    const inside = await phone();
    const body = inside.sdp().replace(/^c=.*$/m, 'c=IN IP4 10.9.8.7');
    assert.equal((await inside.ask('INVITE', { user: 'echo', body })).status, 200);
    const question = await inside.next(({ method }) => method === 'INVITE');
    return { inside, body, question };
  }

  it('goes on through a SIGHUP and a SIGTERM with --drain, and ends with the call', async () => {
    const { inside, body, question } = await asked('--drain', '60');
    await hangUpSignal();
    server.signal('SIGTERM');
    assert.deepEqual([(await server.event('drain'))['calls']], [1]);
    inside.answerOffer(question, body);
    await inside.next(({ method }) => method === 'ACK', inside.messages.indexOf(question));
    for (let sequence = 1; sequence < 50; sequence++) {
      inside.sendRtp(question.body, sequence);
      await pause(20);
    }
    assert.equal((await server.event('locked'))['ground'], 'question');
    assert.ok(inside.received > 10, 'its own media comes back');
    inside.send('BYE', { user: 'echo' });
    assert.equal((await server.ended()).code, 0);
  });

  it('keeps nobody from ending on SIGTERM: the BYE goes out over it', async () => {
    const { inside } = await asked();
    const beganMs = performance.now();
    const ended = server.stop('SIGTERM');
    inside.answer(await inside.next(({ method }) => method === 'BYE'));
    assert.equal((await ended).code, 0);
    assert.ok(performance.now() - beganMs < 2000);
  });
});

describe('serve by npx', () => {
  it('ends on a SIGTERM to npx', async () => {
    const project = join(folder, 'project');
    mkdirSync(join(project, 'node_modules/.bin'), { recursive: true });
    writeFileSync(join(project, 'package.json'), '{"name":"project","version":"1.0.0"}');
    symlinkSync(root, join(project, 'node_modules/latchkey'));
    const main = join(root, 'dist/lib/cli/main.js');
    writeFileSync(
      join(project, 'node_modules/.bin/latchkey'),
      `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`,
      { mode: 0o755 },
    );
    const args = ['--offline', 'latchkey', 'serve', '--json', '--udp', 'auto', '--tcp', '0', '--tls', '0'];
    const npx = spawn('npx', args, { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(npx.stdout.setEncoding('utf8'), 'data')) as [string];
    const { pid } = JSON.parse(line.split('\n')[0] ?? '') as { pid: number };
    assert.ok(isRunning(pid));
    npx.kill('SIGTERM');
    for (let tries = 0; tries < 50 && isRunning(pid); tries++) await pause(100);
    const isLeft = isRunning(pid);
    if (isLeft) process.kill(pid, 'SIGKILL');
    assert.ok(!isLeft, 'it goes on with nobody to end it');
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
