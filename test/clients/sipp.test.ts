// sipp 3.6 of Debian 12, which knows neither latch nor ICE: what each policy makes of such a caller.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import { RunningClient, skipBecause, whyNoClient, whyNoNetwork } from './client-programs.js';
import { echoCall, refusedCall } from './sipp-scenarios.js';

const LISTEN = '127.0.0.1';
const PACKETS = 100;

describe('sipp, without latch and without ICE', function () {
  this.timeout(30_000);
  let folder: string;
  let caller: RunningClient | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('sipp'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-sipp-'));
    writeFileSync(join(folder, 'speech.ulaw'), Buffer.alloc(160 * PACKETS, 0x55));
  });

  afterEach(async () => {
    caller?.kill();
    await CommandProcess.killAll();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  async function call(server: ServerProcess, transport: 'udp' | 'tcp', scenario: string) {
    writeFileSync(join(folder, 'scenario.xml'), scenario);
    const place = ['-i', LISTEN, '-mi', LISTEN, '-t', transport === 'udp' ? 'u1' : 't1', '-m', '1'];
    const target = `${LISTEN}:${server.port(transport)}`;
    const command = ['sipp', target, '-sf', 'scenario.xml', '-s', 'echo', ...place, '-nostdin'];
    caller = new RunningClient(command, folder);
    const code = await caller.ended();
    assert.equal(code, 0, `the scenario went otherwise: ${caller.said}`);
  }

  for (const transport of ['udp', 'tcp'] as const) {
    it(`is served under prefer, over ${transport.toUpperCase()}`, async () => {
      const server = await ServerProcess.start('--open', '--listen', LISTEN);
      await call(server, transport, echoCall('speech.ulaw'));
      const closed = await server.event('closed', ({ component }) => component === 1);
      assert.deepEqual([closed.protection, closed.delivered, closed.sent], ['evidence', PACKETS, PACKETS]);
      await server.stop();
    });
  }

  it('is refused with 488 and a Warning that says why under require', async () => {
    const server = await ServerProcess.start('--open', '--listen', LISTEN, '--policy', 'require');
    await call(server, 'udp', refusedCall());
    await server.event('rejected', ({ status }) => status === 488);
    await server.stop();
    assert.ok(!server.events.some(({ event }) => event === 'verified' || event === 'legacy'));
  });

  it('is latched blindly, told and counted, under blind', async () => {
    const server = await ServerProcess.start('--open', '--listen', LISTEN, '--policy', 'blind');
    await call(server, 'udp', echoCall('speech.ulaw'));
    const closed = await server.event('closed', ({ component }) => component === 1);
    assert.deepEqual([closed.protection, closed.delivered, closed.sent], ['legacy', PACKETS, PACKETS]);
    await server.stop();
    assert.equal(server.events.filter(({ event }) => event === 'legacy').length, 1);
    const total = server.events.find((one) => one.event === 'counters' && one.final === true);
    assert.equal(total?.legacy, 1);
  });
});
