// The page of the comparison: who held, who is compared with whom, and under which version it was measured; and what says that version.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documentOf } from './document.js';
import type { Result } from './report.js';
import { rtpengineVersion } from './rtpengine.js';
import { callerOf, GROUPS, OURS, SETTINGS } from './settings.js';
import type { Tally } from './tally.js';

const GOOD: Tally = {
  ...{ genuine: 450, attack: 900, leadMs: 100, stolen: 0, injected: 0, refused: 0, asked: 12 },
  ...{ lossToCaller: { kind: 'gap', ms: 40 }, lossFromCaller: { kind: 'gap', ms: 40 } },
};
const SCENES = GROUPS.flatMap(({ attacked, quiet }) => (quiet ? [attacked, quiet] : [attacked]));
const CONDITIONS = {
  ...{ date: '2026-01-02', versions: [['rtpengine', '0.0.1-test']] as const, runs: 5, tookS: 60 },
  ...{ load: [0, 1] as const, cores: 2, niceness: 0 },
};

/** Every row in every scene, all alike but for those that are told. */
function resultsBut(changes: Readonly<Record<string, Partial<Tally>>>): Result[] {
  return SETTINGS.flatMap(({ name }) =>
    SCENES.map((scene) => ({ setting: name, scene: scene.name, tally: { ...GOOD, ...changes[name] } })),
  );
}

describe('the page of the comparison', () => {
  it('has a row of ours and one of rtpengine for phones of each kind', () => {
    for (const [kind, name] of OURS) {
      const names = SETTINGS.filter((one) => callerOf(one.name) === kind).map((one) => one.name);
      assert.ok(names.includes(name), name);
      assert.ok(
        names.some((one) => one.startsWith('rtpengine')),
        kind,
      );
    }
    assert.equal(new Set(SETTINGS.map(({ name }) => name)).size, SETTINGS.length);
  });

  it('says which rows of rtpengine held as well, and which version it was', () => {
    const all = SETTINGS.filter(({ server }) => server === 'rtpengine').map(({ name }) => name);
    const [holds, ...others] = all;
    const page = documentOf(
      resultsBut(Object.fromEntries(others.map((name, i) => [name, i % 2 ? { stolen: 1 } : { refused: 1 }]))),
      CONDITIONS,
    );
    assert.ok(page.includes(`Of the rows of rtpengine so did: ${holds}.\n`));
    assert.match(page, /^\| rtpengine \| 0\.0\.1-test \|$/m);
    assert.match(page, /26\.3, measured on 2026-11-28/);
    const none = documentOf(
      resultsBut(Object.fromEntries(all.map((name) => [name, { stolen: 1 }]))),
      CONDITIONS,
    );
    assert.match(none, /^No row of rtpengine did so/m);
  });

  it('says what of ours did not hold, with any phones', () => {
    for (const [, name] of OURS) {
      const page = documentOf(resultsBut({ [name]: { refused: 3 } }), CONDITIONS);
      assert.match(page, /latchkey did not hold in 5 of its calls/);
      assert.ok(page.includes(`- ${name}: symmetric, attacked: 0 stolen, 0 injected, 3 refused`));
    }
  });

  it('compares ours with those that had the same phones', () => {
    const faster: Partial<Tally> = { lossToCaller: { kind: 'gap', ms: 1 } };
    const page = documentOf(resultsBut({ 'rtpengine, ICE, default': faster }), CONDITIONS);
    const line = '- latchkey, ICE: to the caller, attacked: 40 ms, better: rtpengine, ICE, default (1 ms)';
    assert.equal(page.split(line).length - 1, GROUPS.length);
    assert.doesNotMatch(page, /^- latchkey(, SDES)?: to the caller/m);
  });
});

describe('the build of rtpengine that is compared', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-rtpengine-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function program(text: string, mode = 0o755): string {
    const file = join(folder, `program-${mode}`);
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, mode);
    return file;
  }

  it('says its version, on whatever output', () => {
    assert.deepEqual(rtpengineVersion(program('echo Version: 26.3.1.0 >&2')), { version: '26.3.1.0' });
  });

  it('what cannot be run, or is another program, is named with the reason', () => {
    const missing = join(folder, 'nowhere');
    assert.deepEqual(rtpengineVersion(missing), { warning: `${missing} cannot be run: ENOENT` });
    const other = program('echo hello');
    assert.deepEqual(rtpengineVersion(other), { warning: `${other} cannot be run: says no version` });
    const closed = program('', 0o644);
    assert.deepEqual(rtpengineVersion(closed), { warning: `${closed} cannot be run: EACCES` });
  });
});
