// The lab itself: its NATs do what their names say, its lines delay and lose, and nothing of it stays behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { skipBecause } from '../clients/client-programs.js';
import { jsonLines } from './json-lines.js';
import { ATTACKER, Lab, NAT, SERVER, whyNoLab } from './lab.js';
import type { HostName, LabPlan, NatType } from './lab.js';
import { ownedNames } from './namespaces.js';
import { CARRIER, CLIENT, NAT_B, OPEN, SAME_CLIENT } from './plan.js';

const MIRROR = fileURLToPath(new URL('mirror.mjs', import.meta.url));
const LAB = new URL('lab.ts', import.meta.url).href;
const [ONE, OTHER] = ['7001', '7002'];

interface Answer {
  readonly seen: string;
  readonly afterMs: number;
}

describe('the lab', function () {
  this.timeout(20_000);
  let lab: Lab;

  beforeEach(function () {
    skipBecause(this, whyNoLab());
  });
  afterEach(() => lab?.close());

  async function build(plan: LabPlan): Promise<void> {
    lab = new Lab(plan);
    for (const host of ['pub', 'att'] as const)
      await jsonLines(lab.spawn(host, process.execPath, MIRROR, 'show', ONE, OTHER)).has('ready');
  }

  async function ask(
    host: HostName,
    targets: readonly string[],
    count = targets.length,
    intervalMs = 5,
    from = 10_001,
  ) {
    const options = [String(from), String(count), String(intervalMs), ...targets];
    const lines = jsonLines(lab.spawn(host, process.execPath, MIRROR, 'ask', ...options));
    await lines.end;
    return lines.all.filter(({ event }) => event === 'heard') as unknown as Answer[];
  }

  /** Under which addresses one socket of a client's is seen by three others. */
  async function mappings(host: HostName = 'cliA'): Promise<string[]> {
    const answers = await ask(host, [`${SERVER}:${ONE}`, `${SERVER}:${OTHER}`, `${ATTACKER}:${ONE}`]);
    assert.equal(answers.length, 3);
    return answers.map(({ seen }) => seen);
  }

  /** Whether somebody who was never spoken to is let in. */
  async function letsIn(host: HostName, mapping: string): Promise<boolean> {
    const hear = jsonLines(lab.spawn(host, process.execPath, MIRROR, 'hear', '10001', '300'));
    await hear.has('ready');
    const [address = '', port = ''] = mapping.split(':');
    const send = `const s = require('dgram').createSocket('udp4'); s.send('x', ${port}, '${address}', () => s.close())`;
    lab.run('att', process.execPath, '-e', send);
    await hear.end;
    return hear.all.some(({ event }) => event === 'heard');
  }

  const mapped: Record<NatType, { ports: RegExp; isSame: boolean; isOpen: boolean }> = {
    'port-preserving': { ports: /:10001$/, isSame: true, isOpen: false },
    symmetric: { ports: /:2\d{4}$/, isSame: false, isOpen: false },
    remapped: { ports: /:200\d\d$/, isSame: true, isOpen: false },
    'full-cone': { ports: /:20\d{3}$/, isSame: true, isOpen: true },
  };

  for (const [type, { ports, isSame, isOpen }] of Object.entries(mapped)) {
    it(`${type}: maps and filters as it should, and otherwise after a rebinding`, async () => {
      await build({ natA: { type: type as NatType } });
      const before = await mappings();
      for (const mapping of before) {
        assert.ok(mapping.startsWith(`${NAT}:`), mapping);
        assert.match(mapping, ports);
      }
      assert.equal(new Set(before).size === 1, isSame, before.join(' '));
      lab.rebind();
      const [after = ''] = await mappings();
      assert.match(after, /:3\d{4}$/);
      lab.rebind();
      const [last = ''] = await ask('cliA', [`${SERVER}:${ONE}`]).then((all) => all.map(({ seen }) => seen));
      assert.match(last, /:4\d{4}$/);
      assert.equal(await letsIn('cliA', last), isOpen);
    });
  }

  it('the system gives no host a port that a rebound NAT would leave as it is', async () => {
    await build({ natA: { type: 'port-preserving' } });
    const own = await ask('cliA', [`${SERVER}:${ONE}`], 1, 5, 0);
    assert.match(own[0]?.seen ?? '', /:1\d{4}$/);
    const inRange = await ask('cliA', [`${SERVER}:${ONE}`], 1, 5, 30_500);
    lab.rebind();
    const kept = await ask('cliA', [`${SERVER}:${ONE}`], 1, 5, 30_500);
    assert.deepEqual(kept[0]?.seen, inRange[0]?.seen, 'such a port is left as it is');
  });

  it('renumbering gives another external address', async () => {
    await build({ natA: { type: 'remapped' } });
    lab.renumber('natA', '203.0.113.99');
    assert.ok((await mappings()).every((mapping) => mapping.startsWith('203.0.113.99:')));
    assert.equal(lab.addressOf('natA'), '203.0.113.99');
  });

  it('a mapping ends with its timeout', async () => {
    await build({ natA: { type: 'symmetric', timeoutS: 1 } });
    const first = await ask('cliA', [`${SERVER}:${ONE}`], 4, 400);
    assert.equal(new Set(first.map(({ seen }) => seen)).size, 1, 'held by packets');
    const second = await ask('cliA', [`${SERVER}:${ONE}`], 2, 1700);
    assert.equal(new Set(second.map(({ seen }) => seen)).size, 2, 'gone without');
  });

  it('two NATs in a row, and the same private address behind two', async () => {
    const natA = { type: 'port-preserving', behind: 'carrier' } as const;
    await build({ natA, natB: { type: 'symmetric' }, samePrivate: true });
    assert.ok((await mappings('cliA')).every((mapping) => mapping.startsWith(`${CARRIER}:2`)));
    assert.ok((await mappings('cliB')).every((mapping) => mapping.startsWith(`${NAT_B}:2`)));
    assert.deepEqual([lab.addressOf('cliA'), lab.addressOf('cliB')], [SAME_CLIENT, SAME_CLIENT]);
    lab.rebind('carrier');
    assert.match((await mappings('cliA'))[0] ?? '', /:3/);
  });

  it('hairpin: a neighbour is reached, and seen, at the external address', async () => {
    await build({ natA: { type: 'port-preserving', hairpin: true }, neighbour: true, ipv6: true });
    await jsonLines(lab.spawn('cliA2', process.execPath, MIRROR, 'show', '40000')).has('ready');
    const [inside] = await ask('cliA', [`${NAT}:40000`]);
    assert.ok(inside?.seen.startsWith(`${NAT}:`), inside?.seen);
    const [outside] = await ask('open', [`${NAT}:40000`]);
    assert.equal(outside?.seen, `${OPEN}:10001`);
  });

  it('a line delays', async () => {
    await build({});
    await lab.line('cliA', { delayMs: 40 });
    await ask('cliA', [`${SERVER}:${ONE}`]); // waits for ARP
    const answers = await ask('cliA', [`${SERVER}:${ONE}`], 20, 10);
    const times = answers.map(({ afterMs }) => afterMs).sort((a, b) => a - b);
    assert.ok(times.length >= 15);
    assert.ok(times[0]! >= 80 && times[times.length >> 1]! < 100, times.join(' '));
  });

  it('a line loses', async () => {
    await build({});
    await lab.line('cliA', { lossPercent: 20 });
    const answers = await ask('cliA', [`${SERVER}:${ONE}`], 400, 1);
    // Twice 20 % of 400 leaves 256, with a standard deviation of 10.
    assert.ok(answers.length > 200 && answers.length < 310, `${answers.length} of 400 came back`);
  });

  it('is up and down in about a second with all that it can have, three side by side', () => {
    const natA = { type: 'full-cone', behind: 'carrier' } as const;
    const plan: LabPlan = { natA, natB: { type: 'symmetric' }, neighbour: true, ipv6: true };
    const startMs = performance.now();
    const labs = [1, 2, 3].map(() => new Lab(plan));
    const upMs = (performance.now() - startMs) / 3;
    for (const one of labs) one.close();
    const bothMs = (performance.now() - startMs) / 3;
    assert.ok(upMs < 1500 && bothMs < 2000, `up in ${upMs} ms, up and down in ${bothMs} ms`);
  });

  it('leaves nothing behind, not even when it is killed: the next one clears it away', async () => {
    const script = `import { Lab } from '${LAB}';
      const lab = new Lab();
      const sleeper = lab.spawn('cliA', 'sleep', '1000');
      console.log(JSON.stringify({ event: 'up', pid: process.pid, sleeper: sleeper.pid }));
      setTimeout(() => lab.close(), 100000);`;
    const options = ['--import=tsx', '--input-type=module', '-e', script];
    const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
    const { pid, sleeper } = await jsonLines(child).has('up');
    const left = () => ownedNames().filter((name) => name.startsWith(`lk${String(pid)}.`));
    assert.ok(left().length > 3);
    child.kill('SIGKILL');
    await once(child, 'close');
    const isRunning = () => existsSync(`/proc/${String(sleeper)}/exe`);
    assert.ok(isRunning(), 'it outlived its lab');
    lab = new Lab();
    assert.deepEqual(left(), []);
    while (isRunning()) await delay(10);
    const own = ownedNames().filter((name) => name.startsWith(`lk${process.pid}.`));
    lab.close();
    assert.ok(own.every((name) => !ownedNames().includes(name)));
    assert.equal(CLIENT, lab.addressOf('cliA'));
  });
});
