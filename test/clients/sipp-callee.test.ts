// sipp of Debian 12 as who is called by the server, over UDP and TCP: what each policy makes of an answer without a secret.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import { freePort } from '../plugins/sip-phones.js';
import { RunningClient, skipBecause, whyNoClient, whyNoNetwork } from './client-programs.js';
import { answeredCall } from './sipp-scenarios.js';

const LISTEN = '127.0.0.1';
const PACKETS = 50;
/** All packets, 20 ms apart, and a second for a busy machine. */
const PLAYED_MS = PACKETS * 20 + 1000;

describe('sipp, called by the server', function () {
  this.timeout(30_000);
  let folder: string;
  let callee: RunningClient | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('sipp'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-sipp-'));
    writeFileSync(join(folder, 'speech.ulaw'), Buffer.alloc(160 * PACKETS, 0x55));
    writeFileSync(join(folder, 'scenario.xml'), answeredCall('speech.ulaw'));
  });

  afterEach(async () => {
    callee?.kill();
    await CommandProcess.killAll();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  async function call(transport: 'udp' | 'tcp', policy: string): Promise<ServerProcess> {
    const port = await freePort();
    const place = ['-i', LISTEN, '-p', String(port), '-mi', LISTEN, '-t', transport === 'udp' ? 'u1' : 't1'];
    callee = new RunningClient(['sipp', '-sf', 'scenario.xml', ...place, '-m', '1', '-nostdin'], folder);
    await delay(500); // it does not say when it listens
    const uri = `sip:bob@${LISTEN}:${port};transport=${transport}`;
    return ServerProcess.start(
      '--open',
      '--listen',
      LISTEN,
      '--policy',
      policy,
      '--call',
      uri,
      '--room',
      'echo',
    );
  }

  /** It ends as its scenario says, the BYE included. */
  async function endsWell(): Promise<void> {
    assert.equal(await callee!.ended(), 0, callee!.said);
  }

  for (const [policy, transport, protection] of [
    ['prefer', 'udp', 'evidence'],
    ['prefer', 'tcp', 'evidence'],
    ['legacy', 'udp', 'evidence'],
    ['blind', 'udp', 'legacy'],
  ] as const) {
    it(`answers over ${transport.toUpperCase()}, and under ${policy} what protects the call is "${protection}"`, async () => {
      const server = await call(transport, policy);
      const { status, reason } = await server.event('callout');
      assert.deepEqual([status, reason], [200, 'OK']);
      await delay(PLAYED_MS);
      await server.stop();
      await endsWell();
      const closed = await server.event('closed', ({ component }) => component === 1);
      assert.deepEqual([closed.protection, closed.delivered, closed.sent], [protection, PACKETS, PACKETS]);
      const legacy = server.events.filter(({ event }) => event === 'legacy');
      assert.equal(legacy.length, protection === 'legacy' ? 1 : 0);
    });
  }

  it('answers, and under require is hung up on: the outcome says why, and no media goes either way', async () => {
    const server = await call('udp', 'require');
    const { status, reason } = await server.event('callout');
    assert.equal(status, 488);
    assert.match(String(reason), /latch is required/);
    await endsWell();
    await server.stop();
    const streams = server.events.filter(({ event }) => event === 'closed');
    assert.ok(streams.every(({ delivered = 0, sent = 0 }) => delivered === 0 && sent === 0));
    assert.ok(!server.events.some(({ event }) => event === 'verified' || event === 'legacy'));
  });
});
