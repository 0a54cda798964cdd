// `serve --watch` as users run it: where the address of the page is printed, and where it is not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CommandProcess, ServerProcess } from './server-process.js';

const MAIN = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));

after(() => CommandProcess.killAll());

async function open(url: string): Promise<Response> {
  const { origin, hash } = new URL(url);
  const token = new URLSearchParams(hash.slice(1)).get('token');
  return fetch(`${origin}/feed/`, { headers: { Authorization: `Bearer ${token}` } });
}

describe('latchkey serve: the page', function () {
  this.timeout(30_000);

  it('is served on loopback; its address is printed once, on standard error, and no line of JSON has the token', async () => {
    const server = await ServerProcess.start('--watch', 'auto');
    const at = String(server.listening['watch']);
    assert.match(at, /^127\.0\.0\.1:\d+$/);
    const response = await open(/http:\S+/.exec(server.output)?.[0] ?? '');
    assert.equal(response.status, 200);
    const { code, stdout, stderr } = await server.stop();
    assert.equal(code, 0);
    const [, token = ''] =
      new RegExp(`^latchkey: watch the rooms at http://${at}/#token=([\\w-]{22})\n$`).exec(stderr) ?? [];
    assert.notEqual(token, '', stderr);
    assert.ok(!stdout.includes(token));
    assert.match(await response.text(), /"type":"ended"[^\n]*\n$/);
  });

  it('takes its token from the environment, and then prints none; one that is too short is refused', () => {
    const serve = (token: string) =>
      spawnSync(
        process.execPath,
        [MAIN, 'serve', '--udp', 'auto', '--tcp', '0', '--tls', '0', '--watch', 'auto', '--duration', '0.1'],
        { encoding: 'utf8', env: { ...process.env, LATCHKEY_WATCH_TOKEN: token } },
      );
    const token = 'a-token-of-the-tests';
    const told = serve(token);
    assert.deepEqual([told.status, told.stderr], [0, '']);
    assert.match(told.stdout, /watch=127/);
    assert.ok(!told.stdout.includes(token));
    const short = serve('short-and-secret');
    assert.equal(short.status, 0, short.stderr);
    const shorter = serve('too-short');
    assert.equal(shorter.status, 2);
    assert.equal(
      shorter.stderr,
      "latchkey: LATCHKEY_WATCH_TOKEN accepts 16 to 128 characters of base64url; it is 'too-short'\n",
    );
  });

  it('a port that is taken is named, and ends the start', async () => {
    const first = await ServerProcess.start('--watch', 'auto');
    const port = first.port('watch');
    const second = new CommandProcess(
      'serve',
      '--udp',
      'auto',
      '--tcp',
      '0',
      '--tls',
      '0',
      '--watch',
      `${port}`,
    );
    const { code, stderr } = await second.ended();
    assert.equal(code, 2);
    assert.equal(stderr, `latchkey: --watch ${port} cannot be had on 127.0.0.1 (EADDRINUSE)\n`);
  });

  it('beyond loopback it is served over TLS, with the certificate of the server', async () => {
    const server = await ServerProcess.start('--watch', '0.0.0.0:auto');
    const port = server.port('watch');
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
    assert.match(server.output, new RegExp(`https://127\\.0\\.0\\.1:${port}/#token=`));
  });
});
