// What somebody sees who runs the first command in a fresh clone: that it is installed and built, and how far that is. And what
// `npm pack` says last.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from '../docs/repository.js';

describe('the first run', function () {
  this.timeout(180_000);
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'first-run-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };

  it('tells that it installs and builds, and how far it is', () => {
    for (const name of [
      '.ci/ready.mjs',
      '.ci/native.mjs',
      ...['addon.c', 'srtp.c', 'mac.c', 'openssl.h'].map((one) => `lib/net/batch/${one}`),
    ])
      cpSync(join(root, name), join(folder, name));
    write('package.json', '{"type":"module"}');
    write('package-lock.json', '{"packages":{"":{},"node_modules/typescript":{},"node_modules/b":{}}}');
    for (const name of ['lib/a.ts', 'plugins/watch/page/b.js', 'tsconfig.json', 'tsconfig.build.json'])
      write(name, '');
    // In the place of npm and of the compiler, six seconds each.
    const wait = 'await new Promise((resolve) => setTimeout(resolve, 6000));';
    const compiler = `import { mkdirSync } from 'node:fs';${wait}mkdirSync(process.argv.at(-1));`;
    write(
      'npm.js',
      `import { mkdirSync, writeFileSync } from 'node:fs';
      const at = 'node_modules/typescript';
      mkdirSync(at + '/bin', { recursive: true });
      writeFileSync(at + '/package.json', '{"type":"module"}');
      writeFileSync(at + '/bin/tsc', ${JSON.stringify(compiler)});
      ${wait}
      writeFileSync('node_modules/.package-lock.json', '');`,
    );
    const env = { ...process.env, npm_execpath: join(folder, 'npm.js'), CC: 'none-such' };
    const { status, stderr, stdout } = spawnSync(process.execPath, ['.ci/ready.mjs', 'build'], {
      ...{ cwd: folder, env, encoding: 'utf8' },
    });
    assert.deepEqual([status, stdout], [0, ''], stderr);
    assert.match(
      stderr,
      /^latchkey: 1 of 2, installing .*: 2 packages.*\nlatchkey: installing, 5 s: 1 of 2 packages are here\nlatchkey: 2 of 2, building 9 files.*\nlatchkey: building, 5 s\nlatchkey: datagrams go one by one, .*: there is no none-such: .*\n$/,
    );
  });

  it('npm pack says the name of the file last, and there is a build in it', () => {
    const { status, stdout, output } = spawnSync('npm', ['pack', '--pack-destination', folder], {
      ...{ cwd: root, encoding: 'utf8' },
    });
    assert.equal(status, 0, output.join(''));
    const name = stdout.trimEnd().split('\n').at(-1) ?? '';
    assert.match(name, /^latchkey-.*\.tgz$/);
    const { stdout: files } = spawnSync('tar', ['tzf', join(folder, name)], { encoding: 'utf8' });
    assert.match(files, /^package\/dist\/lib\/cli\/main\.js$/m);
    assert.match(files, /^package\/dist\/lib\/net\/batch\/linux-\w+\.node$/m);
  });

  it('npm pack makes no package without the addon', () => {
    const env = { ...process.env, CC: 'none-such' };
    const { status, output } = spawnSync('npm', ['pack', '--pack-destination', folder], {
      ...{ cwd: root, env, encoding: 'utf8' },
    });
    assert.notEqual(status, 0);
    assert.match(output.join(''), /the addon for host: there is no none-such/);
    assert.deepEqual(readdirSync(folder), []);
  });
});
