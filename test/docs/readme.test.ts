// The tables of the README are those of the code: error codes, counters, reasons, events, options, commands.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createCounters, DROP_REASONS, ERROR_CODES } from '../../lib/index.js';
import { SUITES } from '../../lib/core/index.js';
import { namesInTable, readText, root, section } from './repository.js';
import { CALL_ROWS, DOCTOR_ROWS } from '../../lib/cli/call-options.js';
import { VERDICTS } from '../../lib/cli/diagnosis.js';
import { SERVER_EVENTS } from '../../lib/cli/event-log.js';
import { WATCH_ROWS } from '../../lib/cli/watch.js';
import type { OptionRow } from '../../lib/cli/option-table.js';
import { SERVE_ROWS } from '../../lib/cli/serve-options.js';
import { eventsOf, propertiesOf } from './source.js';

const readme = readText('README.md');

/** The tables of a part of the page, each as its lines. */
function tables(text: string): string[] {
  return text
    .split(/\n(?!\|)/)
    .map((block) => block.replace(/^[^|]*/, ''))
    .filter((block) => block.startsWith('|'));
}

function tableUnder(text: string, firstHeader: string): string {
  const table = tables(text).find((block) => block.startsWith(`| ${firstHeader} |`));
  if (table === undefined) throw new Error(`no table "${firstHeader}"`);
  return table;
}

const optionTable = (name: string): string[] => namesInTable(tableUnder(readme, `option of \`${name}\``));

