// baresip 1.0 of Debian 12, unmodified, over each transport of SIP, with ICE and without.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import {
  baresip,
  OWN_ADDRESS,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';

describe('baresip', function () {
  this.timeout(30_000);
  let folder: string;
  let phone: RunningClient | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('baresip'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-baresip-'));
  });

  afterEach(async () => {
    phone?.kill();
    await CommandProcess.killAll();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    for (const hasIce of [true, false]) {
      const outcome = hasIce ? 'with ICE and is verified by it' : 'without ICE and is served';
      it(`calls over ${transport.toUpperCase()} ${outcome}`, async () => {
        const address = OWN_ADDRESS;
        const server = await ServerProcess.start('--listen', address);
        const to = { address, port: server.port(transport) };
        const certificate = String(server.listening.certificate);
        const call = { folder, address, server: to, transport, hasIce, durationS: 3, certificate };
        phone = new RunningClient(baresip(call));
        await phone.ended();
        const rtp = await server.event('closed', ({ component }) => component === 1);
        const { stderr } = await server.stop();
        const verified = server.events.filter(({ event }) => event === 'verified');
        const expected = hasIce ? [1, 2].map((component) => ({ component, protection: 'ice' })) : [];
        assert.deepEqual(
          verified.map(({ component, protection }) => ({ component, protection })),
          expected,
        );
        assert.equal(rtp.protection, hasIce ? 'ice' : 'none');
        const [, sent = 0, received = 0] = (/packets: +(\d+) +(\d+)/.exec(phone.said) ?? []).map(Number);
        assert.ok(sent > 50 && received > 50, `by its own account: sent ${sent}, received ${received}`);
        assert.ok(Number(rtp.delivered) >= received, 'it heard no more than it said');
        assert.doesNotMatch(stderr, /fault of ours/);
      });
    }
  }
});
