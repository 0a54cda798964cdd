// linphonec 5.1 of Debian 12, unmodified, over each transport of SIP, with ICE and without.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import {
  linphone,
  OWN_ADDRESS,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';

describe('linphonec', function () {
  this.timeout(30_000);
  let folder: string;
  let phone: RunningClient | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('linphonec', 'timeout'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-linphone-'));
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
        const server = await ServerProcess.start('--open', '--listen', address);
        const to = { address, port: server.port(transport) };
        const certificate = String(server.listening.certificate);
        const call = { folder, address, server: to, transport, hasIce, durationS: 4, certificate };
        phone = new RunningClient(linphone(call));
        const rtp = await server.event('closed', ({ component }) => component === 1);
        const { stderr } = await server.stop();
        await phone.ended();
        assert.match(phone.said, /Media streams established/);
        const verified = server.events.filter(({ event }) => event === 'verified');
        assert.ok(verified.every(({ protection }) => protection === 'ice'));
        const components = new Set(verified.map(({ component }) => component));
        assert.deepEqual([...components].sort(), hasIce ? [1, 2] : []);
        assert.equal(rtp.protection, hasIce ? 'ice' : 'evidence');
        assert.ok(Number(rtp.delivered) > 50, `heard from it: ${String(rtp.delivered)}`);
        assert.ok(Number(rtp.sent) > 50, `sent to it: ${String(rtp.sent)}`);
        assert.doesNotMatch(stderr, /fault of ours/);
      });
    }
  }

  it('with SRTP is proved by its key, under a policy and a server that take nothing less', async () => {
    const address = OWN_ADDRESS;
    const server = await ServerProcess.start(
      ...['--open', '--listen', address, '--srtp', 'require', '--policy', 'require'],
    );
    const to = { address, port: server.port('tls') };
    const certificate = String(server.listening.certificate);
    const options = { folder, address, server: to, durationS: 3, certificate } as const;
    phone = new RunningClient(linphone({ ...options, transport: 'tls', hasIce: false, srtp: 'mandatory' }));
    const rtp = await server.event('closed', ({ component }) => component === 1);
    const { stderr } = await server.stop();
    await phone.ended();
    assert.equal(rtp.protection, 'srtp');
    assert.ok(Number(rtp.delivered) > 50 && Number(rtp.sent) > 50, JSON.stringify(rtp));
    assert.doesNotMatch(stderr, /fault of ours/);
  });
});