describe('docs: README', () => {
  it('error codes: those of the code, with its words', () => {
    const rows = section(readme, '### Errors').matchAll(/^\| `(LATCHKEY_\w+)` \| (.+) \|$/gm);
    assert.deepEqual(Object.fromEntries([...rows].map(([, code, text]) => [code, text])), ERROR_CODES);
  });

  it('reasons for drops: those of the code, in its order', () => {
    assert.deepEqual(namesInTable(tableUnder(section(readme, '### Counters'), 'reason')), [...DROP_REASONS]);
  });

  it('counters: those of the code', () => {
    const names = Object.keys(createCounters()).filter((name) => name !== 'dropped');
    assert.deepEqual(namesInTable(tableUnder(section(readme, '### Counters'), 'counter')), names);
  });

  it('events: those of the code, with their fields', () => {
    const events = eventsOf('lib/core/events.ts', 'LatchEvent');
    const rows = tableUnder(section(readme, '### Events'), 'event').split('\n').slice(2);
    const same: string[] = [];
    const told = new Map<string, string[]>();
    for (const row of rows) {
      const [, name = '', , fields = ''] = row.split('|');
      const own = [...fields.matchAll(/`(\w+)`/g)].map(([, field = '']) => field);
      if (told.get('verified') === undefined && name.includes('verified')) same.push(...own);
      told.set(name.trim().replaceAll('`', ''), fields.includes('the same') ? [...same, ...own] : own);
    }
    assert.deepEqual([...told.keys()].sort(), [...events.keys()].sort());
    for (const [name, fields] of events) assert.deepEqual(told.get(name)?.sort(), [...fields].sort(), name);
  });

  it('the distribution server: its events and what its snapshot says of a call are those of the code', () => {
    const text = section(readme, '## The distribution server');
    const types = 'lib/server/server-types.ts';
    const first = (header: string) =>
      tableUnder(text, header)
        .trim()
        .split('\n')
        .slice(2)
        .map((row) => /^\| `(\w+)`/.exec(row)?.[1] ?? row);
    assert.deepEqual(first('event of the server'), propertiesOf(types, 'DistributionServerEvents'));
    const call = [...propertiesOf(types, 'CallPlace'), ...propertiesOf(types, 'CallSnapshot')];
    assert.deepEqual(first('field of a call'), call);
  });

  it('lines of serve: those that it can print', () => {
    const table = tableUnder(section(readme, '### latchkey serve'), 'line');
    assert.deepEqual(namesInTable(table), [...SERVER_EVENTS]);
    const source = ['serve', 'serve-rtsp', 'serve-watch']
      .map((name) => readText(`lib/cli/${name}.ts`))
      .join('');
    const printed = [...source.matchAll(/\blog\.(?:print|open)\((?:.* : )?'(\w+)'/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(printed)].sort(), [...SERVER_EVENTS].sort());
  });

  it('options: those of the code', () => {
    const [net, plugin] = ['lib/net/options.ts', 'plugins/sip/options.ts'];
    assert.deepEqual(optionTable('createLatchkey').sort(), propertiesOf(net, 'LatchkeyOptions').sort());
    assert.deepEqual(optionTable('createSession').sort(), propertiesOf(net, 'SessionOptions').sort());
    const [server, types] = ['createDistributionServer', 'lib/server/server-types.ts'] as const;
    assert.deepEqual(optionTable(server), propertiesOf(types, 'DistributionServerOptions'));
    assert.deepEqual(optionTable('latchSip').sort(), propertiesOf(plugin, 'LatchSipOptions').sort());
  });

  it('policies and suites: those of the code', () => {
    const policies = namesInTable(tableUnder(section(readme, '### Policies'), 'policy'));
    assert.deepEqual(policies, ['require', 'prefer', 'legacy', 'blind']);
    for (const suite of SUITES) assert.ok(readme.includes(`\`'${suite}'\``), suite);
  });

  it('imports: the entries of the package', () => {
    const { exports } = JSON.parse(readText('package.json')) as { exports: Record<string, unknown> };
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
    assert.deepEqual(
      namesInTable(tableUnder(readme, 'import')).sort(),
      entries.map((entry) => entry.replace(/^\./, 'latchkey')).sort(),
    );
  });

  it('both commands of a fresh clone are there, and their scripts', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
    for (const name of ['start', 'test']) assert.ok(scripts[name] && readme.includes(`\nnpm ${name} `), name);
    for (const [, name = ''] of readText('CONTRIBUTING.md').matchAll(/`npm run ([\w:]+)/g))
      assert.ok(scripts[name], name);
  });

  it('has the place of the demonstration', () => {
    assert.match(readme, /^<!-- demo:start -->\n```\n[^]*?\n```\n<!-- demo:end -->$/m);
  });

  for (const [command, rows] of Object.entries({
    serve: Object.values<OptionRow>(SERVE_ROWS),
    call: CALL_ROWS,
    watch: WATCH_ROWS,
    doctor: DOCTOR_ROWS,
  }))
    it(`options of latchkey ${command}: the rows of its table, in their order`, () => {
      const told = tableUnder(section(readme, `### latchkey ${command}`), 'option')
        .trim()
        .split('\n')
        .slice(2);
      const expected = rows.map(({ flag, default: unless, text }) =>
        ['', `\`${flag}\``, unless ?? '', text, ''].join(' | ').replaceAll('  ', ' ').trim(),
      );
      assert.deepEqual(told, expected);
    });

  it('the verdicts of doctor: each has its part in docs/doctor.md', () => {
    const parts = [...readText('docs/doctor.md').matchAll(/^## (.+)$/gm)].map(([, name]) => name);
    assert.deepEqual(parts, [...VERDICTS]);
  });

  for (const command of ['serve', 'call', 'doctor', 'replay', 'demo'])
    it(`options of latchkey ${command}: those of its help`, function () {
      this.timeout(30_000);
      const args = ['--import=tsx', 'lib/cli/main.ts', command, '--help'];
      const { stdout, status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      const inHelp = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+(?: <[\w.-]+>)?)/gm)].map(
        ([, option = '']) => option,
      );
      const told = namesInTable(tableUnder(section(readme, `### latchkey ${command}`), 'option'));
      assert.deepEqual(
        told.filter((name) => name.startsWith('--')).sort(),
        inHelp.filter((name) => name !== '--help').sort(),
      );
    });
});
