// docs/threats.md names a test for each promise, the tests are there, and each is about that promise.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { filesUnder, readText, root } from './repository.js';

const PROMISES = ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P9', 'P10', 'P11', 'P12'];

describe('docs: threats.md', () => {
  const page = readText('docs/threats.md');

  it('names only test files that are there', () => {
    const named = [...page.matchAll(/\btest\/[\w./-]+\.ts\b/g)].map(([path]) => path);
    assert.ok(named.length > 0);
    for (const path of named) assert.ok(existsSync(join(root, path)), path);
  });

  it('has each promise once, in order, with what is not promised', () => {
    const [, promises = ''] = page.split('## The twelve promises');
    const parts = promises.split(/^## /m)[0]!.split(/^### /m).slice(1);
    assert.deepEqual(
      parts.map((part) => /^P\d+/.exec(part)?.[0]),
      PROMISES,
    );
    for (const part of parts)
      for (const label of ['- Why:', '- Test:', '- Not promised:']) assert.ok(part.includes(label));
  });

  it('says of each kind of protection what such a client gets', () => {
    const [, union = ''] = /export type EndProtection = (.*);/.exec(readText('lib/core/events.ts')) ?? [];
    const kinds = [...union.matchAll(/'(\w+)'/g)].map(([, kind = '']) => kind);
    assert.ok(kinds.length > 4);
    const [, part = ''] = page.split('### What each kind of client gets');
    const cells = [...part.split(/^## /m)[0]!.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = '']) => cell);
    const listed = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, kind = '']) => kind));
    assert.deepEqual(listed.filter((kind) => kind !== 'protection').sort(), [...kinds].sort());
  });

  for (const promise of PROMISES)
    it(`${promise}: its test says that it tests ${promise}, and no other of that name is left out`, () => {
      const prefix = `${promise.toLowerCase()}-`;
      const files = filesUnder('test/scenarios').filter((path) => basename(path).startsWith(prefix));
      assert.notEqual(files.length, 0);
      const random = `test/property/${promise.toLowerCase()}.test.ts`;
      if (existsSync(join(root, random)))
        assert.ok(page.includes(`(../${random})`), `${random} is not named`);
      for (const path of files) {
        assert.ok(page.includes(`(../${path})`), `${path} is not named`);
        assert.match(readText(path), new RegExp(`describe\\('${promise}:`));
      }
    });

  it('protocol.md lists the same', () => {
    const listed = [...readText('docs/protocol.md').matchAll(/^\| (P\d+) \|/gm)].map(([, name]) => name);
    assert.deepEqual(listed, PROMISES);
  });
});
