// npm run mutants: breaks one rule at a time, in a copy, and runs the test that must notice. Without the break each of those
// tests must pass. `-- --rule 5.1` runs those of one rule. Ends with 1 where a mutant survives, or is no more to be found in
// the source, which happens when code moves: then its line in table.ts moves too.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MUTANTS } from './table.js';
import type { Mutant } from './table.js';

/** A break may make a test wait for ever: that is noticed too. */
const TEST_MS = 300_000;

type Outcome = 'caught' | 'SURVIVED' | 'NOT FOUND' | 'TEST FAILS WITHOUT IT';

const root = join(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { rule: { type: 'string', multiple: true } } });
const chosen = MUTANTS.filter(({ rule }) => values.rule === undefined || values.rule.includes(rule));
// Inside node_modules, so that packages are found from there and nothing looks for source.
const copy = join(root, 'node_modules/.cache/latchkey-mutants', String(process.pid));

makeCopy();
const sound = new Map<string, boolean>();
const outcomes = chosen.map((mutant): Outcome => {
  const outcome = judge(mutant);
  console.log(
    `${outcome.padEnd(10)} ${mutant.rule.padEnd(6)} ${mutant.what} (${mutant.file}; ${mutant.test})`,
  );
  return outcome;
});
rmSync(copy, { recursive: true, force: true });
const caught = outcomes.filter((outcome) => outcome === 'caught').length;
console.log(`${caught} of ${chosen.length} mutants caught`);
process.exit(caught === chosen.length && caught > 0 ? 0 : 1);

function judge({ file, search, replace, test }: Mutant): Outcome {
  const path = join(copy, file);
  const source = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (source.split(search).length !== 2) return 'NOT FOUND';
  if (!sound.has(test)) sound.set(test, passes(test));
  if (!sound.get(test)) return 'TEST FAILS WITHOUT IT';
  writeFileSync(
    path,
    source.replace(search, () => replace),
  );
  const hasSurvived = passes(test);
  writeFileSync(path, source);
  return hasSurvived ? 'SURVIVED' : 'caught';
}

function passes(test: string): boolean {
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const options = { cwd: copy, stdio: 'ignore', timeout: TEST_MS } as const;
  return spawnSync(process.execPath, [mocha, '--bail', '--exit', test], options).status === 0;
}

function makeCopy(): void {
  mkdirSync(copy, { recursive: true });
  for (const name of ['lib', 'plugins', 'test', 'package.json', 'tsconfig.json', '.mocharc.json'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  for (const name of ['docs', 'fixtures', 'node_modules', 'dist', 'README.md', 'CHANGELOG.md'])
    if (existsSync(join(root, name))) symlinkSync(join(root, name), join(copy, name));
}
