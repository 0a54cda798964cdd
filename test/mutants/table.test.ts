// The table of mutants against the source: code that moves takes its mutants along. `npm run mutants` runs them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { MUTANTS } from './table.js';

const root = join(import.meta.dirname, '../..');
const count = (file: string, text: string): number =>
  readFileSync(join(root, file), 'utf8').split(text).length - 1;

describe('the table of mutants', () => {
  it('names what stands in the source, once, and a test that is there', () => {
    const lost = MUTANTS.filter(
      ({ file, search, replace, test }) =>
        search === replace ||
        !existsSync(join(root, test)) ||
        !existsSync(join(root, file)) ||
        count(file, search) !== 1,
    );
    assert.deepEqual(
      lost.map(({ rule, what }) => `${rule}: ${what}`),
      [],
    );
  });

  it('breaks rules and not the language: what does not parse fails every test', () => {
    for (const { file, search, replace } of MUTANTS) {
      const broken = readFileSync(join(root, file), 'utf8').replace(search, () => replace);
      assert.doesNotThrow(() => transformSync(broken, { loader: 'ts' }), search);
    }
  });

  it('has each once', () => {
    const places = MUTANTS.map(({ file, search, replace }) => `${file}: ${search} -> ${replace}`);
    assert.equal(new Set(places).size, places.length);
  });
});
