// `serve --https` and `latchkey call` as users run them: a call without SIP, a call over plain UDP with a key, and who may not.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeUser } from '../../lib/sip/index.js';
import { CommandProcess, ServerProcess } from './server-process.js';

const PASSWORD = 'open sesame';
let folder: string;
let users: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'serve-https-'));
  users = join(folder, 'users');
  const algorithm = 'SHA-256' as const;
  const alice = { name: 'alice', realm: 'latchkey', password: PASSWORD, algorithm, rooms: ['echo'] };
  writeFileSync(users, writeUser('', 'alice', 'latchkey', alice));
  chmodSync(users, 0o600);
  process.env['LATCHKEY_PASSWORD'] = PASSWORD;
});
after(async () => {
  delete process.env['LATCHKEY_PASSWORD'];
  await CommandProcess.killAll();
  rmSync(folder, { recursive: true });
});

/** What a call came to. */
async function call(...args: string[]) {
  const command = new CommandProcess('call', '--json', '--insecure', '--duration', '1', ...args);
  const { code, stderr } = await command.ended();
  const summary = command.events.at(-1) as unknown as { received: number; verified: boolean } | undefined;
  return { code, stderr, answered: command.events.find(({ event }) => event === 'answered'), summary };
}

describe('latchkey serve --https', function () {
  this.timeout(60_000);

  it('takes calls without SIP, and gives out keys for calls over clear signalling, to users alone', async () => {
    const server = await ServerProcess.start('--users', users, '--https', 'auto', '--policy', 'require');
    const https = `https://127.0.0.1:${server.port('https')}`;

    const direct = await call(`${https}/echo`, '--user', 'alice');
    assert.equal(direct.code, 0, direct.stderr);
    assert.ok(direct.summary?.verified && direct.summary.received > 5);

    const keyed = await call(
      `sip:echo@127.0.0.1:${server.port('udp')};transport=udp`,
      ...['--user', 'alice', '--keys', https],
    );
    assert.equal(keyed.code, 0, keyed.stderr);
    assert.ok(keyed.summary?.verified && keyed.summary.received > 5);
    assert.equal(keyed.answered?.['protection'], 'latch');

    for (const [uri, status] of [
      [`${https}/other`, 404],
      [`${https}/echo`, 401],
    ] as const) {
      const refused = await call(uri, ...(status === 401 ? [] : ['--user', 'alice']));
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, new RegExp(`refused with ${status}`));
    }
    const { stdout, stderr } = await server.stop('SIGTERM');
    assert.ok(!`${stdout}${stderr}`.includes(PASSWORD));
  });

  it('with --open asks nobody for a name', async () => {
    const server = await ServerProcess.start('--open', '--https', 'auto');
    const { code, summary, stderr } = await call(`https://127.0.0.1:${server.port('https')}/echo`);
    assert.equal(code, 0, stderr);
    assert.ok(summary?.verified);
    await server.stop('SIGTERM');
  });
});
