// The two servers of docs/examples on drachtio-srf, without latchkey and with it: how many lines it takes, and that both run as they
// stand, against the package as it is built, called by what `latchkey call` is made of.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startTerminal } from '../../lib/cli/terminal.js';
import type { Terminal, TerminalOptions } from '../../lib/phone/terminal.js';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import { DrachtioDaemon } from '../plugins/drachtio-daemon.js';
import { readText, root } from './repository.js';

const MAX_LINES = 15;

/** The program without the comment at its head, which tells how it is run. */
function programOf(name: string): string[] {
  return readText(`docs/examples/${name}`)
    .replace(/^(?:\/\/.*\n)+/, '')
    .split('\n');
}

/** Lines of `after` that are not lines of `before`: those of the longest common subsequence left out. */
function changedLines(before: readonly string[], after: readonly string[]): string[] {
  const kept = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number) => kept[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      kept[i]![j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const changed: string[] = [];
  for (let i = 0, j = 0; j < after.length;) {
    if (before[i] === after[j]) [i, j] = [i + 1, j + 1];
    else if (i < before.length && at(i + 1, j) >= at(i, j + 1)) i++;
    else changed.push(after[j++] ?? '');
  }
  return changed;
}

describe('docs: the drachtio examples', function () {
  this.timeout(30_000);
  let daemon: DrachtioDaemon;
  let program: ChildProcess | undefined;
  let terminal: Terminal | undefined;
  let output = '';

  afterEach(async () => {
    await terminal?.hangUp();
    if (program?.exitCode === null) {
      program.kill();
      await once(program, 'close');
    }
    await daemon.close();
  });

  async function run(name: string): Promise<void> {
    daemon = await DrachtioDaemon.start();
    output = '';
    program = spawn(
      process.execPath,
      ['--import=tsx', `docs/examples/${name}`, '127.0.0.1', String(daemon.port), daemon.secret, '127.0.0.1'],
      { cwd: root },
    );
    for (const stream of [program.stdout, program.stderr])
      stream?.on('data', (data: Buffer) => (output += data.toString()));
    await until(/^connected/m);
  }

  async function until(pattern: RegExp): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!pattern.test(output)) {
      if (performance.now() > deadline) throw new Error(`${pattern} did not come:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  function call(more: Partial<TerminalOptions> = {}): Terminal {
    const parsed = parseCallUri(daemon.uri('udp'));
    if (!parsed.ok) throw new Error(parsed.message);
    return (terminal = startTerminal({ uri: parsed.uri, ...more }));
  }

  it(`latchkey takes at most ${MAX_LINES} lines, imports included`, async () => {
    daemon = await DrachtioDaemon.start();
    const changed = changedLines(programOf('drachtio-plain.ts'), programOf('drachtio.ts'));
    assert.ok(changed.some((line) => line.includes("from 'latchkey/drachtio'")));
    assert.ok(changed.length <= MAX_LINES, changed.join('\n'));
    // What was taken away is nothing: every line of before is there still.
    assert.equal(programOf('drachtio.ts').length, programOf('drachtio-plain.ts').length + changed.length);
  });

  it('drachtio.ts: a caller behind a NAT hears itself, and still does when the NAT has another mapping', async () => {
    await run('drachtio.ts');
    // What the SDP says is nobody's address, as behind a NAT.
    const caller = call({ signalled: { address: '10.0.0.9', port: 4000 } });
    assert.equal((await caller.answered).kind, 'latch');
    await once(caller, 'rtp');
    await until(/^verified/m);
    await caller.move();
    await until(/^rebound/m);
    await once(caller, 'rtp');
    const { sent, received, verified, nat } = await caller.hangUp();
    assert.ok(verified && received > 0 && sent >= received);
    assert.equal(nat, 'both');
  });

  it('drachtio-plain.ts: a caller at the address that it says hears itself', async () => {
    await run('drachtio-plain.ts');
    const caller = call();
    assert.equal((await caller.answered).kind, 'none');
    await once(caller, 'rtp');
    assert.ok((await caller.hangUp()).received > 0);
  });
});
