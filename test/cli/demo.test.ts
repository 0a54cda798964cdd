import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DemoEvent } from '../../lib/cli/demo/demo-event.js';
import type { CallSummary } from '../../lib/phone/terminal.js';
import { CommandProcess } from './server-process.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));
/** On a loaded machine; without load it is below 100 ms. */
const SILENCE_MAX_MS = 500;

type Told<E extends DemoEvent['event']> = Extract<DemoEvent, { event: E }>;

describe('latchkey demo', function () {
  this.timeout(60_000);

  it('shows that the attack works on the blind call, not on the latched one and not on phones under evidence, and can be joined', async () => {
    const demo = new CommandProcess('demo', '--json', '--pace', '0.3');
    const told = async <E extends DemoEvent['event']>(name: E, scene?: string): Promise<Told<E>> =>
      (await demo.event(name, (event) => scene === undefined || event['scene'] === scene)) as never;
    try {
      const met = await told('met', 'latched');
      assert.equal(met.callers.length, 2);
      for (const [i, { name, signalled, mapping, nat, isImpostor }] of met.callers.entries()) {
        assert.equal(name, ['alice', 'bob'][i]);
        assert.match(signalled, new RegExp(`^10\\.0\\.${i + 1}\\.2:\\d+$`));
        assert.match(String(mapping), /^127\.0\.0\.1:\d+$/);
        assert.deepEqual([nat, isImpostor], ['both', false]);
      }
      const rebound = await told('rebound', 'latched');
      assert.equal(rebound.before, met.callers[0]?.mapping);
      assert.match(String(rebound.after), /^127\.0\.0\.1:\d+$/);
      assert.notEqual(rebound.after, rebound.before);
      assert.ok(
        Number(rebound.backMs) > 0 && Number(rebound.backMs) < SILENCE_MAX_MS,
        `${rebound.backMs} ms`,
      );

      const keyless = await told('met', 'evidence');
      for (const { mapping, ground, isImpostor } of keyless.callers) {
        assert.match(String(mapping), /^127\.0\.0\.1:\d+$/);
        assert.deepEqual([ground, isImpostor], ['question', false]);
      }
      assert.equal((await told('spray', 'evidence')).knowsNumbers, false);
      const followed = await told('rebound', 'evidence');
      assert.equal(followed.before, keyless.callers[0]?.mapping);
      assert.match(String(followed.after), /^127\.0\.0\.1:\d+$/);
      assert.ok(
        Number(followed.backMs) > 0 && Number(followed.backMs) < SILENCE_MAX_MS,
        `${followed.backMs} ms`,
      );

      const fooled = await told('met', 'blind');
      assert.deepEqual(
        fooled.callers.map(({ isImpostor }) => isImpostor),
        [false, true],
      );
      assert.equal((await told('rebound', 'blind')).backMs, undefined);

      const { columns } = await told('table');
      const [latched, evidence, blind] = columns.map(({ result }) => result);
      assert.ok(latched && evidence && blind);
      assert.deepEqual(
        columns.map(({ result }) => result.scene),
        ['latched', 'evidence', 'blind'],
      );
      assert.deepEqual([latched.stolen, latched.injected], [0, 0]);
      assert.ok(latched.sent > 1000 && latched.challenges > 0, JSON.stringify(latched));
      assert.ok(latched.longestSilenceMs < SILENCE_MAX_MS, `${latched.longestSilenceMs} ms`);
      assert.deepEqual([evidence.stolen, evidence.injected], [0, 0]);
      assert.ok(evidence.sent > 1000 && evidence.longestSilenceMs < SILENCE_MAX_MS, JSON.stringify(evidence));
      assert.ok(blind.stolen > 0 && blind.injected > 0, 'the positive control');
      assert.deepEqual(blind.stolenFrom, ['alice']);
      assert.ok(blind.longestSilenceMs > 1000);
      assert.deepEqual([latched.unroutable, evidence.unroutable, blind.unroutable], [0, 0, 0]);
      assert.equal((await told('verdict')).verdict.isPassed, true);

      const { command } = await told('join');
      const shell = promisify(execFile)('sh', ['-c', `${command.join(' ')} --duration 1 --json`], {
        cwd: ROOT,
      });
      const summary = JSON.parse((await shell).stdout.trim().split('\n').at(-1) ?? '') as CallSummary;
      assert.equal(summary.verified, true);
      assert.equal(summary.streams.length, 2, 'Alice and Bob are heard');
      const certificate = command[1].replace('--ca ', '');
      assert.ok(existsSync(certificate));
      assert.equal((await demo.stop('SIGINT')).code, 0);
      assert.equal(existsSync(dirname(certificate)), false);
    } finally {
      await demo.stop('SIGKILL');
    }
  });

  it('ends by itself after its --duration, and tells a person in short lines without colours', async () => {
    const demo = new CommandProcess('demo', '--pace', '0.3', '--duration', '4.3');
    const { code, stdout, stderr } = await demo.ended();
    assert.equal(stderr, '');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^packets stolen, .* 0$/m);
    assert.match(stdout, /^Measured: nothing was stolen from the latched call/m);
    assert.ok(!stdout.includes('\u001b'));
    for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
  });

  it('opens its page in a browser when asked to, by the means of the system', async function () {
    if (process.platform !== 'linux') return this.skip();
    const folder = mkdtempSync(join(tmpdir(), 'demo-browser-'));
    const path = process.env['PATH'];
    try {
      writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\necho "$@" > ${folder}/opened\n`, { mode: 0o755 });
      process.env['PATH'] = `${folder}:${path}`;
      const demo = new CommandProcess('demo', '--json', '--browser', '--duration', '1');
      const { url } = await demo.event('watch');
      const { stderr } = await demo.ended();
      assert.equal(readFileSync(join(folder, 'opened'), 'utf8'), `${url as string}\n`);
      process.env['PATH'] = '/nonexistent';
      const without = await new CommandProcess('demo', '--json', '--browser', '--duration', '1').ended();
      assert.equal(stderr, '');
      assert.match(without.stderr, /^latchkey: --browser: .*xdg-open/);
    } finally {
      process.env['PATH'] = path;
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses a duration or a pace that is none', async () => {
    for (const args of [
      ['--duration', '0'],
      ['--duration', 'soon'],
      ['--pace', '2'],
    ]) {
      const { code, stderr } = await new CommandProcess('demo', ...args).ended();
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`^latchkey: ${args[0]}: expects .*\n$`));
    }
  });

  it('takes its processes along when it is killed', async function () {
    if (!existsSync(`/proc/self/task/${process.pid}/children`)) return this.skip();
    const demo = spawn(process.execPath, [MAIN, 'demo', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(demo.stdout, 'data');
    const children = readFileSync(`/proc/${demo.pid}/task/${demo.pid}/children`, 'utf8').trim().split(' ');
    assert.equal(children.length, 6);
    demo.kill('SIGKILL');
    const isAlive = (pid: string): boolean => {
      try {
        // A zombie that nobody collects has ended too.
        return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      } catch {
        return false;
      }
    };
    const deadline = performance.now() + 10_000;
    while (children.some(isAlive) && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(children.filter(isAlive), []);
  });
});
