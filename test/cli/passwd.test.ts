// `latchkey passwd`: the file that it writes, and what it refuses. As users run it, with the password in the environment or on
// standard input.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestHa1, parseUsers } from '../../lib/sip/index.js';
import { root } from '../docs/repository.js';

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), 'passwd-'))));
after(() => rmSync(folder, { recursive: true }));

function passwd(
  args: readonly string[],
  { variable, input = '' }: { variable?: string; input?: string } = {},
) {
  // A variable that is undefined is not there.
  const env = { ...process.env, LATCHKEY_PASSWORD: variable };
  const command = ['--import=tsx', 'lib/cli/main.ts', 'passwd', ...args];
  return spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8', env, input });
}

describe('latchkey passwd', function () {
  this.timeout(60_000);

  it('writes users for the owner alone, changes one, and takes one out', () => {
    const file = join(folder, 'users');
    assert.equal(passwd([file, 'alice', '--rooms', 'tea,board'], { variable: 'one' }).status, 0);
    assert.equal(passwd([file, 'bob', '--md5', '--realm', 'lab'], { input: 'two\n' }).status, 0);
    assert.equal(passwd([file, 'alice'], { variable: 'three' }).status, 0);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, 'utf8');
    for (const password of ['one', 'two', 'three']) assert.ok(!text.includes(password));
    const [ours, lab] = ['latchkey', 'lab'].map((realm) => parseUsers(text, realm));
    assert.ok(ours?.ok && lab?.ok);
    assert.equal(ours.users.get('alice')?.ha1, digestHa1('SHA-256', 'alice', 'latchkey', 'three'));
    assert.equal(ours.users.get('alice')?.rooms, undefined);
    assert.equal(lab.users.get('bob')?.ha1, digestHa1('MD5', 'bob', 'lab', 'two'));
    assert.equal(passwd([file, 'alice', '--delete']).status, 0);
    assert.match(readFileSync(file, 'utf8'), /^bob:lab:MD5:[0-9a-f]{32}:\*\n$/);
  });

  it('refuses names, rooms and passwords that are none, in one line and with exit code 2', () => {
    const file = join(folder, 'none');
    for (const [args, input, message] of [
      [[file, 'al:ice'], 'x\n', /a name has 1 to 64 characters/],
      [[file, 'alice', '--rooms', 'a,,b'], 'x\n', /rooms are NAME/],
      [[file, 'alice', '--realm', 'a:b'], 'x\n', /a realm has no colon/],
      [[file, 'alice', '--delete'], '', /has no user alice/],
      [[file, 'alice'], '\n', /a password is needed/],
      [[file, 'alice'], '', /no password was given/],
    ] as const) {
      const { status, stderr } = passwd(args, { input });
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
    }
  });
});
